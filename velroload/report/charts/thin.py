"""Fewer points that look the same: the least and the greatest value of every stretch survive."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

POINTS = 1_000
"""At most so many points in a series."""


def stretch(length: int, points: int = POINTS) -> int:
    """How many values become a pair of points: 1 while they all fit."""
    return 1 if length <= points else -(-length // (points // 2))


def envelope(x: Floats, ys: Sequence[Floats], points: int = POINTS) -> tuple[Floats, list[Floats]]:
    """x and every y at `points` places at most; NaN is "unknown".

    Of each stretch two points are left, at its beginning and its middle: the least and the greatest
    value of each series, in the order in which they came. Other than a mean this hides no peak.
    """
    width = stretch(len(x), points)
    if width == 1:
        return x, list(ys)
    rows = -(-len(x) // width)
    padded = np.full(rows * width, np.nan)
    starts = np.arange(rows) * width
    middles = np.minimum(starts + max(width // 2, 1), len(x) - 1)
    at = np.column_stack([x[starts], x[middles]]).ravel()
    found = []
    for y in ys:
        padded[:] = np.nan
        padded[: len(y)] = y
        grid = padded.reshape(rows, width)
        low = np.argmin(np.where(np.isnan(grid), np.inf, grid), axis=1)
        high = np.argmax(np.where(np.isnan(grid), -np.inf, grid), axis=1)
        own = np.arange(rows)
        first, last = np.minimum(low, high), np.maximum(low, high)
        found.append(np.column_stack([grid[own, first], grid[own, last]]).ravel())
    return at, found


def picked(x: Floats, ys: Sequence[Floats], points: int = POINTS) -> NDArray[np.int64]:
    """Places of `points` values at most, the same of all series, for those that are added up.

    Of each stretch the seconds with the least and the greatest sum, and the one in which all but
    the first series together are greatest: failures are few, and must not vanish.
    """
    if len(x) <= points:
        return np.arange(len(x))
    width = -(-3 * len(x) // points)
    total = np.sum(ys, axis=0)
    rest = np.sum(ys[1:], axis=0) if len(ys) > 1 else total
    kept: set[int] = set()
    for start in range(0, len(x), width):
        part = slice(start, start + width)
        kept.update(
            start + int(place)
            for place in (np.argmin(total[part]), np.argmax(total[part]), np.argmax(rest[part]))
        )
    return np.array(sorted(kept), dtype=np.int64)


def known(values: Floats, digits: int = 4) -> tuple[float | None, ...]:
    """Floats of so many significant digits; None for NaN and infinity."""
    return tuple(
        None if not np.isfinite(value) else float(f"{value:.{digits}g}")
        for value in values.tolist()
    )
