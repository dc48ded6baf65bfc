"""ramping-vus: users follow stages, up and down."""

from fractions import Fraction

from tests.reference import pacer as reference
from velroload.load.ramping_vus import ramping_vus
from velroload.load.schedule import VUS_DOWN, VUS_UP
from velroload.plan.model import Load, Request, Scenario, Stage

S = 10**9


def test_up_hold_down() -> None:
    stages = tuple(Stage(d * S, Fraction(t)) for d, t in [(2, 4), (10, 4), (2, 2), (0, 0)])
    load = Load("ramping-vus", stages=stages, start=Fraction(2))
    schedule = ramping_vus(Scenario("main", load, (Request("GET", "/"),)), S)
    assert (schedule.hold_start_ns, schedule.hold_end_ns, schedule.end_ns) == (
        2 * S,
        12 * S,
        14 * S,
    )
    assert (schedule.peak_vus, schedule.users) == (4, 4)
    events = reference.drain(schedule.for_worker(0, 1, 0).vus, 0)
    assert events == [
        (VUS_UP, 0, 0),
        (VUS_UP, 1, 0),
        (VUS_UP, 2, 0),
        (VUS_UP, 3, S),
        (VUS_DOWN, 3, 13 * S),
        (VUS_DOWN, 2, 14 * S),
        (VUS_DOWN, 1, 14 * S),
        (VUS_DOWN, 0, 14 * S),
    ]
