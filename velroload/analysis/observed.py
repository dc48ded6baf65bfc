"""Figures of requirements that no threshold speaks of: users, connections, caches, resources.

What was not read is NOT MEASURED; a reading that says enough is enough, however few there are.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from velroload.analysis.cells import count_above, counter_series, counter_values
from velroload.analysis.document import Part
from velroload.analysis.hold import SECOND_NS, whole_seconds
from velroload.analysis.interval import ShareTest, effective_size, samples_needed, share_bounds
from velroload.analysis.probed import Readings, readings, windowed
from velroload.analysis.scope import Scope
from velroload.analysis.shares import HIT, L1, L2, L3, MISS
from velroload.journal import SERIES_FIRST, Counter
from velroload.plan.threshold import OPERATORS, Verdict

COVERED = 0.9
"""A resource must have been read in so much of the hold for a PASS."""
P95 = 0.95

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found for one part of a requirement; see compliance.RequirementResult."""

    verdict: Verdict
    why: str | None = None
    observed: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str = "count"
    count: int = 0
    what: str = ""
    needed: int | None = None
    evidence: str = ""


def missing(why: str, unit: str = "count") -> Finding:
    """Nothing was measured."""
    return Finding(Verdict.NOT_MEASURED, why, unit=unit)


def held(part: Part, value: float) -> Verdict:
    """PASS or FAIL of a figure that was counted."""
    return Verdict.PASS if OPERATORS[part.op](value, part.limit) else Verdict.FAIL


def users(scope: Scope, part: Part) -> Finding:
    """R1: users who got a good answer within two cycles, the least of all such windows."""
    width = int(scope.hold.get("window_s") or 0)
    if not width:
        return missing("this run folder does not count the users who were answered")
    first, last = whole_seconds(scope.whole)
    whole = (last - first) // width
    if not whole:
        return missing(f"the hold is shorter than two cycles of a user ({width} s)")
    ids = [row["id"] for row in scope.flow()]
    counted = counter_series(scope.held, ids, Counter.USERS, last)[first : first + whole * width]
    windows = counted.reshape(whole, width).sum(axis=1)
    observed = float(windows.min())
    declared = f" of {scope.users:,.0f} declared" if scope.users else ""
    verdict = held(part, observed)
    closed = not (scope.whole.manifest.get("model") or {}).get("open")
    if verdict == Verdict.FAIL and closed and held(part, scope.users or 0.0) == Verdict.PASS:
        verdict = Verdict.INCONCLUSIVE  # think times vary: some users' own cycles are longer
    return Finding(
        verdict,
        f"{observed:,.0f}{declared} were answered in every {width} s (two cycles)",
        observed,
        unit="count",
        count=whole,
        what="windows",
        evidence="counters.npz: counts, counter USERS",
    )


def connections(scope: Scope, part: Part) -> Finding:
    """R2: the most that were held for 10 s."""
    found = _within(scope, part.subject)
    means = [(float(values.max()), each) for each in found if len(values := windowed(each))]
    if not means:
        return missing("no probe counts database connections (probes: json or prometheus)")
    observed, each = max(means, key=lambda pair: pair[0])
    verdict = held(part, observed)
    if verdict == Verdict.FAIL and _coverage(scope, each) < COVERED:
        verdict = Verdict.INCONCLUSIVE
    return Finding(
        verdict,
        "the most that were held for 10 s",
        observed,
        unit="count",
        count=len(each.values),
        what="readings",
        evidence=f"probes.npz: {each.name}",
    )


def resource(scope: Scope, part: Part) -> Finding:
    """R12: the highest mean over 10 s, of the machine that had most."""
    noun = "CPU" if part.subject == "cpu_share" else "memory"
    found = [each for each in _within(scope, part.subject) if len(windowed(each))]
    if not found:
        return missing(f"the target's {noun} was not read (velroload agent on it)", "share")
    each = max(found, key=lambda one: float(windowed(one).max()))
    observed = float(windowed(each).max())
    verdict = held(part, observed)
    covered = min(_coverage(scope, one) for one in found)
    why = "the highest mean of 10 s"
    if verdict == Verdict.PASS and covered < COVERED:
        verdict = Verdict.INCONCLUSIVE
        why = f"read in {100 * covered:.0f} % of the hold only"
    return Finding(
        verdict,
        why,
        observed,
        unit="share",
        count=len(each.values),
        what="readings",
        evidence=f"probes.npz: {each.name}",
    )


