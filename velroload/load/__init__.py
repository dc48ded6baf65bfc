"""When things start: every load model becomes a Schedule, as data. Pure arithmetic."""
