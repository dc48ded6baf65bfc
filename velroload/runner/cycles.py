"""How long a user's cycle is, so that concurrent users can be counted: those who got an answer
within their last two cycles."""

import math
from collections.abc import Sequence
from fractions import Fraction

from velroload.load.phases import HOLD, Phase
from velroload.plan.model import Plan
from velroload.plan.scenario import Scenario

CYCLES = 2
SECOND_NS = 1_000_000_000


def user_windows(plan: Plan, phases: Sequence[Phase]) -> list[tuple[int, int]]:
    """Of each phase the first whole second and the length of two cycles in whole seconds, 0 for
    what is no hold. Never longer than the cycles (the count is then too low, not too high), but for
    cycles below half a second: the figures are per second."""
    return [
        (math.ceil(phase.start_ns / SECOND_NS), _window_s(plan, phase) if phase.kind == HOLD else 0)
        for phase in phases
    ]


def _window_s(plan: Plan, phase: Phase) -> int:
    """The longest of the scenarios': a user of a quick one is seen in it too."""
    own = {each.name: each for each in plan.phases}.get(phase.name)
    longest = Fraction(0)
    for scenario in plan.scenarios:
        if own is not None:
            scenario = scenario.with_mix(dict(own.mix))
        longest = max(longest, _pause_ns(scenario))
        if own is not None and own.rate_per_s is not None and scenario.is_predictable:
            # users and rate are shared out alike, so one scenario's cycle is that of all
            passes = own.rate_per_s / max(scenario.requests_per_iteration, Fraction(1, 1000))
            longest = max(longest, own.users / passes * SECOND_NS)
        elif own is None:
            longest = max(longest, _turn_ns(scenario))
    return max(1, math.floor(CYCLES * longest / SECOND_NS))


def _pause_ns(scenario: Scenario) -> Fraction:
    """What a user waits at least in one pass; responses come on top."""
    load = scenario.load
    think = load.think.mean_ns if load.think is not None else Fraction(0)
    inside = scenario.think_per_iteration_ns if scenario.is_predictable else Fraction(0)
    return max(Fraction(think) + inside, Fraction(load.pacing_ns or 0))


def _turn_ns(scenario: Scenario) -> Fraction:
    """At a rate: how long until every user of a fixed number has had his turn."""
    load = scenario.load
    most = scenario.rate_most_per_s
    if not load.is_open or not load.users or not most or not scenario.is_predictable:
        return Fraction(0)
    return load.users * scenario.requests_per_iteration / most * SECOND_NS
