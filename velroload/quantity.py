"""What is timed: names and their order. Apart from histogram.py, whose numpy a plan needs not."""

QUANTITIES = (
    "response",
    "service",
    "generator_lag",
    "read_lag",
    "wait",
    "connect",
    "tls",
    "first_byte",
)
"""What is timed, by index. Group and iteration rows: response is with think time, service without
it, and there is nothing else."""
