"""Running: one run = target + engine + analysis, passed in as callables."""
