"""Two runs: what changed is seen, what did not is not, and little is promised of single runs."""

from dataclasses import replace

import numpy as np
import pytest

from tests.reference import rundata as rd
from velroload.analysis.analyse import analyse
from velroload.analysis.compare import Comparison, Difference, compare
from velroload.rundata import RunData

MS = rd.MS


def run(seed: int, factor: float = 1.0, **more: object) -> RunData:
    """30 s of 200/s whose times are lognormal about 10 ms, times a factor."""
    times = np.random.default_rng(seed).lognormal(0.0, 0.4, 6_000) * 10 * MS * factor
    return rd.build([rd.steady(200, 30, times.astype(np.int64))], 30, **more)


def compared(one: RunData, two: RunData) -> Comparison:
    return compare(analyse(one), analyse(two))


def of(found: Comparison, what: str) -> Difference:
    return next(each for each in found.differences if each.what == what)


def test_a_slower_build_differs() -> None:
    found = of(compared(run(1), run(2, 1.2)), "response p95")
    assert found.differs
    assert found.change == pytest.approx(0.2, abs=0.06)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.2 < found.high


@pytest.mark.slow
def test_equal_builds_seldom_differ() -> None:
    runs = [analyse(run(seed)) for seed in range(30)]
    pairs = [compare(one, two) for one, two in zip(runs[::2], runs[1::2], strict=True)]
    assert sum(bool(of(pair, "response p95").differs) for pair in pairs) <= 2


def test_failures_have_an_interval_of_their_difference() -> None:
    error = np.where(np.arange(6_000) % 20 == 0, 70, 0)
    two = rd.build([rd.steady(200, 30, error=error)], 30)
    found = of(compared(rd.build([rd.steady(200, 30)], 30), two), "failed")
    assert (found.first, found.second, found.differs) == (0.0, 0.05, True)


def test_what_differs_besides_is_named() -> None:
    two = run(2, host={"cpus": 64, "kernel": "6.1", "python": "3.11.9", "hostname": "other"})
    two = rd.with_thresholds(two, "p95 < 1s")
    found = compared(run(1), two)
    assert ("host: cpus", "2", "64") in found.unlike
    assert ("plan.thresholds", "[]", "['p95 < 1s']") in found.unlike
    assert "the machines differ: a change may be the machine's" in found.doubts
    assert found.doubts[-1].startswith("one run of each")


def test_rows_of_one_run_only() -> None:
    one = rd.build([rd.steady(100, 5, name="a"), rd.steady(100, 5, name="b")], 5)
    two = rd.build([rd.steady(100, 5, name="a"), rd.steady(100, 5, name="c")], 5)
    assert compared(one, two).only == (("b", 1), ("c", 2))


def test_empty_and_broken_runs() -> None:
    found = compared(rd.empty(), replace(run(1), end=None))
    assert of(found, "response p95").change is None
    assert found.doubts[0] == (
        "run 2 is incomplete: the run has no end: its coordinator was killed while it ran"
    )
