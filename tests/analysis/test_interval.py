"""Support, intervals and bounds: against theory, and against Monte-Carlo truth."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.special import ndtri
from scipy.stats import binom

from velroload.analysis.interval import (
    BOOTSTRAP_SEED,
    ShareTest,
    bootstrap_columns,
    effective_size,
    join,
    percentile_columns,
    samples_needed,
    share_bounds,
    slice_length,
)

RATE = 1_000
QUANTILES = (0.5, 0.95, 0.99)
BIN = 1 / 512
EDGES = np.exp(np.arange(-6, 6, BIN))
"""Finer than the run folder's: ends are rounded outward to a bin, which would hide an interval
that is too narrow, and make one of independent requests look too wide."""


@pytest.mark.parametrize(
    ("quantile", "needed"),
    [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368), (0.999, 3_688), (0.9999, 36_887)],
)
def test_a_percentile_needs_enough_samples(quantile: float, needed: int) -> None:
    assert samples_needed(quantile) == needed
    assert quantile**needed <= 0.025 < quantile ** (needed - 1)
    assert samples_needed(1.0 - quantile) == needed


@pytest.mark.parametrize(("hits", "total"), [(0, 10), (3, 10), (10, 10), (463, 10_000)])
def test_share_bounds_are_exact_binomial_tails(hits: int, total: int) -> None:
    low, high = share_bounds(hits, total)
    assert low == 0.0 if hits == 0 else binom.sf(hits - 1, total, low) == pytest.approx(0.025)
    assert high == 1.0 if hits == total else binom.cdf(hits, total, high) == pytest.approx(0.025)


def test_nothing_bounds_nothing() -> None:
    assert share_bounds(0, 0) == (0.0, 1.0)


def test_at_most_463_of_10000_may_exceed_a_p95() -> None:
    test = ShareTest(10_000, 0.05)
    assert test.below(463)
    assert not test.below(464)
    assert not test.above(536)
    assert test.above(537)


def test_what_would_settle_it_settles_it() -> None:
    undecided = ShareTest(1_000, 0.05)
    needed = undecided.needed(45)
    assert needed is not None
    assert needed > 1_000
    assert ShareTest(1.1 * needed, 0.05).below(0.045 * 1.1 * needed)
    assert ShareTest(1_000, 0.05).needed(50) is None
    assert ShareTest(10, 0.01).needed(0) == 299


def test_correlation_takes_requests_away() -> None:
    totals = np.full(100, 1_000.0)
    even = np.full(100, 10.0)
    assert effective_size(even, totals).size == 100_000
    bursts = np.where(np.arange(100) % 20 == 0, 200.0, 0.0)
    found = effective_size(bursts, totals)
    assert found.slices == 100
    assert found.size < 1_000
    assert found.design_effect > 100


def test_an_effective_size_of_one_slice_is_the_count() -> None:
    assert effective_size(np.array([3.0]), np.array([100.0])).size == 100
    assert effective_size(np.zeros(0), np.zeros(0)).size == 0


def test_slices_grow_until_neighbours_are_strangers() -> None:
    totals = np.full(200, 100.0)
    rng = np.random.default_rng(1)
    assert slice_length(rng.poisson(5, 200).astype(float), totals) == 1
    waves = 5.0 + 4.0 * np.sin(np.arange(200) / 10)
    assert slice_length(waves, totals) > 4
    assert slice_length(np.zeros(4_000), np.ones(4_000)) == 17  # never more than 240 slices


def test_join_sums_neighbours() -> None:
    assert join(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), 2).tolist() == [3.0, 7.0, 5.0]


def test_an_interval_is_refused_without_support() -> None:
    slices = np.zeros((10, 3))
    slices[:, 1] = 36
    assert percentile_columns(slices, (0.99,)) == [None]
    slices[:, 1] = 37
    assert percentile_columns(slices, (0.99,)) == [(1, 1)]
    assert percentile_columns(np.zeros((0, 0)), (0.5,)) == [None]


def test_one_slice_has_the_interval_of_its_order_statistics() -> None:
    slices = np.ones((1, 1_000))
    found = percentile_columns(slices, (0.5,))[0]
    assert found is not None
    low, high = share_bounds(500, 1_000)
    assert found[0] == pytest.approx(1_000 * low, abs=1)
    assert found[1] == pytest.approx(1_000 * high, abs=1)


def test_the_same_data_gives_the_same_interval() -> None:
    slices = np.random.default_rng(2).poisson(3, (30, 200)).astype(float)
    first = bootstrap_columns(slices, (0.5, 0.95))
    assert first == bootstrap_columns(slices, (0.5, 0.95), seed=BOOTSTRAP_SEED)


def ar1_slices(
    rng: np.random.Generator, phi: float, seconds: int, rate: int
) -> NDArray[np.float64]:
    """Per-second histograms of log-normal times whose logarithms are an AR(1) process."""
    noise = rng.standard_normal(seconds * rate) * (1 - phi**2) ** 0.5
    noise[0] = rng.standard_normal()
    times = np.exp(lfilter([1], [1, -phi], noise))
    bins = np.searchsorted(EDGES, times) + np.repeat(np.arange(seconds), rate) * (len(EDGES) + 1)
    counts = np.bincount(bins, minlength=seconds * (len(EDGES) + 1))
    return counts.reshape(seconds, -1).astype(np.float64)


def measured(phi: float, seconds: int, runs: int) -> tuple[list[float], list[float]]:
    """Of the 95 % intervals of QUANTILES at RATE: how often they hold the truth, and their mean
    width in logarithms. The runs are the same every time."""
    truth = np.searchsorted(EDGES, np.exp(ndtri(QUANTILES)))
    rng = np.random.default_rng(7)
    hits, widths = np.zeros(3), np.zeros(3)
    for _ in range(runs):
        found = percentile_columns(ar1_slices(rng, phi, seconds, RATE), QUANTILES)
        for place, ends in enumerate(found):
            assert ends is not None
            hits[place] += ends[0] <= truth[place] <= ends[1]
            widths[place] += (ends[1] - ends[0] + 1) * BIN
    return list(hits / runs), list(widths / runs)


def assert_near_their_name(phi: float, seconds: int, runs: int) -> None:
    """90-98 % under correlation, by two standard errors wider."""
    for share in measured(phi, seconds, runs)[0]:
        assert 0.90 - 2 * (0.90 * 0.10 / runs) ** 0.5 <= share
        assert share <= 0.98 + 2 * (0.98 * 0.02 / runs) ** 0.5


def test_intervals_hold_the_truth_under_correlation() -> None:
    assert_near_their_name(0.98, 30, 120)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [10, 20, 60])
def test_coverage_is_near_its_name(seconds: int) -> None:
    assert_near_their_name(0.98, seconds, 300)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [10, 20, 60])
def test_independent_requests_have_intervals_little_wider_than_they_need(seconds: int) -> None:
    """That they are independent has to be found out: theory's intervals know it."""
    shares, widths = measured(0.0, seconds, 300)
    q = np.array(QUANTILES)
    density = np.exp(-(ndtri(q) ** 2) / 2) / (2 * np.pi) ** 0.5
    needed = 2 * 1.96 * (q * (1 - q) / (RATE * seconds)) ** 0.5 / density
    assert (np.array(widths) <= 1.35 * needed).all(), widths / needed
    assert min(shares) >= 0.90
