"""Questions to the run folder's arrays: counters, slices of a second, what lag can have added."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from velroload.analysis.result import Quantity
from velroload.histogram import Histogram, edges_ns
from velroload.index import Index, Part
from velroload.journal import Counter
from velroload.rundata import RunData

SERIES_DIGITS = 2
GRID_MOST = 2
"""A grid that is kept takes so many times the memory of its rows at most."""


@cache
def lower_edges(digits: int = 3) -> NDArray[np.int64]:
    """Lowest value of every bin, ns."""
    return edges_ns(digits)[:-1]


@cache
def upper_edges(digits: int = 3) -> NDArray[np.int64]:
    """Highest value of every bin, ns. Not to be written to."""
    return np.asarray(edges_ns(digits)[1:] - 1)


def counter_values(
    data: RunData, endpoints: Collection[int], *, seconds: range | None = None
) -> dict[int, int]:
    """Sum of every counter over the endpoints, and over some seconds in a row."""
    part = data.part("counts", endpoints)
    sums = _by_block(data, part, "value", np.sum)
    if seconds is not None:
        first, last = (_by_block(data, part, "second", ufunc) for ufunc in (np.min, np.max))
        part = part.where(touched := (first < seconds.stop) & (last >= seconds.start))
        sums = sums[touched]
        cut = ((first < seconds.start) | (last >= seconds.stop))[touched]
        for place, (second, value) in zip(
            np.flatnonzero(cut), part.where(cut).pieces("second", "value"), strict=True
        ):
            sums[place] = value[(second >= seconds.start) & (second < seconds.stop)].sum()
    found: dict[int, int] = {}
    for counter, value in zip(part.key("counter").tolist(), sums.tolist(), strict=True):
        found[counter] = found.get(counter, 0) + value
    return found


def counter_series(
    data: RunData, endpoints: Collection[int], counter: int, length: int
) -> NDArray[np.float64]:
    """One counter per second, float64[length]; seconds from `length` on are left out."""
    counts = data.part("counts", endpoints, counter)
    return _per_second(counts["second"], counts["value"], length)


def _per_second(
    seconds: NDArray[np.integer], values: NDArray[np.integer], length: int
) -> NDArray[np.float64]:
    inside = seconds < length
    weights = values[inside].astype(np.float64)
    return np.bincount(seconds[inside].astype(np.int64), weights, length).astype(np.float64)


def seconds_of(data: RunData) -> int:
    """Seconds that the arrays speak of: one more than the last, 0 for an empty run."""
    parts = [data.part(name, None) for name in ("series", "counts")]
    return max(
        (int(_by_block(data, p, "second", np.max).max()) + 1 for p in parts if len(p.blocks)),
        default=0,
    )


def _by_block(
    data: RunData, part: Part, name: str, ufunc: Callable[[NDArray[Any]], Any]
) -> NDArray[np.int64]:
    """The sum, least or greatest of a column over each block; computed once for all of them."""
    key = (name, ufunc.__name__, id(part.index))
    if key not in data.memo:
        every = [int(ufunc(column)) for (column,) in part.index.part().pieces(name)]
        data.memo[key] = (part.index, np.array(every, np.int64))
    found: NDArray[np.int64] = data.memo[key][1]
    return found[part.blocks]


@dataclass(frozen=True, slots=True)
class Slices:
    """Per-second histograms of one quantity: weights[second, column], bins[column] ascending.

    The last column may stand for "never": it has bin -1 and holds what failed.
    """

    weights: NDArray[np.float64]
    bins: NDArray[np.int64]

    def lower_ns(self, column: int) -> int | None:
        """Lower edge of a column; None for "never"."""
        place = int(self.bins[column])
        return None if place < 0 else int(lower_edges(SERIES_DIGITS)[place])

    def upper_ns(self, column: int) -> int | None:
        """Upper edge of a column; None for "never"."""
        place = int(self.bins[column])
        return None if place < 0 else int(upper_edges(SERIES_DIGITS)[place])

    def above(self, limit_ns: float) -> NDArray[np.float64]:
        """Per second, how much lies in columns that end above the limit, "never" included."""
        over = (self.bins < 0) | (upper_edges(SERIES_DIGITS)[self.bins] > limit_ns)
        return np.asarray(self.weights[:, over].sum(axis=1))

    def totals(self) -> NDArray[np.float64]:
        """Per second, everything."""
        return np.asarray(self.weights.sum(axis=1))

    def column(self, quantile: float) -> int | None:
        """The column that holds a quantile of everything; None when there is nothing."""
        cumulative = np.cumsum(self.weights.sum(axis=0))
        if not len(cumulative) or cumulative[-1] <= 0:
            return None
        rank = max(quantile * cumulative[-1] * (1.0 - 1e-12), 1e-9)
        return int(np.searchsorted(cumulative, rank))

    def mean_ns(self) -> float | None:
        """Mean of the bins' middles, None when empty. Failures must not be among them."""
        whole = float(self.weights.sum())
        middles = (lower_edges(SERIES_DIGITS) + upper_edges(SERIES_DIGITS)) / 2.0
        return float(self.weights.sum(axis=0) @ middles[self.bins]) / whole if whole else None

    def between(self, first: int, last: int) -> "Slices":
        """The seconds first <= second < last."""
        return Slices(self.weights[first:last], self.bins)

    def without(self, seconds: Collection[int]) -> "Slices":
        """The same without some seconds."""
        keep = ~np.isin(np.arange(len(self.weights)), list(seconds))
        return Slices(self.weights[keep], self.bins)


