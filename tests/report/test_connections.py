"""What became of connections, in words."""

from typing import Any

from tests.reference import rundata as rd
from velroload.analysis.analyse import analyse
from velroload.report.as_text import as_text
from velroload.report.connections import connection_lines

S = 1_000_000_000
AGES = " " * 12 + "requests by age of their connection –"


def lines_of(kept: list[int], *, verbose: bool = False, **counters: int) -> list[str]:
    worker = {"index": 0, "pinned": True, "counters": counters, "idle_closes_ns": kept}
    data = rd.with_evidence(rd.build([rd.steady(100, 2)], 2), workers=[worker])
    return connection_lines(analyse(data), verbose)


def test_quiet_where_nothing_happened() -> None:
    assert lines_of([], connections_opened=5, connections_closed_by_server=5) == []
    assert lines_of([], verbose=True, connections_opened=5) == [" connection 5 opened", AGES]


def test_the_servers_idle_close_time() -> None:
    lines = lines_of([5 * S], connections_opened=1_312, connections_closed_by_server=1_300,
                     idle_closes=1_300, idle_close_least=4_980_000_000)  # fmt: skip
    assert lines == [
        " connection 1,312 opened · 1,300 closed by the server · server closes idle connections "
        "after 5.00 s",
        "            (median of 1,300, least 4.98 s)",
    ]


def test_warmed_and_retried() -> None:
    assert lines_of([], connections_opened=20, connections_warmed=10, retries=1_000) == [
        " connection 20 opened, 10 of them before the start · 1,000 requests sent again: their "
        "connection was",
        "            closed",
    ]


def test_addresses_under_v() -> None:
    def text(**more: Any) -> str:
        loads = [
            rd.steady(500, 10),
            rd.steady(300, 10, name="127.0.0.1:80", kind="address", scenario=None),
            rd.steady(200, 10, 4 * rd.MS, name="[::1]:80", kind="address", scenario=None),
        ]
        return as_text(analyse(rd.build(loads, 10)), **more)

    assert "by address" not in text()
    table = text(verbose=True).partition("\n response time by address")[2].splitlines()
    assert [line.split()[:3] for line in table[1:3]] == [
        ["127.0.0.1:80", "3,000", "300.0"],
        ["[::1]:80", "2,000", "200.0"],
    ]
