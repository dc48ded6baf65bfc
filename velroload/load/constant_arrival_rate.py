"""constant-arrival-rate: iterations start at a fixed total rate, whatever the target does."""

from fractions import Fraction
from math import ceil

from velroload.load.schedule import SECOND_NS, Schedule, cut, steps
from velroload.load.vus import most_vus, users_ramp
from velroload.plan.model import Scenario


def constant_arrival_rate(scenario: Scenario, request_timeout_ns: int) -> Schedule:
    """The rate goes from 0 to its value over the ramp, then holds.

    With `users`, these ramp in over the same time, so that the rate per user stays what it will
    be. Without a duration the hold is as long as the fixed number of iterations takes.
    """
    load = scenario.load
    rate = load.rate
    if rate is None:
        rate = (load.request_rate or Fraction(0)) / scenario.requests_per_iteration
    hold_ns = load.duration_ns
    if hold_ns is None:
        hold_ns = ceil((load.iterations or 0) / rate * SECOND_NS)
    arrivals = steps(Fraction(0), [(load.ramp_ns, rate), (hold_ns, rate)])
    if load.iterations is not None:
        arrivals = cut(arrivals, load.iterations)
    end_ns = arrivals[-1].end_ns
    return Schedule(
        model=load.model,
        arrivals=arrivals,
        vus=users_ramp(load),
        end_ns=end_ns,
        hold_start_ns=min(load.ramp_ns, end_ns),
        hold_end_ns=end_ns,
        max_vus=most_vus(scenario, arrivals, request_timeout_ns),
        users=load.users,
        iterations=load.iterations,
        arrival=load.arrival,
        late=load.late,
    )