def slices(data: RunData, quantity: Quantity, endpoints: Collection[int]) -> Slices:
    """Per-second histograms (2 digits) of the complete responses of some endpoints."""
    first, found = filled_slices(data, quantity, endpoints)
    weights = np.zeros((seconds_of(data), len(found.bins)))
    weights[first : first + len(found.weights)] = found.weights
    return Slices(weights, found.bins)


def filled_slices(
    data: RunData, quantity: Quantity, endpoints: Collection[int]
) -> tuple[int, Slices]:
    """(first second, the slices of it and those that follow, up to the last with responses)."""
    part = data.part("series", endpoints, quantity)
    grids = [_grid(data, part.index, block) for block in part.blocks.tolist()]
    used = np.zeros(len(upper_edges(SERIES_DIGITS)), np.bool_)
    for grid in grids:
        used[grid.bins] = True
    bins, columns = np.flatnonzero(used), np.cumsum(used) - 1
    first = min((grid.second for grid in grids), default=0)
    last = max((grid.second + len(grid.counts) for grid in grids), default=0)
    weights = np.zeros((last - first, len(bins)))
    for grid in grids:
        own = weights[grid.second - first : grid.second - first + len(grid.counts)]
        if len(grid.bins) == columns[grid.bins[-1]] - columns[grid.bins[0]] + 1:
            own[:, columns[grid.bins[0]] : columns[grid.bins[-1]] + 1] += grid.counts
        else:
            own[:, columns[grid.bins]] += grid.counts
    return first, Slices(weights, bins)


@dataclass(frozen=True, slots=True)
class Grid:
    """A block of SERIES from a second on: counts[second, column], bins[column] ascending."""

    second: int
    bins: NDArray[np.int64]
    counts: NDArray[Any]


def _grid(data: RunData, index: Index, block: int) -> Grid:
    """Made once where it takes little more memory than the block itself: every row of a report adds
    up the same ones."""
    key = ("grid", id(index), block)
    if key in data.memo:
        kept: Grid = data.memo[key][1]
        return kept
    part = Part(index, np.array([block]))
    ((second, bin_, count),) = part.pieces("second", "bin", "count")
    used = np.zeros(len(upper_edges(SERIES_DIGITS)), np.bool_)
    used[bin_] = True
    bins, columns = np.flatnonzero(used), np.cumsum(used) - 1
    first = int(second.min())
    rows = int(second.max()) - first + 1
    cells = (second.astype(np.int64) - first) * len(bins) + columns[bin_]
    counts = np.bincount(cells, count, rows * len(bins)).reshape(rows, len(bins))
    small = counts.astype(np.min_scalar_type(int(counts.max())))
    grid = Grid(first, bins, small)
    if small.nbytes <= GRID_MOST * (second.nbytes + bin_.nbytes + count.nbytes):
        data.memo[key] = (index, grid)
    return grid


