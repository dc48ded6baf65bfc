"""The worst window of a run."""

import numpy as np
import pytest

from tests.reference import rundata as rd
from velroload.analysis.windows import Window, worst_window
from velroload.plan.threshold import parse_threshold
from velroload.rundata import RunData
from velroload.sample import ErrorKind

MS = rd.MS
SECOND = np.arange(10_000) // 1_000
SERVICE = np.where(SECOND == 6, 80 * MS, 3 * MS)
ERROR = np.where((SECOND == 3) & (np.arange(10_000) % 10 == 0), ErrorKind.STATUS, 0)
DATA = rd.build([rd.steady(1_000, 10, SERVICE, error=ERROR)], 10)
CLEAN = rd.build([rd.steady(1_000, 10, SERVICE)], 10)


def worst(text: str, data: RunData = DATA) -> Window | None:
    return worst_window(data, data, parse_threshold(text), [0])


@pytest.mark.parametrize(
    ("text", "start", "value"),
    [
        ("p95(response) < 75ms over 1s", 6, 80 * MS),
        ("max(service) < 75ms over 2s", 5, 80 * MS),
        ("mean(service) < 75ms over 1s", 6, 80 * MS),
        ("min(service) > 75ms over 1s", 0, 3 * MS),
    ],
)
def test_times_come_from_the_slowest_window(text: str, start: int, value: float) -> None:
    found = worst(text, CLEAN)
    assert found is not None
    assert found.start == start
    assert found.value == pytest.approx(value, rel=0.03)


def test_a_failure_is_slower_than_any_response() -> None:
    found = worst("max(service) < 75ms over 2s")
    assert found is not None
    assert (found.start, found.value) == (2, float("inf"))
    assert found.count == pytest.approx(2_000, abs=3)


def test_counts_come_from_the_worst_window() -> None:
    errors = worst("errors < 1% over 1s")
    assert errors is not None
    assert errors.start == 3
    assert errors.value == pytest.approx(0.1, abs=0.001)
    checks = worst("checks > 99% over 2s")
    assert checks is not None
    assert checks.value == pytest.approx(0.95, abs=0.001)
    rate = worst("rate >= 1000/s over 1s")
    assert rate is not None
    assert rate.start == 6  # its 80 ms push answers into the next second
    assert rate.value == pytest.approx(920, abs=5)


def test_a_window_longer_than_the_hold_or_without_enough_is_none() -> None:
    assert worst("rate > 1/s over 11s") is None
    assert worst("p99.9(response) < 1s over 1s") is None
    assert worst("p95(connect) < 1s over 1s") is None
