"""vus.py: the virtual users of an arrival model."""

from fractions import Fraction

from velroload.load.schedule import Segment
from velroload.load.vus import ON_DEMAND_MAX, most_vus, users_ramp
from velroload.plan.model import Load, Request, Scenario

S = 10**9
FLOW = (Request("GET", "/"),)


def test_users_ramp() -> None:
    load = Load("constant-arrival-rate", rate=Fraction(1), duration_ns=S)
    assert users_ramp(load) == ()
    load = Load("constant-arrival-rate", rate=Fraction(1), duration_ns=S, users=4, ramp_ns=S)
    assert users_ramp(load) == (Segment(0, S, Fraction(0), Fraction(4)),)


def test_at_least_one_and_at_most_the_cap() -> None:
    load = Load("constant-arrival-rate", rate=Fraction(1), duration_ns=S)
    scenario = Scenario("main", load, FLOW)

    def most(rate: Fraction) -> int:
        return most_vus(scenario, (Segment(0, S, rate, rate),), S)

    assert most(Fraction(1, 1000)) == 1
    assert most(Fraction(3, 2)) == 2
    assert most(Fraction(10**6)) == ON_DEMAND_MAX
