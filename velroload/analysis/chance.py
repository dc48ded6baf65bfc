"""What chance alone would do: ranks that move together, counts out of proportion, many tests.

Exact where that is cheap, else a bound that errs towards chance. numpy only (see beta.py).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MIN_PAIRS = 20
"""A rank correlation of fewer pairs says nothing about series."""
MOST_MEMORY = 50
"""Lags of the autocorrelation that are summed at most."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """Spearman's rank correlation at the lag (in samples: the effect comes later) where it is
    greatest, and its chance: two-sided, for all the lags tried, at the effective number of pairs.
    """

    rho: float
    lag: int
    chance: float
    pairs: int


def ranks(values: Floats) -> Floats:
    """Ranks from 0, ties share their mean."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts + 1) / 2.0)[places])


def correlate(cause: Floats, effect: Floats, lags: Sequence[int] = range(6)) -> Correlation | None:
    """The strongest positive correlation over the lags; pairs with a NaN are left out. None with
    fewer than MIN_PAIRS, or where a series does not move."""
    best: Correlation | None = None
    for lag in lags:
        found = _at_lag(cause[: len(cause) - lag], effect[lag:], lag)
        if found is not None and (best is None or found.rho > best.rho):
            best = found
    if best is None:
        return None
    return Correlation(best.rho, best.lag, min(1.0, best.chance * len(lags)), best.pairs)


def _at_lag(cause: Floats, effect: Floats, lag: int) -> Correlation | None:
    known = np.isfinite(cause) & np.isfinite(effect)
    if known.sum() < MIN_PAIRS:
        return None
    first, second = ranks(cause[known]), ranks(effect[known])
    first, second = first - first.mean(), second - second.mean()
    norm = math.sqrt(float(first @ first) * float(second @ second))
    if norm == 0.0:
        return None
    rho = float(first @ second) / norm
    size = effective_pairs(first, second)
    bound = max(-0.999_999, min(0.999_999, rho))
    z = abs(math.atanh(bound)) * math.sqrt(max(size - 3.0, 0.0) / 1.06)
    return Correlation(rho, lag, math.erfc(z / math.sqrt(2.0)), int(known.sum()))


def effective_pairs(first: Floats, second: Floats) -> float:
    """How many independent pairs two centred series with memory are worth.

    n / (1 + 2 sum of the products of their autocorrelations), as far as these stay positive
    (Pyper and Peterman 1998; the factor 1.06 of the callers: Fieller and others 1957, for ranks).
    """
    size = len(first)
    own, other = float(first @ first), float(second @ second)
    total = 0.0
    for lag in range(1, min(MOST_MEMORY, size // 4) + 1):
        one = float(first[:-lag] @ first[lag:]) / own
        two = float(second[:-lag] @ second[lag:]) / other
        if one <= 0.0 or two <= 0.0:
            break
        total += one * two
    return max(3.0, size / (1.0 + 2.0 * total))


@lru_cache(maxsize=4)
def _log_factorials(most: int) -> Floats:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, most + 1, dtype=np.float64)))])


def fisher_chance(hits: int, size: int, other_hits: int, other_size: int) -> float:
    """Fisher's exact test, one-sided: the chance of at least `hits` of `size` when the other sample
    has `other_hits` of `other_size` and both have the same share."""
    whole, marked = size + other_size, hits + other_hits
    if not size or not other_size or not hits:
        return 1.0
    logs = _log_factorials(1 << max(10, whole.bit_length()))
    these = np.arange(hits, min(size, marked) + 1)
    terms = (
        logs[marked] - logs[these] - logs[marked - these]
        + logs[whole - marked] - logs[size - these] - logs[whole - marked - size + these]
        - logs[whole] + logs[size] + logs[whole - size]
    )  # fmt: skip
    return float(min(1.0, np.exp(terms).sum()))


def holm(chances: Sequence[float]) -> list[float]:
    """Each chance as it stands among the others (Holm 1979)."""
    order = np.argsort(chances, kind="stable")
    adjusted = [0.0] * len(chances)
    most = 0.0
    for place, index in enumerate(order):
        most = max(most, min(1.0, chances[int(index)] * (len(chances) - place)))
        adjusted[int(index)] = most
    return adjusted


def poisson_chance(counts: Floats, means: Floats) -> Floats:
    """At most this chance (Chernoff's bound) has a count as great where `means` are expected."""
    means = np.maximum(means, 1e-9)
    above = counts > means
    grown = np.where(above, counts / means, 1.0)
    return np.where(above, np.exp(np.minimum(0.0, counts - means - counts * np.log(grown))), 1.0)
