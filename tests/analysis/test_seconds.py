"""Each cause of a bad second flips at its limit."""

from typing import Any

import pytest

from tests.reference import rundata as rd
from velroload.analysis.seconds import bad_seconds, busy_share, hold_seconds, stalls
from velroload.rundata import RunData

DATA = rd.build([rd.steady(100, 4)], 4)


def with_second(data: RunData, **more: Any) -> RunData:
    seconds = [rd.healthy_second(s) for s in range(4)]
    seconds[2] = rd.healthy_second(2, **more)
    return rd.with_evidence(data, seconds=seconds)


@pytest.mark.parametrize(
    ("good", "bad", "cause"),
    [
        ({"steal": 0.01}, {"steal": 0.011}, "steal 1.1 %"),
        ({"throttled": False}, {"throttled": True}, "throttled by the CPU quota"),
        ({"worker_cpu": [0.95]}, {"worker_cpu": [0.1, 0.97]}, "worker 1 CPU 97 %"),
        ({"run_delay": [0.05]}, {"run_delay": [0.06]}, "worker 0 waited 6 % for its CPU"),
        ({"heartbeat_late_ms": 50.0}, {"heartbeat_late_ms": 51.0}, "heartbeat 51 ms late"),
        ({"collections": 0}, {"collections": 2}, "2 collection(s)"),
        ({"steal": None, "worker_cpu": [None], "run_delay": None}, {"steal": 0.5}, "steal 50 %"),
    ],
)
def test_a_second_is_bad_beyond_its_limit(
    good: dict[str, Any], bad: dict[str, Any], cause: str
) -> None:
    assert bad_seconds(with_second(DATA, **good)) == []
    found = bad_seconds(with_second(DATA, **bad))
    assert [(entry.second, entry.causes) for entry in found] == [(2, (cause,))]


def test_a_busy_worker_is_no_bad_second_of_a_free_running_loop() -> None:
    free = rd.build([rd.steady(100, 4)], 4, model={"open": False, "paced": False})
    busy = with_second(free, worker_cpu=[1.0])
    assert bad_seconds(busy) == []
    assert busy_share(busy) == 0.25


@pytest.mark.parametrize(("length_ns", "seconds"), [(49_999_999, []), (500_000_000, [1, 2])])
def test_a_stall_marks_the_seconds_it_touches(length_ns: int, seconds: list[int]) -> None:
    worker = {"index": 3, "pinned": True, "stalls": [[1_800_000_000, length_ns]]}
    data = rd.with_evidence(DATA, workers=[worker])
    assert [entry.second for entry in bad_seconds(data)] == seconds
    assert [at for at, _, _ in stalls(data)] == ([1_800_000_000] if seconds else [])


def test_without_evidence_nothing_is_bad() -> None:
    data = rd.with_end(DATA, evidence={})
    assert bad_seconds(data) == []
    assert busy_share(data) == 0.0
    assert list(hold_seconds(data)) == [0, 1, 2, 3]
