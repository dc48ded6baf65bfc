"""ramping-arrival-rate: a total rate that follows stages."""

from fractions import Fraction

from velroload._core import Pacer
from velroload.load.ramping_arrival_rate import ramping_arrival_rate
from velroload.load.schedule import Schedule
from velroload.plan.model import Load, Request, Scenario, Stage

S = 10**9
STAGES = tuple(Stage(d * S, Fraction(t)) for d, t in [(10, 100), (30, 100), (0, 50), (10, 0)])


def schedule(load: Load, requests: int = 1) -> Schedule:
    flow = (Request("GET", "/"),) * requests
    return ramping_arrival_rate(Scenario("main", load, flow), S)


def test_stages_of_a_rate() -> None:
    main = schedule(Load("ramping-arrival-rate", stages=STAGES))
    assert main.planned(0) == 500 + 3000 + 250
    assert (main.hold_start_ns, main.hold_end_ns, main.end_ns) == (10 * S, 40 * S, 50 * S)
    assert main.peak_rate_per_s == 100
    assert (main.max_vus, main.vus) == (100, ())


def test_stages_of_requests() -> None:
    load = Load("ramping-arrival-rate", stages=STAGES, stage_unit="requests", start=Fraction(40))
    main = schedule(load, requests=5)
    assert main.arrivals[0].from_value == 8
    assert main.planned(0) == 140 + 600 + 50


def test_users_ramp_in_on_their_own() -> None:
    main = schedule(Load("ramping-arrival-rate", stages=STAGES, users=6, ramp_ns=3 * S))
    share = main.for_worker(1, 2, 0)
    assert (share.max_vus, Pacer(share.vus, 0).remaining) == (3, 3)
    assert Pacer(share.vus, 0).due() == S // 2


def test_a_fixed_number_ends_it_early() -> None:
    main = schedule(Load("ramping-arrival-rate", stages=STAGES, iterations=600))
    assert (main.planned(0), main.end_ns) == (600, 11 * S)
