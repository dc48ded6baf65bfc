"""Two runs beside each other: differences with intervals, and what else differs between them.

Thin on purpose. The intervals know the noise within each run, never that between runs, which is
often larger: a difference here is a hint. What decides is many runs of each.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from velroload.analysis.result import Percentile, Result, Row
from velroload.analysis.trend import NORMAL_975

SHOWN = ("p50", "p95", "p99")
UNRELATED = ("seed", "name")
"""Of the plan: what differs without meaning anything."""
HOST = ("hostname", "cpus", "kernel", "python")
BUILD = ("profile", "cython", "compiler", "flags")
DEPTH_MOST = 12


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of one row in both runs. unit: "ns" | "per_s" | "share".

    change: second over first less 1, of shares the difference; low and high: its 95 % interval from
    the noise within the runs, None where there is none. differs: the interval leaves 0 out.
    """

    row: str
    what: str
    unit: str
    first: float | None
    second: float | None
    change: float | None
    low: float | None
    high: float | None
    differs: bool | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """differences: the rows that both runs have; only: rows of one run, with its number; unlike:
    what differs between plans, hosts, builds and targets, as (where, first, second); doubts: why
    little may be read into it, the strongest first."""

    differences: tuple[Difference, ...]
    only: tuple[tuple[str, int], ...]
    unlike: tuple[tuple[str, str, str], ...]
    doubts: tuple[str, ...]


def compare(first: Result, second: Result) -> Comparison:
    """What changed from the first run to the second."""
    rows, others = _rows(first), _rows(second)
    shared = [name for name in rows if name in others]
    alone = [(name, 1) for name in rows if name not in others]
    alone += [(name, 2) for name in others if name not in rows]
    found = [
        difference for name in shared for difference in _differences(name, rows[name], others[name])
    ]
    unlike = tuple(_unlike(first.manifest, second.manifest))
    return Comparison(tuple(found), tuple(alone), unlike, tuple(_doubts(first, second, unlike)))


def _rows(result: Result) -> dict[str, Row]:
    kinds = ("request", "group", "iteration")
    rows = [row for row in result.summary.rows if row.kind in kinds and not row.setup and row.count]
    named = {f"{row.kind} {row.name}" if row.kind != "request" else row.name: row for row in rows}
    return {"all requests": result.summary.total, **(named if len(named) > 1 else {})}


def _differences(name: str, one: Row, two: Row) -> Iterator[Difference]:
    for title, times in (("response", "response"), ("service", "service")):
        before = getattr(one, times).all.percentiles
        after = getattr(two, times).all.percentiles
        for level in SHOWN if title == "response" else ("p95",):
            yield _of_times(name, f"{title} {level}", before[level], after[level])
    yield _of_rates(name, one, two)
    yield _of_shares(name, one, two)


def _of_times(row: str, what: str, one: Percentile, two: Percentile) -> Difference:
    """By logarithms: the interval of a ratio of two independent figures."""
    before, after = one.value_ns, two.value_ns
    change = low = high = differs = None
    if before and after:
        change = after / before - 1.0
        errors = [_log_error(one), _log_error(two)]
        known = [error for error in errors if error is not None]
        if len(known) == 2:
            half = NORMAL_975 * math.hypot(*known)
            middle = math.log(after / before)
            low, high = math.expm1(middle - half), math.expm1(middle + half)
            differs = not low <= 0.0 <= high
    return Difference(row, what, "ns", before, after, change, low, high, differs)


def _log_error(times: Percentile) -> float | None:
    """Standard error of the logarithm, from the wider side of the 95 % interval."""
    if not times.value_ns or not times.low_ns or not times.high_ns:
        return None
    below = math.log(times.value_ns / times.low_ns)
    above = math.log(times.high_ns / times.value_ns)
    return max(below, above) / NORMAL_975


def _of_rates(row: str, one: Row, two: Row) -> Difference:
    """Counted: no interval."""
    before, after = one.rate_per_s, two.rate_per_s
    change = after / before - 1.0 if before and after is not None else None
    return Difference(row, "rate", "per_s", before, after, change, None, None, None)


def _of_shares(row: str, one: Row, two: Row) -> Difference:
    """Newcombe's (1998) interval of a difference, from the bounds of each share."""
    before, after = one.failed_share, two.failed_share
    if before is None or after is None:
        return Difference(row, "failed", "share", before, after, None, None, None, None)
    ends = (one.failed_low, one.failed_high, two.failed_low, two.failed_high)
    l1, u1, l2, u2 = (0.0 if end is None else end for end in ends)
    change = after - before
    low = change - math.hypot(after - l2, u1 - before)
    high = change + math.hypot(u2 - after, before - l1)
    return Difference(
        row, "failed", "share", before, after, change, low, high, not low <= 0.0 <= high
    )


def _unlike(one: Mapping[str, Any], two: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for part, keys in (("host", HOST), ("build", BUILD)):
        before, after = one.get(part) or {}, two.get(part) or {}
        for key in keys:
            if before.get(key) != after.get(key):
                yield f"{part}: {key}", _told(before.get(key)), _told(after.get(key))
    workers = [len(run.get("workers") or []) for run in (one, two)]
    if workers[0] != workers[1]:
        yield "workers", str(workers[0]), str(workers[1])
    plans = [
        {key: value for key, value in (run.get("plan") or {}).items() if key not in UNRELATED}
        for run in (one, two)
    ]
    yield from _changed("plan", plans[0], plans[1], DEPTH_MOST)


def _changed(where: str, one: Any, two: Any, depth: int) -> Iterator[tuple[str, str, str]]:
    """Where two documents differ, leaf by leaf."""
    if one == two:
        return
    if depth and isinstance(one, dict) and isinstance(two, dict):
        for key in dict.fromkeys([*one, *two]):
            yield from _changed(f"{where}.{key}", one.get(key), two.get(key), depth - 1)
    elif depth and isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        for place, (left, right) in enumerate(zip(one, two, strict=True)):
            yield from _changed(f"{where}[{place}]", left, right, depth - 1)
    else:
        yield where, _told(one), _told(two)


def _told(value: Any) -> str:
    return "–" if value is None else str(value)


def _doubts(
    first: Result, second: Result, unlike: tuple[tuple[str, str, str], ...]
) -> Iterator[str]:
    for number, result in enumerate((first, second), 1):
        if result.incomplete:
            yield f"run {number} is incomplete: {result.incomplete[0]}"
        elif result.validity.verdict != "VALID":
            yield f"run {number} is {result.validity.verdict}: {result.validity.reasons[0].text}"
    if any(where.startswith("plan") for where, _, _ in unlike):
        yield "the plans differ: a change may be the plan's"
    if any(where.startswith("host") for where, _, _ in unlike):
        yield "the machines differ: a change may be the machine's"
    yield "one run of each: intervals know nothing of the noise from run to run (3 % and more)"
