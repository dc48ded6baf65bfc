"""ramping-arrival-rate: the total rate of iterations follows stages."""

from fractions import Fraction

from velroload.load.schedule import Schedule, cut, hold_of, steps
from velroload.load.vus import most_vus, users_ramp
from velroload.plan.model import Scenario


def ramping_arrival_rate(scenario: Scenario, request_timeout_ns: int) -> Schedule:
    """Stages count iterations per second, or requests (stage_unit); users ramp in on their own."""
    load = scenario.load
    per = scenario.requests_per_iteration if load.stage_unit == "requests" else Fraction(1)
    stages = [(stage.duration_ns, stage.target / per) for stage in load.stages]
    arrivals = steps(load.start / per, stages)
    if load.iterations is not None:
        arrivals = cut(arrivals, load.iterations)
    hold_start_ns, hold_end_ns = hold_of(arrivals)
    return Schedule(
        model=load.model,
        arrivals=arrivals,
        vus=users_ramp(load),
        end_ns=arrivals[-1].end_ns,
        hold_start_ns=hold_start_ns,
        hold_end_ns=hold_end_ns,
        max_vus=most_vus(scenario, arrivals, request_timeout_ns),
        users=load.users,
        iterations=load.iterations,
        arrival=load.arrival,
        late=load.late,
    )
