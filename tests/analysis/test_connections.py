"""What became of connections, from evidence of which the truth is known."""

from dataclasses import replace
from typing import Any

import numpy as np

from tests.reference import rundata as rd
from velroload.analysis.analyse import analyse
from velroload.analysis.connections import connections_of
from velroload.analysis.result import Connections, IdleCloses
from velroload.journal import COUNTS, Counter
from velroload.rundata import RunData

S = 1_000_000_000


def worker(index: int, kept: list[int], **counters: int) -> dict[str, Any]:
    return {"index": index, "pinned": True, "counters": counters, "idle_closes_ns": kept}


def data_of(*workers: dict[str, Any]) -> RunData:
    return rd.with_evidence(rd.build([rd.steady(100, 2)], 2), workers=list(workers))


def test_nothing_is_known_without_an_end() -> None:
    assert connections_of(replace(data_of(), end=None)) is None
    assert connections_of(data_of({"index": 0, "pinned": True, "counters": {}})) is None


def test_sums_over_the_workers() -> None:
    one = {"connections_opened": 7, "connections_warmed": 2, "retries": 1}
    found = connections_of(data_of(
        worker(0, [], **one), worker(1, [], connections_opened=3, connections_closed_by_server=5)
    ))  # fmt: skip
    assert found == Connections(
        opened=10, warmed=2, closed_by_server=5, retries=1, idle_closes=None,
        requests_by_age={"under_1s": 0, "under_10s": 0, "under_100s": 0, "older": 0},
    )  # fmt: skip


def test_the_median_of_idle_closes_weighs_what_each_choice_stands_for() -> None:
    """Worker 1 saw nine times as many as worker 0, and both kept two."""
    found = connections_of(data_of(
        worker(0, [S, 2 * S], connections_opened=1, idle_closes=2, idle_close_least=S),
        worker(1, [5 * S, 6 * S], connections_opened=1, idle_closes=18, idle_close_least=4 * S),
    ))  # fmt: skip
    assert found is not None
    assert found.idle_closes == IdleCloses(20, S, 5 * S)


def test_requests_by_age() -> None:
    data = data_of(worker(0, [], connections_opened=1))
    rows = np.zeros(3, COUNTS)
    rows["counter"] = [Counter.AGE, Counter.AGE + 1, Counter.AGE + 3]
    rows["value"] = [150, 40, 10]
    data.counts = np.concatenate([data.counts, rows])
    found = connections_of(data)
    assert found is not None
    assert found.requests_by_age == {"under_1s": 150, "under_10s": 40, "under_100s": 0, "older": 10}
    assert analyse(data).summary.connections == found
