"""What a plan sends: per stretch of the run and endpoint, how many requests at which rate.

A stretch is a phase of the plan, or the whole run of a plan without phases. Expectations are exact
over the tree of steps (plan/flow.py); counts of open loads come from the schedules themselves.
"""

from dataclasses import dataclass, replace
from fractions import Fraction

from velroload.load.models import schedule
from velroload.load.phases import HOLD, RAMP, phases_of
from velroload.load.schedule import Schedule
from velroload.plan.flow import Unpredictable
from velroload.plan.load import Load
from velroload.plan.model import SECOND_NS, Plan, Scenario
from velroload.plan.phase import Phase
from velroload.plan.threshold import Threshold
from velroload.runner.forecast.size import request_bytes
from velroload.runner.jobs import starts_until

ALL, WHOLE = "main", "all phases"
"""The stretch of a plan without phases, and what a plan with phases is as one."""


@dataclass(frozen=True, slots=True)
class Row:
    """One endpoint in one stretch. per_iteration: requests of an iteration of its scenario.
    rate_per_s, hold_count, count: in the hold, in the hold, in all; None where only the target's
    pace decides, or a `while` does not say how often it goes round."""

    scenario: str
    endpoint: str
    cls: str | None
    tags: tuple[str, ...]
    line: str
    per_iteration: Fraction | None
    rate_per_s: Fraction | None
    hold_count: float | None
    count: float | None
    request_bytes: int


@dataclass(frozen=True, slots=True)
class Flow:
    """One scenario in one stretch. iterations_per_s: in the hold; None: closed. pause_ns: think
    time and pacing of an iteration, as far as known."""

    scenario: Scenario
    schedule: Schedule
    iterations_per_s: Fraction | None
    pause_ns: Fraction | None

    @property
    def users(self) -> int:
        return self.schedule.peak_vus

    @property
    def requests(self) -> Fraction | None:
        """Expected requests of an iteration."""
        return self.scenario.requests_per_iteration if self.scenario.is_predictable else None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A phase, or the run. hold_ns: None when only iterations end it. offered_per_s: requests in
    the hold; None when something is closed or not predictable."""

    name: str
    phase: Phase | None
    ramp_ns: int
    hold_ns: int | None
    cool_down_ns: int
    flows: tuple[Flow, ...]
    rows: tuple[Row, ...]
    thresholds: tuple[Threshold, ...]

    @property
    def users(self) -> int:
        """The most users at one time."""
        return sum(flow.users for flow in self.flows)

    @property
    def connected(self) -> int | None:
        """How many there are all the time; None where some are made on demand."""
        known = [flow.schedule.users for flow in self.flows]
        return None if None in known or not known else self.users

    @property
    def gap_ns(self) -> Fraction | None:
        """From one iteration of a user to its next; None when that is not known."""
        rate = self.iterations_per_s
        return Fraction(self.connected * SECOND_NS) / rate if rate and self.connected else None

    @property
    def load_ns(self) -> int | None:
        """Ramp and hold."""
        return None if self.hold_ns is None else self.ramp_ns + self.hold_ns

    @property
    def iterations_per_s(self) -> Fraction | None:
        return _sum([flow.iterations_per_s for flow in self.flows])

    @property
    def offered_per_s(self) -> Fraction | None:
        return _sum([row.rate_per_s for row in self.rows])

    @property
    def most_per_s(self) -> Fraction | None:
        """Requests per second that pauses leave room for if the target answered at once; None:
        nothing but the target bounds them."""
        total = Fraction(0)
        for flow in self.flows:
            if flow.requests is None:
                return None
            rate = flow.iterations_per_s
            if rate is None:
                if not flow.pause_ns:
                    return None
                rate = flow.users * SECOND_NS / flow.pause_ns
            total += rate * flow.requests
        return total

    @property
    def spike(self) -> Fraction:
        """The highest factor that an event puts on the rate."""
        events = () if self.phase is None else self.phase.events
        return max((event.factor for event in events), default=Fraction(1))

    @property
    def peak_per_s(self) -> Fraction | None:
        """Requests per second at most."""
        rates = [flow.scenario.rate_most_per_s for flow in self.flows]
        peak = _sum(rates)
        return None if peak is None else peak * self.spike

    @property
    def hold_count(self) -> float | None:
        """Requests in the hold."""
        return _total([row.hold_count for row in self.rows])

    @property
    def count(self) -> float | None:
        """Requests in ramp and hold."""
        return _total([row.count for row in self.rows])

    @property
    def where(self) -> str:
        """In front of a sentence about it; nothing where there is one stretch only."""
        return "" if self.phase is None else f"{self.name}: "


def _sum(parts: list[Fraction | None]) -> Fraction | None:
    known = [part for part in parts if part is not None]
    return sum(known, Fraction(0)) if len(known) == len(parts) else None


def _total(parts: list[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def stretches_of(plan: Plan) -> tuple[Stretch, ...]:
    """In the order in which they run."""
    if not plan.phases:
        return (_stretch(plan, ALL, None, plan.thresholds),)
    made = []
    for phase in plan.phases:
        whole = tuple(each for each in plan.thresholds if _concerns(each, phase))
        made.append(_stretch(plan_of(plan, phase), phase.name, phase, (*phase.thresholds, *whole)))
    return tuple(made)


def whole_of(plan: Plan, stretches: tuple[Stretch, ...]) -> Stretch | None:
    """All phases together, which the plan's own thresholds are judged over; None without phases."""
    if not plan.phases:
        return None
    own = tuple(t for t in plan.thresholds if t.selector is None or t.selector.kind != "phase")
    holds = [stretch.hold_ns for stretch in stretches if stretch.hold_ns is not None]
    flows = tuple(flow for stretch in stretches for flow in stretch.flows)
    rows = tuple(row for stretch in stretches for row in stretch.rows)
    return Stretch(WHOLE, None, 0, sum(holds), 0, flows, rows, own)


