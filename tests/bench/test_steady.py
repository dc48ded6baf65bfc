"""CPU from /proc, medians and ratios."""

import os
import time
from typing import Any

import pytest

from bench.steady import cpu_ns, judge, summarise


def test_the_cpu_of_a_process_is_read_in_ns() -> None:
    before, spent = cpu_ns(os.getpid()), time.thread_time_ns()
    while time.thread_time_ns() - spent < 50_000_000:
        pass
    assert cpu_ns(os.getpid()) - before >= 45_000_000


def test_medians_and_ratios() -> None:
    def row(tool: str, mode: str, worker_us: float, coordinator_us: float | None) -> dict[str, Any]:
        run = {"command": "x", "worker_us": worker_us, "rate_per_s": 1.0}
        run |= {} if coordinator_us is None else {"coordinator_us": coordinator_us}
        broken = {"command": "x", "failed": "it ended"}
        return summarise({"tool": tool, "mode": mode, "connections": 64}, [run, broken])

    rows = [
        row("velroload", "closed", 7.7, 0.154),
        row("velroload", "planned", 12.0, 1.2),
        row("floor", "closed", 7.0, None),
    ]
    assert rows[0]["failed"] == "it ended"
    assert rows[0]["rounds"] == 1
    closed, planned = judge(rows)
    assert closed["worker_to_floor"] == pytest.approx(1.1)
    assert closed["coordinator_to_worker"] == pytest.approx(0.02)
    assert planned["worker_to_floor"] is None
    assert planned["coordinator_to_worker"] == pytest.approx(0.1)
