"""A suite: the phases of a plan one after another, on one time axis and with the same users.

Each phase ramps from the number of users that the phase before had to its own, holds, and cools
down: then nothing starts, and the users stay. Its rate is in proportion to the users in the ramp,
and never above what the phase offers. Exact, as every schedule: what a phase starts is known before
the run, to the last iteration.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from velroload.load.phases import COOL_DOWN, HOLD, RAMP
from velroload.load.phases import Phase as Row
from velroload.load.schedule import Schedule, Segment, Stream, steps
from velroload.plan.model import Plan
from velroload.plan.phase import Event, Phase
from velroload.plan.share import Part, parts_of

FREE, FIRST = 1, 2
"""Flags of a row of phases, as the core knows them (core/suite.pxi)."""


@dataclass(frozen=True, slots=True)
class Span:
    """A phase of the plan and where its parts begin; instants in ns since the run's epoch."""

    phase: Phase
    start_ns: int

    @property
    def hold_start_ns(self) -> int:
        return self.start_ns + self.phase.ramp_ns

    @property
    def hold_end_ns(self) -> int:
        return self.start_ns + self.phase.load_ns

    @property
    def end_ns(self) -> int:
        """Where the next one begins."""
        return self.hold_end_ns + self.phase.cool_down_ns


def spans_of(phases: Sequence[Phase]) -> tuple[Span, ...]:
    """The phases one after another."""
    found: list[Span] = []
    for phase in phases:
        found.append(Span(phase, found[-1].end_ns if found else 0))
    return tuple(found)


def suite_rows(phases: Sequence[Phase]) -> tuple[Row, ...]:
    """Ramp, hold and cool-down of each phase, as far as it has them."""
    windows: list[tuple[str, str, int, int]] = []
    for span in spans_of(phases):
        name = span.phase.name
        windows += [
            (name, RAMP, span.start_ns, span.hold_start_ns),
            (name, HOLD, span.hold_start_ns, span.hold_end_ns),
            (name, COOL_DOWN, span.hold_end_ns, span.end_ns),
        ]
    lasting = [window for window in windows if window[3] > window[2]]
    return tuple(Row(place, *window) for place, window in enumerate(lasting))


def row_flags(phases: Sequence[Phase]) -> list[int]:
    """What each row asks of the users: FREE where they go on by themselves, FIRST where what is
    left of the phase before is given up."""
    free = {phase.name for phase in phases if phase.rate_per_s is None}
    flags: list[int] = []
    before = None
    for row in suite_rows(phases):
        by_themselves = row.name in free and row.kind != COOL_DOWN
        flags.append(FREE * by_themselves + FIRST * (row.name != before))
        before = row.name
    return flags


def suite_schedule(plan: Plan, scenario: int) -> Schedule:
    """When everything of one scenario starts, over all phases."""
    spans = spans_of(plan.phases)
    parts = [parts_of(span.phase, plan.scenarios)[scenario] for span in spans]
    arrivals: list[Segment] = []
    vus: list[Segment] = []
    before = 0
    for span, part in zip(spans, parts, strict=True):
        vus += _joining(span, before, part.users)
        if part.rate_per_s is not None:
            arrivals += _starts(span, part, part.rate_per_s, before)
        before = part.users
    load = plan.scenarios[scenario].load
    return Schedule(
        model=load.model,
        arrivals=tuple(arrivals),
        vus=tuple(vus),
        end_ns=spans[-1].end_ns,
        hold_start_ns=spans[0].hold_start_ns,
        hold_end_ns=spans[-1].hold_end_ns,
        max_vus=max(part.users for part in parts),
        users=max(part.users for part in parts),
        least_vus=min(part.users for part in parts),
        partly_free=any(part.rate_per_s is None for part in parts),
    )


def _joining(span: Span, before: int, users: int) -> Stream:
    """From the number of the phase before to this one's."""
    return steps(Fraction(before), [(span.phase.ramp_ns, Fraction(users))], span.start_ns)


def _starts(span: Span, part: Part, rate: Fraction, before: int) -> list[Segment]:
    """The ramp and the hold, with the phase's spikes."""
    low = rate * min(Fraction(1), Fraction(before, part.users))
    ramp = Segment(span.start_ns, span.hold_start_ns, low, rate)
    hold = Segment(span.hold_start_ns, span.hold_end_ns, rate, rate)
    segments = [segment for segment in (ramp, hold) if segment.end_ns > segment.start_ns]
    for event in span.phase.events:
        if event.kind == "spike":
            segments = [piece for each in segments for piece in _spiked(each, event, span.start_ns)]
    return segments


def _spiked(segment: Segment, event: Event, origin_ns: int) -> Iterator[Segment]:
    """The segment, cut where the spike begins and ends, multiplied between."""
    begin, end = origin_ns + event.at_ns, origin_ns + event.at_ns + event.for_ns
    edges = sorted({segment.start_ns, segment.end_ns, *(
        edge for edge in (begin, end) if segment.start_ns < edge < segment.end_ns
    )})  # fmt: skip
    for start_ns, end_ns in pairwise(edges):
        factor = event.factor if begin <= start_ns < end else Fraction(1)
        yield Segment(
            start_ns, end_ns, factor * _value(segment, start_ns), factor * _value(segment, end_ns)
        )


def _value(segment: Segment, at_ns: int) -> Fraction:
    share = Fraction(at_ns - segment.start_ns, segment.end_ns - segment.start_ns)
    return segment.from_value + (segment.to_value - segment.from_value) * share
