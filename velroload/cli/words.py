"""A plan's load in a few words, for the question before a public host is loaded."""

from fractions import Fraction
from typing import TYPE_CHECKING

from velroload.units import format_duration, format_rate

if TYPE_CHECKING:
    from velroload.plan.model import Load, Plan


def plan_in_words(plan: "Plan") -> str:
    """How much and how long."""
    if plan.phases:
        lasting = format_duration(plan.duration_ns or 0)
        most = plan.rate_most_per_s
        amount = f"up to {plan.users_most:,} users"
        if most is not None:
            amount += f" and {plain_rate(most)}"
        phases = f"{len(plan.phases)} phase{'s' * (len(plan.phases) > 1)}"
        return f"{amount} in {phases}, {lasting} in all"
    return " and ".join(load_in_words(scenario.load) for scenario in plan.scenarios)


def load_in_words(load: "Load") -> str:
    """How much and how long, for the question before a public host is loaded."""
    if load.stages:
        peak = max(stage.target for stage in load.stages)
        lasting_ns = sum(stage.duration_ns for stage in load.stages)
        amount = f"up to {format_rate(peak)}" if load.is_open else f"up to {int(peak):,} users"
        return f"{amount} for {format_duration(lasting_ns)}"
    rate = load.rate or load.request_rate
    how_much = f"{load.users:,} users" if rate is None else plain_rate(rate)
    if load.duration_ns is None:
        return f"{how_much}, {load.iterations:,} requests"
    return f"{how_much} for {format_duration(load.duration_ns + load.ramp_ns)}"


def plain_rate(rate_per_s: Fraction) -> str:
    """ "5,000/s"."""
    return f"{int(rate_per_s):,}/s" if rate_per_s.denominator == 1 else format_rate(rate_per_s)
