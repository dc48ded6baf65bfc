"""MSER-5: a slow start is found and cut, and a steady series is left alone."""

import numpy as np
import pytest

from tests.reference import rundata as rd
from velroload.analysis.analyse import analyse
from velroload.analysis.hold import in_hold
from velroload.analysis.outlook import WarmUp
from velroload.analysis.summary import summarise
from velroload.analysis.warmup import mser

MS = rd.MS


def warm_up(service: np.ndarray[tuple[int], np.dtype[np.int64]], seconds: int = 100) -> WarmUp:
    data = rd.build([rd.steady(100, seconds, service)], seconds)
    found = summarise(data, in_hold(data)).warm_up
    assert found is not None
    return found


def test_a_slow_start_is_cut_and_both_versions_shown() -> None:
    at = np.arange(10_000) / 100
    found = warm_up(np.where(at < 15, 40 * MS, 4 * MS + (np.arange(10_000) % 7) * 100_000))
    assert (found.seconds, found.most_s) == (15, 20)
    assert found.by in ("p50", "p99")
    assert found.p99_ns == pytest.approx(40 * MS, rel=0.02)
    assert found.trimmed_p99_ns == pytest.approx(4.6 * MS, rel=0.02)


def test_never_more_than_a_fifth() -> None:
    at = np.arange(10_000) / 100
    assert warm_up(np.where(at < 40, 40 * MS, 4 * MS)).seconds == 20


def test_the_cut_turns_no_fail_into_a_pass() -> None:
    at = np.arange(10_000) / 100
    service = np.where(at < 15, 100 * MS, 4 * MS)
    data = rd.with_thresholds(rd.build([rd.steady(100, 100, service)], 100), "p95 < 75ms")
    (threshold,) = analyse(data).thresholds
    assert (threshold.verdict, threshold.count) == ("INCONCLUSIVE", 10_000)
    assert threshold.observed == 100 * MS + 20_000


def test_a_short_hold_says_nothing() -> None:
    data = rd.build([rd.steady(100, 20)], 20)
    assert summarise(data, in_hold(data)).warm_up is None


def test_a_steady_series_has_no_warm_up() -> None:
    rng = np.random.default_rng(7)
    cuts = [mser(rng.normal(100.0, 5.0, 300)) for _ in range(400)]
    assert np.mean(np.array(cuts) > 0) < 0.05


def test_an_exponential_start_is_found() -> None:
    rng = np.random.default_rng(8)
    values = 100.0 * (1.0 - np.exp(-np.arange(300) / 10.0)) + rng.normal(0.0, 2.0, 300)
    assert 20 <= mser(values) <= 60