def _concerns(threshold: Threshold, phase: Phase) -> bool:
    """Of the plan's own thresholds: those that name this phase."""
    chosen = threshold.selector
    return chosen is not None and chosen.kind == "phase" and chosen.name == phase.name


def plan_of(plan: Plan, phase: Phase) -> Plan:
    """One phase as a plan of its own: its mix, and each scenario's part of users and rate."""
    whole = sum((scenario.weight for scenario in plan.scenarios), Fraction(0))
    scenarios = []
    before = Fraction(0)
    for scenario in plan.scenarios:
        after = before + scenario.weight
        users = int(phase.users * after / whole) - int(phase.users * before / whole)
        before = after
        if users:
            load = _part(phase, users, scenario.weight / whole)
            scenarios.append(replace(scenario.with_mix(dict(phase.mix)), load=load))
    return replace(plan, scenarios=tuple(scenarios), phases=(), thresholds=(), requirements=None)


def _part(phase: Phase, users: int, share: Fraction) -> Load:
    load = phase.load
    rate = None if phase.rate_per_s is None else phase.rate_per_s * share
    return replace(load, users=users, request_rate=rate)


def _stretch(
    plan: Plan, name: str, phase: Phase | None, thresholds: tuple[Threshold, ...]
) -> Stretch:
    schedules = tuple(schedule(plan, scenario) for scenario in plan.scenarios)
    windows = {window.kind: window for window in phases_of(schedules)}
    hold = windows[HOLD]
    ramp = windows.get(RAMP)
    flows = tuple(
        _flow(scenario, each) for scenario, each in zip(plan.scenarios, schedules, strict=True)
    )
    more = _spiked(phase)
    rows = tuple(
        row for flow in flows for row in _rows(plan, flow, hold.start_ns, hold.end_ns, more)
    )
    return Stretch(
        name,
        phase,
        0 if ramp is None or ramp.end_ns is None else ramp.end_ns,
        None if hold.end_ns is None else hold.end_ns - hold.start_ns,
        0 if phase is None else phase.cool_down_ns,
        flows,
        rows,
        thresholds,
    )


def _flow(scenario: Scenario, each: Schedule) -> Flow:
    rate = None
    if each.is_open and each.hold_end_ns is not None and each.hold_end_ns > each.hold_start_ns:
        starts = starts_until(each, each.hold_end_ns) - starts_until(each, each.hold_start_ns)
        rate = Fraction(starts) * SECOND_NS / (each.hold_end_ns - each.hold_start_ns)
        if len({segment.to_value for segment in each.arrivals}) == 1:
            rate = each.arrivals[-1].to_value  # exact: the integral is a float
    elif each.is_open:
        rate = each.peak_rate_per_s
    return Flow(scenario, each, rate, _pause_ns(scenario))


def _pause_ns(scenario: Scenario) -> Fraction | None:
    try:
        pause_ns = scenario.think_per_iteration_ns
    except Unpredictable:
        return None
    load = scenario.load
    if load.think is not None:
        pause_ns += load.think.mean_ns
    return max(pause_ns, Fraction(load.pacing_ns or 0))


def _spiked(phase: Phase | None) -> Fraction:
    """By what events multiply the requests of a hold."""
    events = () if phase is None else phase.events
    more = sum(((event.factor - 1) * event.for_ns for event in events), Fraction(0))
    return 1 + more / phase.hold_ns if phase is not None else Fraction(1)


def _rows(plan: Plan, flow: Flow, start_ns: int, end_ns: int | None, more: Fraction) -> list[Row]:
    each, rows = flow.schedule, []
    whole = hold = None
    if each.is_open:
        whole = float(each.expected_starts)
        hold = whole
        if end_ns is not None:
            hold = starts_until(each, end_ns) - starts_until(each, start_ns)
            whole += hold * float(more - 1)
            hold *= float(more)
    elif each.iterations is not None and each.end_ns is None:
        whole = hold = float(each.iterations)
    for endpoint in dict.fromkeys(request.endpoint for request in flow.scenario.requests):
        request = next(r for r in flow.scenario.requests if r.endpoint == endpoint)
        per = flow.scenario.requests_of(endpoint) if flow.scenario.is_predictable else None
        rate = None if per is None or flow.iterations_per_s is None else flow.iterations_per_s * per
        rows.append(
            Row(
                flow.scenario.name,
                endpoint,
                request.cls,
                tuple(f"{name}={value}" for name, value in request.tags),
                f"{request.method} {request.path}",
                per,
                rate,
                None if per is None or hold is None else hold * float(per),
                None if per is None or whole is None else whole * float(per),
                request_bytes(plan, flow.scenario, request),
            )
        )
    return rows
