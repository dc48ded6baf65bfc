"""What a suite is in a run: the probabilities of its phases for the core, its rows for the run
folder."""

from typing import Any

import numpy as np

from velroload.load.schedule import Schedule
from velroload.load.suite import Span, spans_of, suite_rows
from velroload.plan.mask import Mask
from velroload.plan.model import Plan
from velroload.plan.share import parts_of
from velroload.protocol.program import Program


def mixes_of(plan: Plan, program: Program) -> bytes:
    """float64[row of phases][chance]: with which probability each mixed request happens."""
    mixes = {phase.name: dict(phase.mix) for phase in plan.phases}
    table = [
        [float(mixes[row.name].get(endpoint, own)) for endpoint, own in program.mixes]
        for row in suite_rows(plan.phases)
    ]
    return np.array(table, "<f8").tobytes()


def starts_free(plan: Plan) -> bool:
    """In the first phase of a suite users go on by themselves."""
    return bool(plan.phases) and plan.phases[0].rate_per_s is None


def suite_json(plan: Plan, *, has_pauses: bool) -> list[dict[str, Any]]:
    """The manifest's "suite": what each phase of the plan asks for, in order; "model" tells how its
    figures are to be judged."""
    return [_span_json(plan, span, has_pauses) for span in spans_of(plan.phases)]


def _span_json(plan: Plan, span: Span, has_pauses: bool) -> dict[str, Any]:
    phase, mask = span.phase, Mask(plan.secrets)
    rate = None if phase.rate_per_s is None else float(phase.rate_per_s)
    requests = [part.requests for part in parts_of(phase, plan.scenarios)]
    return {
        "name": phase.name,
        "users": phase.users,
        "rate_per_s": rate,
        "ramp_ns": phase.ramp_ns,
        "hold_ns": phase.hold_ns,
        "cool_down_ns": phase.cool_down_ns,
        "start_ns": span.start_ns,
        "gate": phase.gate,
        "judges": list(phase.judges),
        "stop_on": phase.stop_on,
        "thresholds": [threshold.source for threshold in phase.thresholds],
        "mix": {endpoint: float(share) for endpoint, share in phase.mix},
        "requests_per_iteration": [None if each is None else float(each) for each in requests],
        "events": [
            {
                "name": mask.text(event.name),
                "kind": event.kind,
                "at_ns": span.start_ns + event.at_ns,
                "for_ns": event.for_ns,
            }
            for event in phase.events
        ],
        "model": {
            "open": rate is not None,
            "paced": rate is not None or has_pauses,
            "offered_rate_per_s": rate,
            "users": phase.users,
        },
    }


def planned_rows(plan: Plan, schedules: tuple[Schedule, ...], seeds: list[int]) -> list[int | None]:
    """Iterations that are due in each row of phases; None where users go on by themselves."""
    free = {phase.name for phase in plan.phases if phase.rate_per_s is None}
    return [
        None
        if row.name in free
        else sum(
            each.planned_between(row.start_ns, row.end_ns or row.start_ns, seed)
            for each, seed in zip(schedules, seeds, strict=True)
        )
        for row in suite_rows(plan.phases)
    ]
