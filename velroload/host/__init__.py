"""Fitness: may and can this machine carry the run. Checks before the start, no load."""
