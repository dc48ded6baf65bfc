"""The figures of a run: one row per endpoint, group, iteration and address, one over all requests.

Percentiles are those of the whole run folder; rates are those of the hold. A percentile that its
sample cannot carry is None. Requests of the setup have rows of their own and stay out of the total.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from velroload.analysis.cells import (
    counter_series,
    counter_values,
    late,
    seconds_of,
    slices,
)
from velroload.analysis.connections import connections_of
from velroload.analysis.interval import percentile_columns, samples_needed, share_bounds
from velroload.analysis.result import (
    QUANTILES,
    ByOutcome,
    Distribution,
    Percentile,
    Quantity,
    Row,
    Series,
    Summary,
)
from velroload.histogram import Histogram
from velroload.journal import SERIES_FIRST, Counter
from velroload.runfolder import RunData
from velroload.sample import ErrorKind

SECOND_NS = 1_000_000_000
PARTS = tuple(Quantity)[Quantity.GENERATOR_LAG :]
COUNTED = ("user_clock", "coalesced", "preempted", "retried", "new_connection", "kernel_stamp")
WHOLE: dict[str, Any] = {"id": None, "name": "all requests", "scenario": None, "cls": None}
TIMEOUTS = (ErrorKind.TIMEOUT,)


def summarise(data: RunData) -> Summary:
    """All figures of a run; an empty run has rows of zeros and None."""
    endpoints: list[dict[str, Any]] = data.manifest.get("endpoints", [])
    paced = bool(data.manifest.get("model", {}).get("paced"))
    flow = [e["id"] for e in endpoints if is_flow(e)]
    rows = tuple(_row(data, entry, [entry["id"]], paced) for entry in endpoints)
    if len(flow) == 1:
        total = replace(next(row for row in rows if row.id == flow[0]), **WHOLE)
    else:
        total = _row(data, {"kind": "request", **WHOLE}, flow, paced)
    start, end = hold_window(data)
    return Summary(
        hold_s=(end - start) / SECOND_NS,
        elapsed_s=_elapsed_s(data),
        total=total,
        rows=rows,
        series=_series(data, flow),
        connections=connections_of(data),
    )


def is_flow(endpoint: dict[str, Any]) -> bool:
    """True for what counts in totals: requests that are not part of the setup. Each contains its
    hops, whose rows stand beside."""
    return endpoint.get("kind") == "request" and not endpoint.get("setup", False)


def hold_window(data: RunData) -> tuple[int, int]:
    """Start and end of the hold in ns since the epoch, cut where the run ended early.

    The whole run where no phase has a hold; (0, 0) when nothing is known.
    """
    phases = data.manifest.get("phases", [])
    starts = [p["hold_start_ns"] for p in phases if p.get("hold_start_ns") is not None]
    ends = [p["hold_end_ns"] for p in phases if p.get("hold_end_ns") is not None]
    ended = (data.end or {}).get("ended_ns")
    last = ended if ended is not None else seconds_of(data) * SECOND_NS
    if not starts or not ends or max(ends) <= min(starts):
        return 0, max(0, last)
    end = min(max(ends), last)
    return (min(starts), end) if end > min(starts) else (0, max(0, last))


def whole_seconds(data: RunData) -> tuple[int, int]:
    """Seconds that lie wholly in the hold, as (first, one after the last); (0, 0) without any."""
    start, end = hold_window(data)
    first, last = -(-start // SECOND_NS), end // SECOND_NS
    return (first, last) if last > first else (0, 0)


def _elapsed_s(data: RunData) -> float:
    ended = (data.end or {}).get("ended_ns")
    return ended / SECOND_NS if ended is not None else float(seconds_of(data))


def _row(data: RunData, entry: dict[str, Any], ids: list[int], paced: bool) -> Row:
    values = counter_values(data, ids)
    ok, failed = values.get(Counter.OK, 0), values.get(Counter.FAILED, 0)
    transport = values.get(Counter.TRANSPORT, 0)
    count = ok + failed + transport
    low, high = share_bounds(failed + transport, count)
    request = entry["kind"] in ("request", "hop", "address")
    return Row(
        id=entry["id"],
        name=entry["name"],
        kind=entry["kind"],
        scenario=entry.get("scenario"),
        cls=entry.get("cls"),
        setup=bool(entry.get("setup", False)),
        count=count,
        ok=ok,
        failed=failed,
        transport=transport,
        timeouts=_timeouts(values),
        rate_per_s=_rate(data, ids),
        failed_share=(failed + transport) / count if count else None,
        failed_low=low if count else None,
        failed_high=high if count else None,
        response=_by_outcome(data, Quantity.RESPONSE, ids),
        service=_by_outcome(data, Quantity.SERVICE, ids),
        parts={q: _distribution(data.histogram(q, endpoints=ids)) for q in PARTS}
        if request
        else {},
        ours_p99_ns=_ours(data, ids) if request and paced else None,
        status={key: value for key, value in values.items() if 0 < key < Counter.ERROR},
        errors=_errors(values),
        bytes_in=values.get(Counter.BYTES_IN, 0),
        counters={name: values.get(Counter[name.upper()], 0) for name in COUNTED},
        values=_series_of(data, ids) if request else {},
    )


def _series_of(data: RunData, ids: list[int]) -> dict[str, Distribution]:
    """What servers said of their own time, by name, those that said something."""
    found = {
        str(name): _distribution(data.histogram(SERIES_FIRST + number, endpoints=ids))
        for number, name in enumerate(data.manifest.get("series") or [])
    }
    return {name: times for name, times in found.items() if times.count}


def _timeouts(values: dict[int, int]) -> int:
    return sum(values.get(Counter.ERROR + kind, 0) for kind in TIMEOUTS)


def _errors(values: dict[int, int]) -> dict[str, int]:
    """Error counters by name, the most frequent first; a kind that we do not know by its number."""
    names = {int(kind): kind.name.lower() for kind in ErrorKind}
    found = [
        (names.get(key - Counter.ERROR, f"error_{key - Counter.ERROR}"), value)
        for key, value in values.items()
        if Counter.ERROR < key < Counter.OK and value
    ]
    return dict(sorted(found, key=lambda pair: (-pair[1], pair[0])))


def _rate(data: RunData, ids: list[int]) -> float | None:
    """Complete responses per second, over the whole seconds of the hold, else over all of it."""
    first, last = whole_seconds(data)
    seconds: float = last - first
    if seconds:
        values = counter_values(data, ids, seconds=(first, last))
    else:
        values, seconds = counter_values(data, ids), _elapsed_s(data)
    complete = values.get(Counter.OK, 0) + values.get(Counter.FAILED, 0) - _timeouts(values)
    return complete / seconds if seconds > 0 else None


def _ours(data: RunData, ids: list[int]) -> int | None:
    found = late(data, ids)
    if found.response.count < samples_needed(QUANTILES["p99"]):
        return None
    return found.most_added_ns(QUANTILES["p99"])


def _by_outcome(data: RunData, quantity: Quantity, ids: list[int]) -> ByOutcome:
    everything = data.histogram(quantity, endpoints=ids)
    return ByOutcome(
        all=_distribution(everything, _intervals(data, quantity, ids, everything)),
        ok=_distribution(data.histogram(quantity, endpoints=ids, outcomes=(0,))),
        failed=_distribution(data.histogram(quantity, endpoints=ids, outcomes=(1,))),
    )


def _distribution(
    histogram: Histogram, intervals: Sequence[tuple[int, int] | None] | None = None
) -> Distribution:
    percentiles = {}
    for place, (name, quantile) in enumerate(QUANTILES.items()):
        if histogram.count < samples_needed(quantile):
            percentiles[name] = Percentile()
            continue
        value = histogram.percentile(100.0 * quantile)
        ends = intervals[place] if intervals else None
        low, high = (min(ends[0], value), max(ends[1], value)) if ends else (None, None)
        percentiles[name] = Percentile(value, low, high)
    some = histogram.count > 0
    return Distribution(
        count=histogram.count,
        percentiles=percentiles,
        min_ns=histogram.min if some else None,
        max_ns=histogram.max if some else None,
        mean_ns=histogram.sum / histogram.count if some else None,
    )


def _intervals(
    data: RunData, quantity: Quantity, ids: list[int], histogram: Histogram
) -> list[tuple[int, int] | None]:
    """Interval of each of QUANTILES, rounded outward to bin edges and kept inside [min, max]."""
    parts = slices(data, quantity, ids)
    result: list[tuple[int, int] | None] = []
    for columns in percentile_columns(parts.weights, tuple(QUANTILES.values())):
        if columns is None:
            result.append(None)
            continue
        low, high = parts.lower_ns(columns[0]) or 0, parts.upper_ns(columns[1]) or 0
        result.append((max(low, histogram.min), min(high, histogram.max)))
    return result


def _series(data: RunData, ids: list[int]) -> Series:
    length = seconds_of(data)
    ok = counter_series(data, ids, Counter.OK, length)
    failed = counter_series(data, ids, Counter.FAILED, length)
    transport = counter_series(data, ids, Counter.TRANSPORT, length)
    timeouts = sum(
        (counter_series(data, ids, Counter.ERROR + kind, length) for kind in TIMEOUTS),
        np.zeros(length),
    )
    parts = slices(data, Quantity.RESPONSE, ids)
    cumulative = np.cumsum(parts.weights, axis=1)

    def per_second(quantile: float) -> tuple[int | None, ...]:
        values: list[int | None] = []
        for row in cumulative:
            if not len(row) or row[-1] < samples_needed(quantile):
                values.append(None)
            else:
                values.append(parts.upper_ns(int(np.searchsorted(row, quantile * row[-1] - 1e-9))))
        return tuple(values)

    return Series(
        second=tuple(range(length)),
        sent=_whole(counter_series(data, ids, Counter.SENT, length)),
        completed=_whole(ok + failed - timeouts),
        failed=_whole(failed + transport),
        p50_ns=per_second(0.5),
        p95_ns=per_second(0.95),
        p99_ns=per_second(0.99),
    )


def _whole(values: "np.ndarray[Any, np.dtype[np.float64]]") -> tuple[int, ...]:
    return tuple(int(value) for value in values)