def hit_rate(scope: Scope, part: Part, ids: Sequence[int]) -> Finding:
    """R3 and R10: hits over look-ups, from the target's own counters, else from what its responses
    say of their cache layer."""
    growth = _growth(scope, f"{part.subject}_hits", f"{part.subject}_misses")
    evidence = "probes.npz: " + growth[2] if growth else "counters.npz: counts, cache layers"
    hits, totals = (growth[0], growth[1]) if growth else _layers(scope, part.subject, ids)
    total = float(totals.sum())
    if total <= 0 and growth:
        layer = part.label or "the cache"
        return missing(f"no look-up has reached {layer}, or the target has none", "share")
    if total <= 0:
        return missing("neither probe nor response told hits and misses of the cache", "share")
    hit = float(hits.sum())
    thinning = effective_size(totals - hits, totals).size / total
    test = ShareTest(total, 1.0 - part.limit, thinning)
    misses = total - hit
    if test.below(misses):
        verdict = Verdict.PASS
    else:
        verdict = Verdict.FAIL if test.above(misses) else Verdict.INCONCLUSIVE
    low, high = share_bounds(hit * thinning, total * thinning)
    return Finding(
        verdict,
        f"{hit:,.0f} of {total:,.0f} look-ups hit",
        hit / total,
        low,
        high,
        "share",
        round(total),
        "look-ups",
        test.needed(misses) if verdict == Verdict.INCONCLUSIVE else None,
        evidence,
    )


def layer_time(scope: Scope, part: Part) -> Finding:
    """R9: p95 of what the target's Server-Timing says that one layer took."""
    names = [str(name) for name in scope.whole.manifest.get("series") or []]
    if part.subject not in names:
        return missing(f"no response carried Server-Timing: cache;desc={part.label!r}", "ns")
    ids = [row["id"] for row in scope.flow()]
    times = scope.held.histogram(SERIES_FIRST + names.index(part.subject), endpoints=ids)
    if not times.count:
        return missing(f"no response of the hold told the time of {part.label}", "ns")
    least, most = count_above(times, part.limit)
    test = ShareTest(times.count, 1.0 - P95)
    if test.below(most):
        verdict = Verdict.PASS
    else:
        verdict = Verdict.FAIL if test.above(least) else Verdict.INCONCLUSIVE
    supported = times.count >= samples_needed(P95)
    size = float(times.count)
    ranks = share_bounds(P95 * size, size)
    low, high = (float(times.percentile(100.0 * rank)) for rank in ranks)
    return Finding(
        verdict,
        f"{most:,} of {times.count:,} above the limit",
        float(times.percentile(100.0 * P95)) if supported else None,
        low if supported else None,
        high if supported else None,
        "ns",
        times.count,
        "responses",
        test.needed(most) if verdict == Verdict.INCONCLUSIVE else None,
        f"histograms.npz: hist, series {part.subject!r}",
    )


def _within(scope: Scope, role: str) -> list[Readings]:
    start, end = scope.window_ns
    return [
        inside
        for each in readings(scope.whole, role)
        if len((inside := each.between(start, end)).values)
    ]


def _coverage(scope: Scope, found: Readings) -> float:
    """Share of the hold's seconds in which something was read."""
    start, end = scope.window_ns
    seconds = max(1, math.floor((end - start) / SECOND_NS))
    return min(1.0, len(np.unique(np.floor(found.time_s))) / seconds)


def _growth(scope: Scope, hits: str, misses: str) -> tuple[Floats, Floats, str] | None:
    """Per reading of the hold: by how much hits grew, and hits and misses; the columns' names.
    Counters that fall began again from 0."""
    for good in readings(scope.whole, hits):
        for bad in readings(scope.whole, misses):
            if good.name.partition(".")[0] != bad.name.partition(".")[0]:
                continue
            _, one, two = np.intersect1d(good.time_s, bad.time_s, return_indices=True)
            start, end = scope.window_ns
            steps = [
                _steps(each.time_s[which], each.values[which], start, end)
                for each, which in ((good, one), (bad, two))
            ]
            return steps[0], steps[0] + steps[1], f"{good.name}, {bad.name}"
    return None


def _steps(time_s: Floats, values: Floats, start_ns: int, end_ns: int) -> Floats:
    growth = np.diff(values)
    growth = np.where(growth >= 0.0, growth, values[1:])
    ends = time_s[1:] * SECOND_NS
    return np.asarray(growth[(ends > start_ns) & (ends <= end_ns)])


def _layers(scope: Scope, subject: str, ids: Sequence[int]) -> tuple[Floats, Floats]:
    """The same per second, from the responses. A look-up that L1 answers never asks L2."""
    first, last = whole_seconds(scope.whole)
    hit, look_up = {
        "authz": ((HIT, L1, L2), (MISS, HIT, L1, L2, L3)),
        "l1": ((L1,), (L1, L2, L3)),
        "l2": ((L2,), (L2, L3)),
    }[subject]
    if not any(code in counter_values(scope.held, ids) for code in look_up):
        return np.zeros(0), np.zeros(0)
    series = {code: counter_series(scope.held, ids, code, last)[first:] for code in look_up}
    return (
        np.asarray(sum(series[code] for code in hit)),
        np.asarray(sum(series[code] for code in look_up)),
    )
