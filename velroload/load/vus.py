"""The virtual users of an arrival model: N connected users, or as many as it may need."""

from fractions import Fraction
from math import ceil

from velroload.load.schedule import SECOND_NS, Stream, steps
from velroload.plan.model import Load, Scenario

ON_DEMAND_MAX = 10_000
"""More VUs than this are made only when the plan says so (max_vus)."""


def users_ramp(load: Load) -> Stream:
    """How connected users join; empty when VUs are made on demand."""
    if load.users is None:
        return ()
    return steps(Fraction(0), [(load.ramp_ns, Fraction(load.users))])


def most_vus(scenario: Scenario, arrivals: Stream, request_timeout_ns: int) -> int:
    """As many as are busy when every request takes as long as its timeout lets it."""
    load = scenario.load
    if load.users is not None:
        return load.users
    if load.max_vus is not None:
        return load.max_vus
    busy_ns = scenario.think_per_iteration_ns if scenario.is_predictable else Fraction(0)
    for request in scenario.requests:
        busy_ns += request.timeout_ns or request_timeout_ns
    peak_per_s = max(max(segment.from_value, segment.to_value) for segment in arrivals)
    return max(1, min(ON_DEMAND_MAX, ceil(peak_per_s * busy_ns / SECOND_NS)))
