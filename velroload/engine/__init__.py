"""Doing: the coordinator, its workers, the memory they share and the journal of the run."""
