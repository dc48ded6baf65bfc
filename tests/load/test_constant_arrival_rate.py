"""constant-arrival-rate: a total rate, with or without connected users."""

from fractions import Fraction

import numpy as np
import pytest

from velroload._core import Pacer
from velroload.load.constant_arrival_rate import constant_arrival_rate
from velroload.load.schedule import Schedule
from velroload.plan.model import Load, Request, Scenario, Think

S = 10**9
GET = Request("GET", "/")


def schedule(load: Load, *flow: Request | Think) -> Schedule:
    return constant_arrival_rate(Scenario("main", load, flow or (GET,)), 10 * S)


def test_the_main_job() -> None:
    """200 users over 5 s, then 1,000/s in total for 15 s; the ramp's rate grows with its users."""
    load = Load(
        "constant-arrival-rate",
        users=200,
        rate=Fraction(1000),
        ramp_ns=5 * S,
        duration_ns=15 * S,
    )
    main = schedule(load)
    assert main.planned(0) == 2_500 + 15_000
    assert (main.hold_start_ns, main.hold_end_ns, main.end_ns) == (5 * S, 20 * S, 20 * S)
    assert main.peak_rate_per_s == 1000
    assert (main.peak_vus, main.users) == (200, 200)
    shares = [main.for_worker(worker, 2, 0) for worker in range(2)]
    assert [Pacer(share.arrivals, 0).remaining for share in shares] == [8_750, 8_750]
    assert [Pacer(share.vus, 0).remaining for share in shares] == [100, 100]
    due = np.frombuffer(Pacer(shares[0].arrivals, 0).drain_all()[0], np.int64)
    assert (due[1250:] == 5 * S + np.arange(7500) * 2_000_000).all()


def test_request_rate_is_divided_by_the_requests_of_an_iteration() -> None:
    load = Load("constant-arrival-rate", request_rate=Fraction(1000), duration_ns=3 * S)
    main = schedule(load, GET, GET, GET)
    assert main.peak_rate_per_s == Fraction(1000, 3)
    assert main.planned(0) == 1_000


@pytest.mark.parametrize("arrival", ["uniform", "poisson"])
def test_a_fixed_number_says_how_long(arrival: str) -> None:
    load = Load("constant-arrival-rate", rate=Fraction(100), iterations=250, arrival=arrival)
    main = schedule(load)
    assert (main.planned(3), main.end_ns) == (250, 2_500_000_000)
    with_ramp = Load("constant-arrival-rate", rate=Fraction(100), iterations=250, ramp_ns=S)
    assert schedule(with_ramp).end_ns == 3 * S
    assert schedule(with_ramp).planned(3) == 250


def test_a_fixed_number_within_the_ramp() -> None:
    load = Load("constant-arrival-rate", rate=Fraction(100), iterations=50, ramp_ns=2 * S)
    main = schedule(load)
    assert (main.hold_start_ns, main.hold_end_ns) == (main.end_ns, main.end_ns)
    assert main.end_ns == 1_414_213_563  # 25 t^2 = 50


def test_users_on_demand() -> None:
    def most(rate: int, *flow: Request | Think, max_vus: int | None = None) -> int:
        load = Load("constant-arrival-rate", rate=Fraction(rate), duration_ns=S, max_vus=max_vus)
        return schedule(load, *flow).max_vus

    assert most(10) == 100
    assert most(10, GET, Think("constant", (S,)), GET) == 210
    assert most(10, Request("GET", "/", timeout_ns=S)) == 10
    assert most(1_000_000) == 10_000
    assert most(10, max_vus=7) == 7
