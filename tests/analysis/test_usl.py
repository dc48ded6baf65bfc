"""The Universal Scalability Law: known parameters come back, intervals cover."""

import numpy as np
import pytest
from numpy.typing import NDArray

from velroload.analysis.usl import curve, fit_usl

Floats = NDArray[np.float64]
LEVELS = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
TRUE = np.array([20.0, 0.03, 0.0002])


def test_exact_levels_give_back_their_parameters() -> None:
    found = fit_usl(LEVELS, curve(LEVELS, TRUE))
    assert found is not None
    assert found.per_user_per_s == pytest.approx(20.0, rel=1e-4)
    assert found.contention == pytest.approx(0.03, rel=1e-3)
    assert found.coherency == pytest.approx(0.0002, rel=1e-2)
    assert found.r_squared == pytest.approx(1.0)


def test_a_peak_is_told_within_twice_the_largest_level_only() -> None:
    near, far = np.array([20.0, 0.03, 0.0006]), np.array([20.0, 0.03, 0.00001])
    found = fit_usl(LEVELS, curve(LEVELS, near))
    assert found is not None
    assert found.peak_users == pytest.approx(np.sqrt(0.97 / 0.0006), rel=0.01)
    beyond = fit_usl(LEVELS, curve(LEVELS, far))
    assert beyond is not None
    assert beyond.peak_users is None


def test_a_straight_line_has_neither_contention_nor_a_peak() -> None:
    found = fit_usl(LEVELS, 20.0 * LEVELS)
    assert found is not None
    assert found.contention == pytest.approx(0.0, abs=1e-6)
    assert found.peak_users is None


@pytest.mark.parametrize(
    ("users", "rates"),
    [
        (LEVELS[:5], LEVELS[:5]),
        (np.repeat(LEVELS[:3], 2), np.repeat(LEVELS[:3], 2)),
        (np.array([0.0, *LEVELS]), np.array([0.0, *LEVELS])),
    ],
)
def test_too_little_fits_no_curve(users: Floats, rates: Floats) -> None:
    assert fit_usl(users, rates) is None


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.01, 0.03])
def test_intervals_cover(noise: float) -> None:
    rng = np.random.default_rng(3)
    hits, runs = np.zeros(3), 600
    for _ in range(runs):
        found = fit_usl(LEVELS, curve(LEVELS, TRUE) * (1 + noise * rng.standard_normal(6)))
        assert found is not None
        ends = (found.per_user_interval, found.contention_interval, found.coherency_interval)
        hits += [low <= true <= high for (low, high), true in zip(ends, TRUE, strict=True)]
    assert hits / runs == pytest.approx(0.95, abs=0.03)
