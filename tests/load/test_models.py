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
