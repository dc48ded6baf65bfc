"""Tables from results: only what was measured."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.harness import ROOT, announce
from bench.table import BLOCK, TABLES, fill, main, read_results, rows_of

PAGE = "# T\n<!-- table: {} -->\nold\n<!-- end -->\nafter\n"


def body(name: str, **figures: Any) -> list[str]:
    """The lines of one table made from a result."""
    head = announce(TABLES[name][0])
    page = fill(PAGE.format(name), {TABLES[name][0]: {**head, **figures}})
    assert "old" not in page
    assert page.startswith(f"# T\n<!-- table: {name} -->\n| ")
    assert page.endswith("<!-- end -->\nafter\n")
    return [line for line in page.splitlines() if line.startswith("|")][2:]


@pytest.mark.parametrize("name", sorted(TABLES))
def test_without_results_everything_is_not_measured(name: str) -> None:
    page = fill(PAGE.format(name), {})
    assert "not measured" in page
    assert "\nNot measured yet.\n" in page
    assert fill(page, {}) == page


def test_the_ratios_stand_beside_their_goals() -> None:
    row = {"connections": 64, "velroload_to_wrk": 0.973, "worker_to_floor": 1.1234,
           "velroload_rate_to_wrk": None}  # fmt: skip
    assert body("ratios", ratios=[row]) == [
        "| 64 | 0.97 | ≤ 1.00 | 1.12 | ≤ 1.15 | not measured |",
        "| 1,000 | not measured | ≤ 0.75 | not measured | ≤ 1.15 | not measured |",
        "| 10,000 | not measured | ≤ 0.70 | not measured | ≤ 1.15 | not measured |",
    ]


def test_many_users_stand_beside_their_limits() -> None:
    lines = body("scale", connections=100_000, users=100_000, ours_bytes_per_user=1_939.3,
                 limit_bytes_per_user=4096, ledger={"exact": True, "server_requests": 100_000},
                 kernel={"slab_bytes_per_connection": 10_264.3, "buffer_bytes": 0},
                 kernel_counters={"TCPSynRetrans": 0, "ListenOverflows": 0})  # fmt: skip
    assert lines == [
        "| connected users | 100,000 | 100,000 |",
        "| our memory per user, bytes | 1,939 | ≤ 4,096 |",
        "| kernel slab per connection, both ends, bytes | 10,264 |  |",
        "| kernel socket buffers in all, bytes | 0 |  |",
        "| ledger beside nginx's own count (100,000 requests) | exact | exact |",
        "| SYNs sent twice | 0 | 0 |",
        "| accept queues overflowed | 0 |  |",
    ]


def test_a_row_of_capacity_names_its_command() -> None:
    row = {"tool": "wrk", "mode": "closed", "connections": 1000, "cpu_us_per_request": 13.6,
           "user_us_per_request": None, "system_us_per_request": 9.0, "rate_per_s": 61234.5,
           "rounds": 5, "command": "wrk -c1000 'a|b'"}  # fmt: skip
    assert body("capacity", rows=[row]) == [
        "| wrk | closed | 1,000 | 13.60 | not measured | 9.00 | 61,234 | 5 | `wrk -c1000 'a/b'` |"
    ]


def test_worker_and_coordinator_stand_beside_their_goals() -> None:
    ours = {"tool": "velroload", "mode": "closed", "connections": 64, "rate_per_s": 9e4,
            "worker_us": 7.7, "coordinator_us": 0.2}  # fmt: skip
    floor = ours | {"tool": "floor", "worker_us": 7.0, "coordinator_us": None}
    ratio = {"connections": 64, "mode": "closed", "worker_to_floor": 1.1,
             "coordinator_to_worker": 0.026}  # fmt: skip
    assert body("steady", rows=[ours, floor], ratios=[ratio]) == [
        "| velroload | closed | 64 | 90,000 | 7.70 | 0.20 | 1.10 | 2.6% |",
        "| floor | closed | 64 | 90,000 | 7.00 |  |  |  |",
    ]


def test_a_missed_limit_is_marked() -> None:
    def judged(value: float | None, limit: float) -> dict[str, Any]:
        good = value is not None and value <= limit
        return {"median_us": value, "limit_us": limit, "verdict": "PASS" if good else "FAIL"}

    service = {"p50": judged(49, 50), "p99": judged(120, 100), "max": judged(None, 500)}
    row = {"case": "fixed", "condition": "busy", "tool": "velroload", "rounds": 5,
           "service": service, "paired": {"p99": judged(10, 150)}}  # fmt: skip
    law = {"law": {"p99": {"median": 0.0123, "limit": 0.02, "verdict": "PASS"}}}
    assert body("accuracy", rows=[row]) == [
        "| fixed | busy | velroload | 49 | 120 ✗ | not measured | not measured | 10 | not measured"
        " | 5 |"
    ]
    bare = {"case": "lag", "condition": "quiet", "tool": "timerfd",
            "generator_lag_ms": {"p99": {"median": 0.7, "limit": None, "verdict": ""}}}  # fmt: skip
    assert body("laws", rows=[row | law, bare]) == [
        "| law of the stall p99 | fixed, busy | 1.23 % | ≤ 2 % | PASS |",
        "| bare timerfd loop, lag p99 | lag, quiet | 0.70 ms |  |  |",
    ]
    assert len(body("accuracy", rows=[row, bare])) == 1


def test_the_other_tables() -> None:
    part = {"name": "parser", "median_ns": 140.04, "best_ns": 139.0, "limit_ns": 150.0}
    assert body("micro", rows=[part | {"verdict": "PASS"}]) == [
        "| parser | 140.0 | 139.0 | ≤ 150 | PASS |"
    ]
    joined = {"users": 10000, "worker_rss_mib": 41.26, "limit_mib": 60.0, "verdict": "PASS"}
    assert body("memory", connected=joined)[0] == (
        "| worker RSS without the ring, 10,000 connected VUs, MiB | 41.3 | ≤ 60 | PASS |"
    )
    run = {"connections_sending": 15000,
           "workers": [{"first_us": 20.0, "last_us": 30.0, "ratio": 1.5}]}  # fmt: skip
    assert body("connects", rows=[run]) == [
        "| run 1, worker 0 | 15,000 | 20.0 | 30.0 | 1.50 | ≤ 2 |"
    ]
    level = {"workers": 2, "rate_per_s": 9e4, "cpu_us_per_request": 9.0, "of_linear": 0.95}
    assert body("scaling", rows=[level | {"limited_by": "the server"}]) == [
        "| 2 | 90,000 | 9.00 | 0.95 | the server |"
    ]
    times = {"help": {"median_s": 0.0812, "verdict": "PASS"},
             "first_request": {"failed": "exit 1"},
             "overhead": {"median_s": 0.2123, "verdict": "PASS"}}  # fmt: skip
    assert body("startup", **times) == [
        "| velroload --help, ms | 81 | < 150 | PASS |",
        "| command to first request, ms | not measured | < 1500 | exit 1 |",
        "| start and end of a run with one worker, CPU of the tree, ms | 212 | < 400 | PASS |",
    ]


def test_an_empty_table_says_so() -> None:
    assert rows_of(["a", "b"], []) == "| a | b |\n| --- | --- |\n| not measured |  |\n"


def test_the_page_asks_only_for_tables_that_are_made() -> None:
    page = (ROOT / "docs" / "performance.md").read_text()
    assert sorted(match[2] for match in BLOCK.finditer(page)) == sorted(TABLES)


def test_the_page_is_filled_from_the_kept_results(tmp_path: Path) -> None:
    page, results = tmp_path / "page.md", tmp_path / "results"
    results.mkdir()
    page.write_text(PAGE.format("micro"))
    rows = [{"name": "pacer", "median_ns": 33.0, "best_ns": 32.0}]
    kept = {**announce("micro"), "rows": rows}
    (results / "micro.json").write_text(json.dumps(kept))
    assert main(["--results", str(results), "--page", str(page)]) == 0
    assert "| pacer | 33.0 | 32.0 |  |  |" in page.read_text()
    assert f"`{kept['command']}` · {kept['date']} · " in page.read_text()
    assert list(read_results(results)) == ["micro"]
