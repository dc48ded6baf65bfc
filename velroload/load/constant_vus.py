"""constant-vus: N users, each starting an iteration when the one before and a pause are over."""

from fractions import Fraction

from velroload.load.schedule import Schedule, steps
from velroload.plan.model import Scenario


def constant_vus(scenario: Scenario, request_timeout_ns: int) -> Schedule:
    """Users 0..N-1 join evenly over the ramp, then hold. Nothing is planned per start."""
    load = scenario.load
    users = load.users or 0
    end_ns = None if load.duration_ns is None else load.ramp_ns + load.duration_ns
    return Schedule(
        model=load.model,
        arrivals=(),
        vus=steps(Fraction(0), [(load.ramp_ns, Fraction(users))]),
        end_ns=end_ns,
        hold_start_ns=load.ramp_ns,
        hold_end_ns=end_ns,
        max_vus=users,
        users=users,
        iterations=load.iterations,
    )
