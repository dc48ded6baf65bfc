"""Tests that err towards chance: against scipy, and by how often they cry wolf."""

import numpy as np
import pytest
from scipy import stats

from tests.reference.planted import wander
from velroload.analysis.chance import correlate, fisher_chance, holm, poisson_chance, ranks


def test_ranks_share_ties() -> None:
    values = np.array([3.0, 1.0, 3.0, 2.0])
    assert ranks(values).tolist() == [2.5, 0.0, 2.5, 1.0]
    drawn = np.random.default_rng(1).integers(0, 9, 200).astype(float)
    assert np.allclose(ranks(drawn) + 1, stats.rankdata(drawn))


@pytest.mark.parametrize(("hits", "size", "other", "whole"), [
    (5, 20, 10, 200), (1, 50, 3, 60), (20, 20, 5, 1_000), (30, 200, 1_200, 19_000),
])  # fmt: skip
def test_fisher_is_scipys(hits: int, size: int, other: int, whole: int) -> None:
    table = [[hits, size - hits], [other, whole - other]]
    expected = stats.fisher_exact(table, alternative="greater").pvalue
    assert fisher_chance(hits, size, other, whole) == pytest.approx(expected, rel=1e-6)


def test_fisher_without_anything_is_certain() -> None:
    assert fisher_chance(0, 10, 5, 10) == 1.0
    assert fisher_chance(0, 0, 5, 10) == 1.0


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_the_poisson_bound_is_never_below_the_truth() -> None:
    counts, means = (each.ravel() for each in np.meshgrid(np.arange(60.0), [0.01, 0.5, 3.0, 20.0]))
    exact = stats.poisson.sf(counts - 1, means)
    assert (poisson_chance(counts, means) >= exact - 1e-12).all()


def test_a_lagged_effect_is_found_at_its_lag() -> None:
    cause = wander(np.random.default_rng(3), 300, 0.5)
    effect = np.concatenate([np.zeros(3), cause[:-3]])
    effect += 0.3 * np.random.default_rng(4).normal(size=300)
    found = correlate(cause, effect)
    assert found is not None
    assert (found.lag, found.rho > 0.9, found.chance < 1e-6) == (3, True, True)


def test_too_little_or_nothing_that_moves() -> None:
    assert correlate(np.arange(10.0), np.arange(10.0)) is None
    assert correlate(np.ones(100), np.arange(100.0)) is None
    gaps = np.where(np.arange(100) % 10 == 0, np.arange(100.0), np.nan)
    assert correlate(gaps, np.arange(100.0)) is None


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
def test_series_with_memory_do_not_cry_wolf(memory: float) -> None:
    """Independent series: at 5 %, with six lags tried, no more than 5 % (+ 3 standard errors of 300
    trials); the plain test would cry in half of them at 0.9."""
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(300):
        found = correlate(wander(rng, 120, memory), wander(rng, 120, memory))
        wrong += found is not None and found.rho > 0 and found.chance < 0.05
    assert wrong <= 0.05 * 300 + 3 * (300 * 0.05 * 0.95) ** 0.5
