"""The figures of a run: one row per endpoint, group, iteration and address, one over all requests.

All of them are of the hold (hold.py): what its iterations sent, and for rates what was answered
within it. A percentile that its sample cannot carry is None. Requests of the setup have rows of
their own, of the whole run, and stay out of the total.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from velroload.analysis.cells import (
    counter_series,
    counter_values,
    filled_slices,
    late,
    seconds_of,
    slices,
)
from velroload.analysis.connections import connections_of
from velroload.analysis.hold import SECOND_NS, ended_ns, held_seconds, hold_ns
from velroload.analysis.interval import percentile_columns, samples_needed, share_bounds
from velroload.analysis.reach import reach, slo_of
from velroload.analysis.result import (
    QUANTILES,
    ByOutcome,
    Distribution,
    Percentile,
    PhaseCount,
    Quantity,
    Row,
    Series,
    Summary,
)
from velroload.analysis.warmup import warm_up_of
from velroload.histogram import Histogram
from velroload.journal import SERIES_FIRST, Counter
from velroload.plan.threshold import Threshold, parse_threshold
from velroload.rundata import RunData
from velroload.sample import ErrorKind

PARTS = tuple(Quantity)[Quantity.GENERATOR_LAG :]
COUNTED = ("user_clock", "coalesced", "preempted", "retried", "new_connection", "kernel_stamp")
REACHED = ("request", "scenario", "class", "tag")
"""Kinds of rows that have a reach."""
WHOLE: dict[str, Any] = {"id": None, "name": "all requests", "scenario": None, "cls": None}
TIMEOUTS = (ErrorKind.TIMEOUT,)


def summarise(data: RunData, held: RunData) -> Summary:
    """All figures of a run, `held` being what counts of it; an empty run has rows of zeros and
    None."""
    endpoints: list[dict[str, Any]] = data.manifest.get("endpoints", [])
    paced = bool(data.manifest.get("model", {}).get("paced"))
    flow = [e["id"] for e in endpoints if is_flow(e)]
    spans = {True: ended_ns(data) / SECOND_NS, False: hold_ns(data) / SECOND_NS}

    thresholds = thresholds_of(data)

    def row(entry: dict[str, Any], ids: list[int]) -> Row:
        setup = bool(entry.get("setup", False))
        seconds = () if setup else held_seconds(data)
        rate = _rate(data, held, ids, seconds, spans[setup])
        made = _row(held, entry, ids, rate, paced)
        if setup or entry["kind"] not in REACHED:
            return made
        return replace(made, reach=reach(data, held, ids, slo_of(thresholds, entry)))

    rows = tuple(row(entry, [entry["id"]]) for entry in endpoints)
    if len(flow) == 1:
        slo_ns = slo_of(thresholds, {})
        only = next(each for each in rows if each.id == flow[0])
        total = replace(only, **WHOLE, reach=reach(data, held, flow, slo_ns))
    else:
        total = row({"kind": "request", **WHOLE}, flow)
    rows += tuple(row(entry, ids) for entry, ids in together(endpoints))
    series = _series(data, flow)
    holds = held_seconds(data)
    return Summary(
        hold_s=spans[False],
        elapsed_s=spans[True],
        phases=_phases(data, flow),
        total=total,
        rows=rows,
        series=series,
        connections=connections_of(data),
        warm_up=warm_up_of(held, flow, series, holds[0]) if len(holds) == 1 else None,
    )


def thresholds_of(data: RunData) -> list[Threshold]:
    """Those of the plan, and of its phases, by name of the phase where the run is seen as one."""
    plan = data.manifest.get("plan") or {}
    texts = list(plan.get("thresholds") or [])
    names = {phase.get("name") for phase in data.manifest.get("phases") or []}
    for phase in data.manifest.get("suite") or []:
        if names == {phase.get("name")}:
            texts += phase.get("thresholds") or []
    return [parse_threshold(text) for text in texts]


def together(
    endpoints: Sequence[dict[str, Any]],
) -> Iterator[tuple[dict[str, Any], list[int]]]:
    """Rows of several endpoints of the flow: by scenario where there are several, by class, by
    tag, each with the ids that it takes."""
    flow = [entry for entry in endpoints if is_flow(entry)]
    found: dict[tuple[str, str], list[int]] = {}
    scenarios = {entry.get("scenario") for entry in flow}
    for entry in flow:
        if len(scenarios) > 1 and entry.get("scenario"):
            found.setdefault(("scenario", entry["scenario"]), []).append(entry["id"])
        if entry.get("cls"):
            found.setdefault(("class", entry["cls"]), []).append(entry["id"])
        for tag in entry.get("tags") or ():
            found.setdefault(("tag", tag), []).append(entry["id"])
    for (kind, name), ids in sorted(found.items()):
        own = {"scenario": name} if kind == "scenario" else {"cls": name} if kind == "class" else {}
        yield {"id": None, "name": name, "kind": kind, **own}, ids


def is_flow(endpoint: dict[str, Any]) -> bool:
    """True for what counts in totals: requests that are not part of the setup. Each contains its
    hops, whose rows stand beside."""
    return endpoint.get("kind") == "request" and not endpoint.get("setup", False)


def _phases(data: RunData, flow: list[int]) -> tuple[PhaseCount, ...]:
    """Every phase that the run came to, with what was sent in it."""
    last = ended_ns(data)
    found = []
    for phase in data.manifest.get("phases") or []:
        ok, failed, transport = (
            int(data.part("counts", flow, counter, phases=(phase["id"],)).sums("value").sum())
            for counter in (Counter.OK, Counter.FAILED, Counter.TRANSPORT)
        )
        end = last if phase["end_ns"] is None else min(phase["end_ns"], last)
        if phase["start_ns"] < last or ok + failed + transport:
            found.append(
                PhaseCount(
                    id=phase["id"],
                    name=phase["name"],
                    kind=phase["kind"],
                    start_ns=phase["start_ns"],
                    end_ns=max(phase["start_ns"], end),
                    count=ok + failed + transport,
                    ok=ok,
                )
            )
    return tuple(found)


def _row(
    data: RunData, entry: dict[str, Any], ids: list[int], rate_per_s: float | None, paced: bool
) -> Row:
    values = counter_values(data, ids)
    ok, failed = values.get(Counter.OK, 0), values.get(Counter.FAILED, 0)
    transport = values.get(Counter.TRANSPORT, 0)
    count = ok + failed + transport
    low, high = share_bounds(failed + transport, count)
    request = entry["kind"] not in ("group", "iteration")
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
        rate_per_s=rate_per_s,
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


def _rate(
    data: RunData, held: RunData, ids: list[int], seconds: Sequence[range], span_s: float
) -> float | None:
    """Complete responses per second. What is answered in the whole `seconds` of the holds, whenever
    it was sent: what was under way at its beginning stands for what is under way at its end.
    Without such seconds what counts of the run, over its span."""
    if seconds:
        span_s = sum(map(len, seconds))
        complete = sum(_complete(counter_values(data, ids, seconds=part)) for part in seconds)
    else:
        complete = _complete(counter_values(held, ids))
    return complete / span_s if span_s > 0 else None


def _complete(values: dict[int, int]) -> int:
    return values.get(Counter.OK, 0) + values.get(Counter.FAILED, 0) - _timeouts(values)


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
    percentiles = {name: Percentile() for name in QUANTILES}
    carried = [
        (place, name, 100.0 * quantile)
        for place, (name, quantile) in enumerate(QUANTILES.items())
        if histogram.count >= samples_needed(quantile)
    ]
    values = histogram.percentiles([percent for _, _, percent in carried]) if carried else []
    for (place, name, _), value in zip(carried, values, strict=True):
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
    _, parts = filled_slices(data, quantity, ids)
    result: list[tuple[int, int] | None] = []
    for columns in percentile_columns(parts.weights, tuple(QUANTILES.values())):
        if columns is None:
            result.append(None)
            continue
        low, high = parts.lower_ns(columns[0]) or 0, parts.upper_ns(columns[1]) or 0
        result.append((max(low, histogram.min), min(high, histogram.max)))
    return result


def _series(data: RunData, ids: list[int]) -> Series:
    """The same for every phase of a suite, so it is computed once."""
    index = data.index("series")
    key = ("series of", id(index), data.kept, tuple(ids))
    if key not in data.memo:
        data.memo[key] = (index, _made_series(data, ids))
    made: Series = data.memo[key][1]
    return made


def _made_series(data: RunData, ids: list[int]) -> Series:
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
        if not cumulative.size:
            return (None,) * length
        whole = cumulative[:, -1]
        columns = np.argmax(cumulative >= (quantile * whole - 1e-9)[:, np.newaxis], axis=1)
        enough = whole >= samples_needed(quantile)
        return tuple(
            parts.upper_ns(column) if carried else None
            for column, carried in zip(columns.tolist(), enough.tolist(), strict=True)
        )

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
