"""HdrHistogram's bins over nanoseconds, with the exact count, sum, minimum and maximum beside them.

Lowest value 100 ns, highest one hour, 3 significant digits (27,648 bins; whole runs) or 2 (3,840
bins; per second). Up to 2,048 (256) units of 64 ns the bins are even, above that every power of two
has 1,024 (128) of them. What is longer than the bins reach goes into the last one; the exact
maximum stands beside it. Histograms of equal digits merge by exact addition; percentiles are never
averaged. Source: HdrHistogram (Gil Tene); the core's twin is core/histogram.pxi.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]

BINS = {3: 27_648, 2: 3_840}
"""Number of bins by significant digits."""

UNIT_BITS = 6
SUB_BINS = {3: 1024, 2: 128}
"""Bins per power of two by significant digits."""

OK, FAILED, TRANSPORT = 0, 1, 2
"""Outcomes. Transport failures have no complete response and enter no histogram."""


@cache
def edges_ns(digits: int = 3) -> Int64:
    """The lower edge of every bin and the upper edge of the last: int64[BINS[digits] + 1], ns."""
    half = SUB_BINS[digits]
    bins = np.arange(BINS[digits] + 1, dtype=np.int64)
    bucket = np.maximum(bins // half - 1, 0)
    edges: Int64 = (bins - bucket * half) << (bucket + UNIT_BITS)
    edges.flags.writeable = False
    return edges


def bin_of(value_ns: int, digits: int = 3) -> int:
    """The bin of one value; negative values count as 0."""
    return int(bins_of(np.array([value_ns], dtype=np.int64), digits)[0])


def bins_of(values_ns: Int64, digits: int = 3) -> Int64:
    """The bin of every value."""
    found = np.searchsorted(edges_ns(digits), np.maximum(values_ns, 0), side="right") - 1
    return np.minimum(found, BINS[digits] - 1).astype(np.int64)


class Histogram:
    """Counts per bin and the exact count, sum, min and max (ns). min and max are 0 while empty."""

    __slots__ = ("count", "counts", "digits", "max", "min", "sum")

    def __init__(self, digits: int = 3) -> None:
        self.digits = digits
        self.counts: Int64 = np.zeros(BINS[digits], dtype=np.int64)
        self.count = 0
        self.sum = 0
        self.min = 0
        self.max = 0

    @classmethod
    def of(cls, values_ns: Int64 | Sequence[int], digits: int = 3) -> "Histogram":
        """A histogram of these values."""
        values = np.maximum(np.asarray(values_ns, dtype=np.int64), 0)
        made = cls(digits)
        if values.size:
            made.counts += np.bincount(bins_of(values, digits), minlength=BINS[digits])
            made.count = int(values.size)
            made.sum = int(values.sum())
            made.min = int(values.min())
            made.max = int(values.max())
        return made

    @classmethod
    def from_sparse(
        cls,
        bins: NDArray[np.integer],
        counts: NDArray[np.integer],
        *,
        total_ns: int | None = None,
        min_ns: int | None = None,
        max_ns: int | None = None,
        digits: int = 3,
    ) -> "Histogram":
        """A histogram of bin numbers and their counts; equal bins are added.

        Without the exact figures (per-second series have none) the sum is that of the bins'
        middles, and min and max are the edges of the outermost bins.
        """
        made = cls(digits)
        made.counts += np.bincount(bins, counts, BINS[digits]).astype(np.int64)  # exact to 2**53
        made.count = int(made.counts.sum())
        if not made.count:
            return made
        used = np.flatnonzero(made.counts)
        edges = edges_ns(digits)
        middles = (edges[used] + edges[used + 1]) // 2
        total = int((middles * made.counts[used]).sum())
        made.sum = total if total_ns is None else total_ns
        made.min = int(edges[used[0]]) if min_ns is None else min_ns
        made.max = int(edges[used[-1] + 1]) - 1 if max_ns is None else max_ns
        return made

    def to_sparse(self) -> tuple[Int64, Int64]:
        """The bins in use and their counts."""
        used = np.flatnonzero(self.counts)
        return used, self.counts[used]

    def merge(self, other: "Histogram") -> "Histogram":
        """Add another of equal digits, exactly; returns self."""
        if other.digits != self.digits:
            raise ValueError(f"histograms of {self.digits} and {other.digits} digits do not add.")
        if other.count:
            self.min = min(self.min, other.min) if self.count else other.min
            self.max = max(self.max, other.max)
        self.counts += other.counts
        self.count += other.count
        self.sum += other.sum
        return self

    @property
    def mean(self) -> float:
        """The exact mean in ns; 0 while empty."""
        return self.sum / self.count if self.count else 0.0

    def percentile(self, percent: float) -> int:
        """The value (ns) that `percent` of all values do not exceed (nearest rank, rounded up).

        The upper edge of its bin, never outside the exact min and max. ValueError when empty.
        """
        return self.percentiles([percent])[0]

    def percentiles(self, percents: Sequence[float]) -> list[int]:
        """Several percentiles in one pass."""
        if not self.count:
            raise ValueError("an empty histogram has no percentiles.")
        ranks = [max(rank_of(percent, self.count), 1) for percent in percents]
        found = np.searchsorted(np.cumsum(self.counts), ranks, side="left")
        return [self._upper_ns(int(which)) for which in found]

    def count_above(self, value_ns: int) -> int:
        """How many values are longer, those in the value's own bin included: never too few."""
        if value_ns >= self.max:
            return 0
        return int(self.counts[bin_of(value_ns, self.digits) :].sum())

    def _upper_ns(self, which: int) -> int:
        if which == BINS[self.digits] - 1:  # open-ended: only the maximum is known
            return self.max
        return max(min(int(edges_ns(self.digits)[which + 1]) - 1, self.max), self.min)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        mine = (self.digits, self.count, self.sum, self.min, self.max)
        theirs = (other.digits, other.count, other.sum, other.min, other.max)
        return mine == theirs and bool(np.array_equal(self.counts, other.counts))

    def __repr__(self) -> str:
        return f"Histogram({self.count} values, {self.min}–{self.max} ns)"


def rank_of(percent: float, count: int) -> int:
    """The nearest rank, counted from 1: the least k with k / count ≥ percent / 100, exactly.

    Percents are taken to six decimals, so that 99.9 means 999 of 1,000 and not one more.
    """
    millionths = round(percent * 1_000_000)
    return -(-millionths * count // 100_000_000)
