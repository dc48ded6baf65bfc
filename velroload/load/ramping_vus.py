"""ramping-vus: the number of users follows stages, up and down."""

from fractions import Fraction

from velroload.load.schedule import Schedule, hold_of, steps
from velroload.plan.model import Scenario


def ramping_vus(scenario: Scenario, request_timeout_ns: int) -> Schedule:
    """Up: user j starts when the line reaches j. Down: mirrored, the highest stops first."""
    load = scenario.load
    stages = [(stage.duration_ns, stage.target) for stage in load.stages]
    vus = steps(Fraction(0), [(0, load.start), *stages])
    end_ns = sum(stage.duration_ns for stage in load.stages)
    hold_start_ns, hold_end_ns = hold_of(vus)
    peak = int(max(max(segment.from_value, segment.to_value) for segment in vus))
    return Schedule(
        model=load.model,
        arrivals=(),
        vus=vus,
        end_ns=end_ns,
        hold_start_ns=hold_start_ns,
        hold_end_ns=hold_end_ns,
        max_vus=peak,
        users=peak,
        iterations=load.iterations,
    )