def with_failures(data: RunData, all_: Slices, quantity: Quantity, ids: Collection[int]) -> Slices:
    """The slices with every failure moved to "never".

    The per-second histograms do not know outcomes: each bin keeps the share of it that was ok over
    the whole run, scaled to the second's own count of ok; what failed in a second (failed and
    transport) goes to the last column.
    """
    length = len(all_.weights)
    if not length:
        return all_
    ok = _coarse(data.histogram(quantity, endpoints=ids, outcomes=(0,)))[all_.bins]
    kept = all_.weights * (ok / np.maximum(all_.weights.sum(axis=0), 1.0))
    good = counter_series(data, ids, Counter.OK, length)
    kept *= (good / np.maximum(kept.sum(axis=1), 1e-9))[:, np.newaxis]
    never = counter_series(data, ids, Counter.FAILED, length)
    never += counter_series(data, ids, Counter.TRANSPORT, length)
    return Slices(np.column_stack([kept, never]), np.append(all_.bins, -1))


def _coarse(histogram: Histogram) -> NDArray[np.float64]:
    """A 3-digit histogram in the bins of the per-second ones."""
    fine = np.flatnonzero(histogram.counts)
    places = np.searchsorted(upper_edges(SERIES_DIGITS), lower_edges()[fine])
    return np.bincount(
        places, histogram.counts[fine].astype(np.float64), len(upper_edges(SERIES_DIGITS))
    ).astype(np.float64)


def count_above(histogram: Histogram, limit_ns: float) -> tuple[int, int]:
    """How many values exceed the limit: (at least, at most); they differ by the bin it falls in."""
    if histogram.count == 0 or histogram.max <= limit_ns:
        return 0, 0
    least = int(histogram.counts[lower_edges() > limit_ns].sum())
    most = int(histogram.counts[upper_edges() > limit_ns].sum())
    return max(least, 1), max(most, 1)


@dataclass(frozen=True, slots=True)
class Late:
    """What generator lag can have done to the response times of the same requests.

    response = service + wait + connect + tls + lag for every request, so without the lag it would
    have been between service and response. The histograms are not paired, and need not be: for any
    m, #(response - lag > t) is at least #(response > t + m) - #(lag > m), and at least
    #(service > t). Both bounds hold for every run; the better one is taken.
    """

    response: Histogram
    service: Histogram
    lag: Histogram

    def most_added_ns(self, quantile: float, *, never: int = 0) -> int | None:
        """Most that lag can have added at a quantile, ns; None without responses.

        `never` requests failed and lie above every response.
        """
        if self.response.count == 0:
            return None
        if self.lag.count == 0:
            return 0
        total = self.response.count + never
        rank = max(1.0, np.ceil(quantile * total - 1e-9))
        cumulative = np.cumsum(self.response.counts)
        edges = np.clip(upper_edges(), self.response.min, self.response.max)
        here = int(edges[np.searchsorted(cumulative, min(rank, self.response.count))])
        steps, beyond = self._steps()
        ranks = rank - beyond
        there = edges[np.searchsorted(cumulative, np.clip(ranks, 1, self.response.count))]
        least = int(np.where(ranks >= 1, there - steps, 0).max())
        if self.service.count:
            place = np.searchsorted(np.cumsum(self.service.counts), min(rank, self.service.count))
            least = max(least, int(lower_edges()[place]))
        return max(0, min(here - least, self.lag.max))

    def least_above(self, limit_ns: float) -> int:
        """Fewest responses that would exceed the limit without the lag."""
        if self.lag.count == 0:
            return count_above(self.response, limit_ns)[0]
        above = np.append(np.cumsum(self.response.counts[::-1])[::-1], 0)
        steps, beyond = self._steps()
        first = np.searchsorted(lower_edges(), limit_ns + steps, side="right")
        return max(int((above[first] - beyond).max()), count_above(self.service, limit_ns)[0], 0)

    def _steps(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(m, how many lags exceed it) for every m worth trying."""
        used = np.flatnonzero(self.lag.counts)
        beyond = self.lag.count - np.cumsum(self.lag.counts[used])
        return np.minimum(upper_edges()[used], self.lag.max), beyond


def late(data: RunData, endpoints: Collection[int], outcomes: tuple[int, ...] = (0, 1)) -> Late:
    """The three histograms of some endpoints that Late compares."""
    response, service, lag = (
        data.histogram(quantity, endpoints=endpoints, outcomes=outcomes)
        for quantity in (Quantity.RESPONSE, Quantity.SERVICE, Quantity.GENERATOR_LAG)
    )
    return Late(response, service, lag)
