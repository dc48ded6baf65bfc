"""What users got, failures included: adjusted percentiles, goodput, Apdex, sustained rates."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from velroload.analysis.cells import count_above, counter_series, counter_values, upper_edges
from velroload.analysis.hold import held_seconds, hold_ns
from velroload.analysis.interval import samples_needed
from velroload.analysis.result import QUANTILES, Percentile, Quantity, Reach
from velroload.histogram import Histogram, rank_of
from velroload.journal import Counter
from velroload.plan.threshold import Threshold
from velroload.rundata import RunData
from velroload.sample import ErrorKind

SUSTAINED_S = 10
"""Seconds of a window that counts as sustained."""
TOLERATED = 4.0
"""Apdex: up to so many times the SLO a user is half content."""


def reach(data: RunData, held: RunData, ids: Collection[int], slo_ns: float | None) -> Reach:
    """Of the requests of these endpoints, `held` being what counts of the run."""
    ok = held.histogram(Quantity.RESPONSE, endpoints=ids, outcomes=(0,))
    values = counter_values(held, ids)
    never = values.get(Counter.FAILED, 0) + values.get(Counter.TRANSPORT, 0)
    adjusted, infinite = _adjusted(ok, never)
    best, best_10, worst_10 = _rates(data, ids)
    goodput = apdex = None
    count = ok.count + never
    if slo_ns is not None and count:
        satisfied = ok.count - count_above(ok, slo_ns)[1]
        tolerated = ok.count - count_above(ok, TOLERATED * slo_ns)[1] - satisfied
        apdex = (satisfied + tolerated / 2.0) / count
        span_s = hold_ns(data) / 1e9
        goodput = satisfied / span_s if span_s > 0 else None
    return Reach(adjusted, infinite, best, best_10, worst_10, slo_ns, goodput, apdex)


def _adjusted(ok: Histogram, never: int) -> tuple[dict[str, Percentile], tuple[str, ...]]:
    """Percentiles of all requests, those that failed above every other."""
    found, infinite = {}, []
    count = ok.count + never
    cumulative = np.cumsum(ok.counts)
    for name, quantile in QUANTILES.items():
        found[name] = Percentile()
        rank = max(1, rank_of(100.0 * quantile, count))
        if count < samples_needed(quantile):
            continue
        if rank > ok.count:
            infinite.append(name)
            continue
        place = int(np.searchsorted(cumulative, rank))
        found[name] = Percentile(int(np.clip(upper_edges()[place], ok.min, ok.max)))
    return found, tuple(infinite)


def _rates(data: RunData, ids: Collection[int]) -> tuple[float | None, float | None, float | None]:
    """Complete responses per second: the best second, the best and the worst 10 s of a hold."""
    parts = held_seconds(data)
    if not parts:
        return None, None, None
    complete = complete_per_second(data, ids, parts[-1].stop)
    best = max(float(complete[part.start : part.stop].max()) for part in parts)
    windows = [
        np.convolve(
            complete[part.start : part.stop], np.full(SUSTAINED_S, 1.0 / SUSTAINED_S), "valid"
        )
        for part in parts
        if len(part) >= SUSTAINED_S
    ]
    if not windows:
        return best, None, None
    return best, max(float(each.max()) for each in windows), min(
        float(each.min()) for each in windows
    )  # fmt: skip


def complete_per_second(data: RunData, ids: Collection[int], length: int) -> NDArray[np.float64]:
    """Complete responses (timeouts are none) per second, float64[length]."""
    complete = counter_series(data, ids, Counter.OK, length)
    complete = complete + counter_series(data, ids, Counter.FAILED, length)
    timeouts = counter_series(data, ids, Counter.ERROR + ErrorKind.TIMEOUT, length)
    return np.asarray(complete - timeouts)


def slo_of(thresholds: Sequence[Threshold], row: Mapping[str, Any]) -> float | None:
    """The limit that a percentile of the response time has to keep for this row: the tightest of
    the thresholds that name it, else of those that name none."""
    own = [
        each.limit for each in _timed(thresholds)
        if each.selector is not None and _names(each, row)
    ]  # fmt: skip
    general = [each.limit for each in _timed(thresholds) if each.selector is None]
    return min(own or general, default=None)


def _names(threshold: Threshold, row: Mapping[str, Any]) -> bool:
    chosen = threshold.selector
    if chosen is None:
        return False
    if row.get("kind") == chosen.kind:
        return bool(row.get("name") == chosen.name)
    return chosen.chooses(row)


def _timed(thresholds: Sequence[Threshold]) -> list[Threshold]:
    return [
        each
        for each in thresholds
        if each.metric == "percentile" and each.quantity == "response" and each.op in ("<", "<=")
    ]
