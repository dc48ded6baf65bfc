"""The worst window of a run: thresholds such as "rate >= 1000/s over 10s"."""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from velroload.analysis.cells import counter_series, slices, with_failures
from velroload.analysis.hold import SECOND_NS, held_seconds
from velroload.analysis.interval import samples_needed
from velroload.analysis.result import Quantity
from velroload.analysis.shares import share_series
from velroload.journal import Counter
from velroload.plan.threshold import Threshold
from velroload.quantity import QUANTITIES
from velroload.rundata import RunData
from velroload.sample import ErrorKind


@dataclass(frozen=True, slots=True)
class Window:
    """Where the worst value stands: first second, the value (inf: it failed), requests in it."""

    start: int
    value: float
    count: int


def worst_window(
    data: RunData,
    held: RunData,
    threshold: Threshold,
    ids: Collection[int],
    without: Collection[int] = (),
) -> Window | None:
    """The window of the hold, in steps of a second, that satisfies the threshold least.

    A rate is what was answered in the window, whenever it was sent; all else speaks of `held`, what
    counts of the run. Percentiles come from the per-second histograms (2 digits), of response and
    service only. None when no window has enough requests, or the quantity is not kept per second.
    `without`: seconds that no window may contain.
    """
    width = math.ceil((threshold.window_ns or SECOND_NS) / SECOND_NS)
    starts = [
        start
        for part in held_seconds(data)
        for start in range(part.start, part.stop - width + 1)
        if not any(start <= second < start + width for second in without)
    ]
    if threshold.metric in ("percentile", "max", "min", "mean"):
        found = _times(held, threshold, ids, starts, width)
    else:
        counted = data if threshold.metric == "rate" else held
        found = _counts(counted, threshold, ids, starts, width)
    if not found:
        return None
    low_is_bad = threshold.op in (">", ">=")
    if threshold.op == "==":
        return max(found, key=lambda window: abs(window.value - threshold.limit))
    return (min if low_is_bad else max)(found, key=lambda window: window.value)


def _counts(
    data: RunData, threshold: Threshold, ids: Collection[int], starts: Sequence[int], width: int
) -> list[Window]:
    if not starts:
        return []
    length = starts[-1] + width
    if threshold.metric == "rate":
        complete = _running(_complete(data, ids, length))
        counts = [(start, float(complete[start + width] - complete[start])) for start in starts]
        return [Window(start, count / width, int(count)) for start, count in counts]
    hits, every = map(_running, share_series(data, ids, threshold.metric, length))
    windows = []
    for start in starts:
        hit, whole = (float(sums[start + width] - sums[start]) for sums in (hits, every))
        if whole:
            windows.append(Window(start, hit / whole, int(whole)))
    return windows


def _complete(data: RunData, ids: Collection[int], length: int) -> NDArray[np.float64]:
    complete = counter_series(data, ids, Counter.OK, length)
    complete += counter_series(data, ids, Counter.FAILED, length)
    complete -= counter_series(data, ids, Counter.ERROR + ErrorKind.TIMEOUT, length)
    return complete


def _running(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([[0.0], np.cumsum(values)])


def _times(
    data: RunData, threshold: Threshold, ids: Collection[int], starts: Sequence[int], width: int
) -> list[Window]:
    quantity = Quantity(QUANTITIES.index(threshold.quantity or "response"))
    if quantity not in (Quantity.RESPONSE, Quantity.SERVICE):
        return []
    parts = slices(data, quantity, ids)
    if threshold.metric != "mean":
        parts = with_failures(data, parts, quantity, ids)
    windows = []
    for start in starts:
        merged = parts.between(start, start + width)
        count = float(merged.totals().sum())
        value = merged.mean_ns() if threshold.metric == "mean" else None
        if threshold.metric == "percentile" and count >= samples_needed(threshold.quantile or 0.5):
            value = _edge(merged.column(threshold.quantile or 0.5), merged.upper_ns)
        elif threshold.metric == "max" and count:
            value = _edge(merged.column(1.0), merged.upper_ns)
        elif threshold.metric == "min" and count:
            value = _edge(merged.column(0.0), merged.lower_ns)
        if value is not None:
            windows.append(Window(start, value, round(count)))
    return windows


def _edge(column: int | None, edge: Callable[[int], int | None]) -> float | None:
    """The edge of a column in ns; infinite for failures."""
    if column is None:
        return None
    place = edge(column)
    return math.inf if place is None else float(place)
