"""What can be proved: how many requests stand behind each threshold, and whether they suffice.

A PASS needs the upper bound of the violating share below what is allowed (analysis/interval.py):
even without a single violation that takes a least number of requests. Computed as if requests were
independent; correlation only raises what is needed.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from velroload.analysis.document import Requirement, answering, document
from velroload.analysis.interval import (
    NEEDED_MAX,
    ONE_SIDED,
    ShareTest,
    samples_needed,
    share_bounds,
)
from velroload.plan.manifest import plan_json
from velroload.plan.model import Plan
from velroload.plan.requirements import Requirements
from velroload.plan.threshold import Selector, Threshold, parse_threshold
from velroload.runner.forecast.traffic import Row, Stretch, whole_of


@dataclass(frozen=True, slots=True)
class Support:
    """What stands behind one threshold in one stretch.

    count: requests expected in its hold, or in its window; None: the target's pace decides. least:
    requests from which a PASS is possible; bearing: violations with which it still passes, None
    when none is. interval: the quantiles that a 95 % interval reaches from and to; None when it
    cannot be had (`carries` requests are needed for one).
    """

    stretch: str
    threshold: Threshold
    count: int | None
    least: int
    bearing: int | None
    interval: tuple[float, float] | None
    carries: int | None


def supports_of(plan: Plan, stretches: tuple[Stretch, ...]) -> tuple[Support, ...]:
    """One per threshold that is about shares of requests, in the order of the plan; then those of
    the document of requirements, each in the phase that answers it."""
    whole = whole_of(plan, stretches)
    every = stretches if whole is None else (*stretches, whole)
    return tuple(
        _support(stretch, threshold)
        for stretch, threshold in (
            *((stretch, threshold) for stretch in every for threshold in stretch.thresholds),
            *_demanded(plan, stretches),
        )
        if threshold.metric in ("percentile", "errors", "checks")
    )


def _demanded(plan: Plan, stretches: tuple[Stretch, ...]) -> Iterator[tuple[Stretch, Threshold]]:
    """The requirements that are judged as thresholds and of which something is sent."""
    if plan.requirements is None:
        return
    for row in document(plan_json(plan)["requirements"]):
        stretch = answered_by(plan.requirements, stretches, row)
        if stretch is None or not row.sentence:
            continue
        threshold = parse_threshold(row.sentence)
        for kind, name in (("class", row.cls), ("endpoint", row.endpoint)):
            if name and any(_matching(stretch, kind, name)):
                threshold = replace(threshold, selector=Selector(kind, name))
                break
        else:
            if row.cls or row.endpoint:
                continue
        yield stretch, replace(threshold, source=f"{row.id} {row.title}")


def answered_by(
    wanted: Requirements, stretches: tuple[Stretch, ...], row: Requirement
) -> Stretch | None:
    """The stretch that answers a requirement; of a plan without phases there is only one."""
    phases = [(each.name, each.phase.judges) for each in stretches if each.phase is not None]
    name = answering(row, phases, wanted.phase)
    return next((each for each in stretches if each.name == name or not phases), None)


def chosen(stretch: Stretch, threshold: Threshold) -> list[Row] | None:
    """The rows that a threshold speaks of; None when it speaks of something else (a group)."""
    selector = threshold.selector
    if selector is None or selector.kind == "phase":
        return list(stretch.rows)
    if selector.kind == "group":
        return None
    return list(_matching(stretch, selector.kind, selector.name))


def _matching(stretch: Stretch, kind: str, name: str) -> Iterator[Row]:
    for row in stretch.rows:
        own = {"endpoint": row.endpoint, "class": row.cls, "scenario": row.scenario}
        if own.get(kind) == name or (kind == "tag" and name in row.tags):
            yield row


def count_of(rows: list[Row] | None) -> float | None:
    """Requests in the hold; None when that is not known."""
    if rows is None:
        return None
    counts = [row.hold_count for row in rows]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def allowed_of(threshold: Threshold) -> float:
    """The share of requests that may violate it."""
    upward = threshold.op in (">", ">=")
    if threshold.metric == "percentile":
        quantile = threshold.quantile or 0.5
        return quantile if upward else 1.0 - quantile
    return 1.0 - threshold.limit if upward else threshold.limit


def least_of(allowed: float) -> int:
    """Requests from which a PASS is possible without any violation; 1 where nothing is allowed:
    then what was counted decides."""
    if allowed <= 0.0 or allowed >= 1.0:
        return 1
    return min(math.ceil(math.log(ONE_SIDED) / math.log1p(-allowed)), NEEDED_MAX)


def _support(stretch: Stretch, threshold: Threshold) -> Support:
    expected = count_of(chosen(stretch, threshold))
    if expected is not None and threshold.window_ns and stretch.hold_ns:
        expected *= min(1.0, threshold.window_ns / stretch.hold_ns)
    count = None if expected is None else round(expected)
    allowed = allowed_of(threshold)
    interval = carries = None
    if threshold.metric == "percentile" and threshold.quantile:
        carries = samples_needed(threshold.quantile)
        if count is not None and count >= carries:
            interval = share_bounds(threshold.quantile * count, count)
    exact = threshold.op == "==" or threshold.window_ns is not None or allowed <= 0.0
    least = 1 if exact else least_of(allowed)
    bearing = None if exact or not count else _bearing(count, allowed)
    return Support(stretch.name, threshold, count, least, bearing, interval, carries)


def _bearing(count: int, allowed: float) -> int | None:
    """The most violations with which `count` requests still pass."""
    test = ShareTest(count, allowed)
    if not test.below(0):
        return None
    low, high = 0, math.ceil(allowed * count)
    while low < high:
        middle = (low + high + 1) // 2
        if test.below(middle):
            low = middle
        else:
            high = middle - 1
    return low
