"""models.py: the table is complete."""

from fractions import Fraction

from velroload.load.models import LOAD_MODELS, schedule
from velroload.plan.model import CLOSED, OPEN, Load, Plan, Request, Scenario, Timeouts

S = 10**9


def test_every_model_has_its_function() -> None:
    assert set(LOAD_MODELS) == set(CLOSED + OPEN)
    assert all(name.replace("-", "_") == f.__name__ for name, f in LOAD_MODELS.items())


def test_the_plan_s_timeout_limits_users_on_demand() -> None:
    load = Load("constant-arrival-rate", rate=Fraction(10), duration_ns=S)
    main = Scenario("main", load, (Request("GET", "/"),))
    plan = Plan("p", "embedded", (main,), timeouts=Timeouts(request_ns=2 * S))
    assert schedule(plan, main).max_vus == 20


def test_a_load_that_begins_later_has_all_of_it_later() -> None:
    """Its hold is shorter by the warm-up, its rate and its users are what they were."""
    load = Load(
        "constant-arrival-rate", rate=Fraction(10), users=4, ramp_ns=2 * S, duration_ns=8 * S,
        start_after_ns=3 * S, warm_up_ns=S,
    )  # fmt: skip
    main = Scenario("main", load, (Request("GET", "/"),))
    made = schedule(Plan("p", "embedded", (main,)), main)
    assert [(each.start_ns // S, each.end_ns // S) for each in made.arrivals] == [(3, 5), (5, 13)]
    assert [(each.start_ns // S, each.end_ns // S) for each in made.vus] == [(3, 5)]
    assert (made.hold_start_ns, made.hold_end_ns, made.end_ns) == (6 * S, 13 * S, 13 * S)
    assert made.planned(0) == 90


def test_one_that_only_iterations_end_has_no_end_later_either() -> None:
    load = Load("constant-vus", users=2, iterations=9, start_after_ns=S)
    main = Scenario("main", load, (Request("GET", "/"),))
    made = schedule(Plan("p", "embedded", (main,)), main)
    assert (made.end_ns, made.hold_end_ns, made.vus[0].start_ns) == (None, None, S)
