"""analysis/shares.py: errors, checks and cache as shares of counters, and judged."""

from dataclasses import replace

import numpy as np
import pytest

from tests.reference import rundata as rd
from velroload.analysis.analyse import analyse
from velroload.analysis.shares import share_counts, share_series
from velroload.journal import COUNTS, Counter
from velroload.rundata import RunData

MISS, HIT, L1, L2, L3 = range(1, 6)


def told(**per_second: int) -> RunData:
    """20 s of 100/s whose answers told their layer so often in every second."""
    data = rd.build([rd.steady(100, 20)], 20)
    layers = {"miss": MISS, "hit": HIT, "l1": L1, "l2": L2, "l3": L3, "unknown": 0}
    rows = [
        (second, 0, Counter.CACHE + layers[name], 0, (0,) * 7, count)
        for second in range(20)
        for name, count in per_second.items()
    ]
    return replace(data, counts=np.concatenate([data.counts, np.array(rows, COUNTS)]))


def test_counts() -> None:
    values = {Counter.OK: 7, Counter.FAILED: 2, Counter.TRANSPORT: 1, Counter.CACHE + L2: 4,
              Counter.CACHE + L3: 1, Counter.CACHE: 9}  # fmt: skip
    assert share_counts(values, "errors") == (3, 10)
    assert share_counts(values, "checks") == (7, 9)
    assert share_counts(values, "cache") == (4, 5)


def test_series() -> None:
    hits, every = share_series(told(miss=5, l1=90, l3=5), [0], "cache", 20)
    assert (hits.tolist(), every.tolist()) == ([90.0] * 20, [100.0] * 20)


@pytest.mark.parametrize(
    ("layers", "text", "verdict"),
    [
        ({"l1": 90, "l2": 8, "miss": 2}, "cache >= 95%", "PASS"),
        ({"l1": 80, "l2": 8, "l3": 12}, "cache >= 95%", "FAIL"),
        ({"hit": 19, "miss": 1}, "cache >= 95%", "INCONCLUSIVE"),
        ({"hit": 99, "miss": 1, "unknown": 500}, "cache >= 95% over 10s", "PASS"),
        ({"l1": 80, "l3": 20}, "cache >= 95% over 10s", "FAIL"),
        ({"unknown": 100}, "cache >= 95%", "NOT MEASURED"),
        ({}, "cache >= 95%", "NOT MEASURED"),
    ],
)
def test_cache_thresholds(layers: dict[str, int], text: str, verdict: str) -> None:
    data = told(**layers) if layers else rd.build([rd.steady(100, 20)], 20)
    (found,) = analyse(rd.with_thresholds(data, text)).thresholds
    assert found.verdict == verdict
    if verdict == "NOT MEASURED":
        assert found.why == "no answer told where it came from"
