"""The sections of a report, each a function from a run to tables and texts."""
