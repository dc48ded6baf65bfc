"""The arithmetic and the readers of bench/scale.py; and a small run of it, where nginx is."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench import scale
from tests.servers.nginx import needs_nginx


@pytest.mark.parametrize(
    ("connections", "descriptors", "processes"),
    [(100_000, 20_000, 7), (19_800, 20_000, 2), (19_801, 20_000, 3), (5_000, 1 << 20, 2)],
)
def test_processes(connections: int, descriptors: int, processes: int) -> None:
    assert scale.processes_for(connections, descriptors) == processes


def test_table() -> None:
    text = "TcpExt: A B\nTcpExt: 1 22\nIpExt: C\nIpExt: 3\n"
    assert scale.table(text) == {"A": 1, "B": 22, "C": 3}
    assert set(scale.counters()) == set(scale.WATCHED)


def row(**changes: Any) -> dict[str, Any]:
    good: dict[str, Any] = {
        "users": 100_000,
        "connections": 100_000,
        "ours_bytes_per_user": 4096.0,
        "ledger": {"exact": True},
        "kernel_counters": dict.fromkeys(scale.WATCHED, 0),
    }
    return good | changes


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "PASS"),
        ({"connections": 99_999}, "FAIL"),
        ({"ours_bytes_per_user": 4096.1}, "FAIL"),
        ({"ours_bytes_per_user": 9000.0, "users": 5_000, "connections": 5_000}, "PASS"),
        ({"ledger": {"exact": False}}, "FAIL"),
        ({"kernel_counters": {"TCPSynRetrans": 1}}, "FAIL"),
    ],
)
def test_verdict(changes: dict[str, Any], verdict: str) -> None:
    assert scale.verdict(row(**changes)) == verdict


@pytest.mark.slow
@pytest.mark.timing
@needs_nginx
def test_a_small_run(tmp_path: Path) -> None:
    assert scale.main(["--users", "300", "--every", "5", "--results", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "scale.json").read_text())
    assert found["ledger"]["exact"]
    assert (found["connections"], found["warmed"], found["reconnects"]) == (300, 300, 0)
    assert found["kernel"]["sockets"] >= 600
