"""Published measurements: each prints its build, command and machine, and keeps results/*.json."""
