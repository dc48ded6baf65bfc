"""Trends: known slopes, honest p-values for independent and correlated series."""

import numpy as np
import pytest
from numpy.typing import NDArray

from velroload.analysis.trend import BLOCKS_LEAST, trend

Floats = NDArray[np.float64]


def correlated(rng: np.random.Generator, count: int, phi: float) -> Floats:
    """AR(1) of unit innovations, begun in its stationary state."""
    noise = rng.standard_normal(count)
    values = np.empty(count)
    values[0] = noise[0] / np.sqrt(1.0 - phi**2)
    for place in range(1, count):
        values[place] = phi * values[place - 1] + noise[place]
    return values


def test_a_straight_line_has_its_slope() -> None:
    x = np.arange(60.0)
    found = trend(x, 5.0 + 0.25 * x)
    assert found is not None
    assert found.slope == pytest.approx(0.25)
    assert found.low == pytest.approx(0.25)
    assert found.high == pytest.approx(0.25)
    assert found.p_value < 1e-9


def test_a_constant_has_no_trend() -> None:
    found = trend(np.arange(60.0), np.full(60, 7.0))
    assert found is not None
    assert (found.slope, found.p_value) == (0.0, 1.0)


def test_one_wild_point_does_not_move_the_slope() -> None:
    y = np.arange(60.0)
    y[30] = 1e9
    found = trend(np.arange(60.0), y)
    assert found is not None
    assert found.slope == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("count", [0, 1, BLOCKS_LEAST - 1])
def test_too_few_points_say_nothing(count: int) -> None:
    assert trend(np.arange(float(count)), np.arange(float(count))) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "phi"),
    [(60, 0.0), (180, 0.5), (180, 0.8), (600, 0.8), (600, 0.9), (1_800, 0.98)],
)
def test_one_in_twenty_series_without_a_trend_seems_to_have_one(count: int, phi: float) -> None:
    rng = np.random.default_rng(int(1_000 * phi) + count)
    x, runs = np.arange(float(count)), 1_500
    found = [trend(x, correlated(rng, count, phi)) for _ in range(runs)]
    wrong = sum(one is not None and one.p_value < 0.05 for one in found) / runs
    covered = sum(one is not None and one.low <= 0.0 <= one.high for one in found) / runs
    assert wrong == pytest.approx(0.05, abs=0.02)
    assert covered == pytest.approx(0.95, abs=0.02)


def test_a_leak_is_seen_through_the_noise() -> None:
    rng = np.random.default_rng(1)
    x = np.arange(600.0)
    found = trend(x, 1_000.0 + 0.05 * x + 3.0 * correlated(rng, 600, 0.5))
    assert found is not None
    assert found.p_value < 0.01
    assert found.low <= 0.05 <= found.high
