"""Burning CPU (what the other faults do to requests: test_faults)."""

import time

from velroload.target.toxics import burn


def test_burning_takes_cpu_not_time() -> None:
    began_ns = time.thread_time_ns()
    burn(5_000_000)
    assert time.thread_time_ns() - began_ns >= 5_000_000
