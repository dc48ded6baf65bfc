"""Charts as values: what a run looks like over time, before anybody draws it."""
