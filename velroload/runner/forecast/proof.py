"""Thresholds and requirements that nothing can be said of, or too little."""

from collections.abc import Iterator

from velroload.plan.model import EMBEDDED, Plan
from velroload.report.words import number
from velroload.runner.forecast.obstacle import Obstacle, certain, likely
from velroload.runner.forecast.pace import time_text
from velroload.runner.forecast.samples import Support, chosen, supports_of
from velroload.runner.forecast.traffic import WHOLE, Stretch, whole_of

CYCLES_LEAST = 3
"""A scaled run claims nothing about caches unless each user comes by so often in the hold."""
CYCLED = ("cache",)


def proof_obstacles(plan: Plan, stretches: tuple[Stretch, ...]) -> Iterator[Obstacle]:
    """What cannot be proved with what is sent."""
    whole = whole_of(plan, stretches)
    every = stretches if whole is None else (*stretches, whole)
    for stretch in every:
        where = stretch.where if stretch is not whole else f"{WHOLE}: "
        for threshold in stretch.thresholds:
            rows = chosen(stretch, threshold)
            if rows is not None and (not rows or all(row.per_iteration == 0 for row in rows)):
                yield certain(
                    f"{where}{threshold.source!r}: no such request is sent here; without "
                    "a sample it is INCONCLUSIVE, never a pass"
                )
            if threshold.metric == "recovery" and plan.target != EMBEDDED:
                yield from _fault(stretch, threshold.subject, threshold.source)
    for support in supports_of(plan, stretches):
        yield from _too_few(support, len(every) > 1)


def _fault(stretch: Stretch, event: str, source: str) -> Iterator[Obstacle]:
    events = () if stretch.phase is None else stretch.phase.events
    if any(each.name == event and each.kind == "fault" for each in events):
        yield likely(
            f"{stretch.where}{source!r}: only the reference target has faults; on another one "
            f"{event} fails, and this is NOT MEASURED"
        )


def _too_few(support: Support, several: bool) -> Iterator[Obstacle]:
    count = support.count
    if not count:
        return
    where = f"{support.stretch}: " if several else ""
    name = f"{where}{support.threshold.source!r}: {count:,} requests are expected"
    if count < support.least:
        yield certain(
            f"{name}, a PASS needs {support.least:,} even when none violates it; hold longer, "
            "send more, or take a lower percentile"
        )
    elif support.carries is not None and count < support.carries:
        yield likely(
            f"{name}; an interval needs {number(support.carries)}, so no value will be shown"
        )


def cycles_of(stretch: Stretch) -> float | None:
    """How often each user comes by in the hold; None when that is not known."""
    if stretch.gap_ns is None or stretch.hold_ns is None:
        return None
    return stretch.hold_ns / float(stretch.gap_ns)


def cycle_obstacles(plan: Plan, stretches: tuple[Stretch, ...]) -> Iterator[Obstacle]:
    """A cache is judged by users who come back."""
    for stretch in stretches:
        judged = any(t.metric in CYCLED for t in stretch.thresholds)
        cycles = cycles_of(stretch)
        if judged and cycles is not None and cycles < CYCLES_LEAST and stretch.hold_ns:
            gap_ns = stretch.hold_ns / cycles
            yield likely(
                f"{stretch.where}a user comes by every {time_text(gap_ns)}, {cycles:.1f} times in "
                f"the hold: what a cache hits then is decided by what was in it before; hold "
                f"{time_text(CYCLES_LEAST * gap_ns)} or longer"
            )
