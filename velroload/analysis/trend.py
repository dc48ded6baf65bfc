"""Does a series drift? Theil–Sen's slope with its interval, and Mann and Kendall's test.

Neighbouring seconds are alike, and a test that takes them for strangers finds trends everywhere:
points are averaged over blocks until the blocks' residuals look independent, and what correlation
is left inflates the test's variance (Yue and Wang 2004). Plain arrays in, nothing knows a run.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from velroload.analysis.interval import NORMAL_95

NORMAL_975 = 1.959963984540054
BLOCKS_MOST = 120
"""The cost is the square of it; the slope is no surer with more."""
BLOCKS_LEAST = 12
"""Blocks are not lengthened when fewer would remain; with fewer points nothing is said."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trend:
    """slope, low, high: per unit of x, 95 % interval; p_value: two-sided, of no trend."""

    slope: float
    low: float
    high: float
    p_value: float
    blocks: int


def trend(x: Floats, y: Floats) -> Trend | None:
    """The trend of y over ascending x; None with fewer than BLOCKS_LEAST points."""
    if len(x) < BLOCKS_LEAST:
        return None
    x, y = _blocks(x, y)
    first, second = np.triu_indices(len(x), 1)
    run, rise = x[second] - x[first], y[second] - y[first]
    slopes = np.sort(rise[run > 0] / run[run > 0])
    if not len(slopes):
        return None
    slope = float(np.median(slopes))
    score = float(np.sign(rise).sum())
    spread = math.sqrt(_variance(y) * _inflation(y - slope * x))
    z = max(0.0, abs(score) - 1.0) / spread if spread else 0.0
    half = NORMAL_975 * spread / 2.0
    low = max(0, math.floor(len(slopes) / 2.0 - half))
    high = min(len(slopes) - 1, math.ceil(len(slopes) / 2.0 + half) - 1)
    p_value = math.erfc(z / math.sqrt(2.0))
    return Trend(slope, float(slopes[low]), float(slopes[high]), p_value, len(x))


def _blocks(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Means of neighbours, in blocks that look independent of each other."""
    length = math.ceil(len(x) / BLOCKS_MOST)
    while True:
        means = _means(x, length), _means(y, length)
        count = len(means[0])
        if len(x) // (2 * length) < BLOCKS_LEAST:
            return means
        if _correlation(_detrended(*means)) < NORMAL_95 / math.sqrt(count):
            return means
        length *= 2


def _means(values: Floats, length: int) -> Floats:
    """Of every `length` neighbours; a shorter rest joins the last block."""
    count = max(1, len(values) // length)
    edges = np.arange(count) * length
    sizes = np.diff(np.append(edges, len(values)))
    return np.asarray(np.add.reduceat(values, edges) / sizes)


def _detrended(x: Floats, y: Floats) -> Floats:
    centred = x - x.mean()
    spread = float(centred @ centred)
    return np.asarray(y - y.mean() - (centred @ y / spread if spread else 0.0) * centred)


def _correlation(residual: Floats) -> float:
    """Lag-1 autocorrelation, its bias by the mean and the slope taken off (Kendall 1954)."""
    spread = float(residual @ residual)
    if spread <= 0.0:
        return 0.0
    found = float(residual[:-1] @ residual[1:]) / spread
    return min(0.95, found + (2.0 + 4.0 * found) / len(residual))


def _inflation(residual: Floats) -> float:
    """By what the variance of the score is larger than among strangers."""
    kept = max(0.0, _correlation(residual - residual.mean()))
    return (1.0 + kept) / (1.0 - kept)


def _variance(y: Floats) -> float:
    """Of Kendall's score of independent values, ties taken off."""
    count = len(y)
    ties = np.unique(y, return_counts=True)[1].astype(np.float64)
    tied = float((ties * (ties - 1.0) * (2.0 * ties + 5.0)).sum())
    return (count * (count - 1) * (2 * count + 5) - tied) / 18.0
