"""unbuilt.py: everything that the model can say and the core cannot do is refused by name."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from velroload.errors import ConfigError
from velroload.plan.check import Check
from velroload.plan.flow import Chance, Choice, End, Group, If, Once, Repeat, Set, Step, While
from velroload.plan.model import Capture, Load, Plan, Request, Scenario, Think
from velroload.plan.requirements import Requirements
from velroload.plan.session import Session
from velroload.plan.threshold import parse_threshold
from velroload.plan.values import Expression, Uuid
from velroload.protocol.unbuilt import refuse_unbuilt, unbuilt

GET = Request("GET", "/")
LOAD = Load("constant-vus", users=1, duration_ns=10)


def plan_of(*steps: Step, load: Load = LOAD, **more: Any) -> Plan:
    return Plan("p", "embedded", (Scenario("s", load, (GET, *steps)),), **more)


def test_what_is_built_is_not_refused() -> None:
    capture = Capture("id", "$.a[0]")
    plan = plan_of(
        Think("uniform", (1, 2)), Request("GET", "/b", captures=(capture,), tags=(("a", "b"),))
    )
    refuse_unbuilt(replace(plan, thresholds=(parse_threshold("p95 of tag:a=b < 1s"),)))


IF = Expression("user == '1'")
CHECKED = replace(GET, checks=(Check("w", "when", expression=IF),), on_error="end")
CAPTURED = replace(GET, captures=(Capture("a", "$..x", default=""), Capture("b", "", "status")))


@pytest.mark.parametrize(
    "step",
    [
        Chance(Fraction(1, 2), (GET,)),
        Choice(((Fraction(1), (GET,)),)),
        Repeat(2, (GET,)),
        While(IF, (GET,), expect_times=Fraction(1)),
        If(IF, (GET,)),
        Group("g", (GET,)),
        Once((GET,)),
        Set("a", Uuid()),
        End(),
        Think("normal", (1, 1)),
        Think("lognormal", (1,), Fraction(1)),
        CHECKED,
        CAPTURED,
        Request("GET", "/${iteration}"),
    ],
)
def test_steps(step: Step) -> None:
    plan = plan_of(step, load=replace(LOAD, pacing_ns=5), headers=(("X", "${iteration}"),))
    assert list(unbuilt(plan)) == []


def test_a_login_on_error() -> None:
    again = (replace(GET, on_error="login"),)
    scenario = Scenario("s", LOAD, again, session=Session("first_use", (GET,)))
    assert list(unbuilt(Plan("p", "embedded", (scenario,)))) == []


def test_loads_and_thresholds() -> None:
    plan = plan_of(Group("g", (GET,)), load=replace(LOAD, start_after_ns=5, warm_up_ns=5))
    rules = ("cache > 9%", "recovery(e) < 9s", "errors of group:g < 1%", "p95 of phase:p < 1s")
    assert list(unbuilt(replace(plan, thresholds=tuple(map(parse_threshold, rules))))) == []


def test_the_rest_of_a_plan_in_one_line() -> None:
    plan = Plan("p", "embedded", (Scenario("s", LOAD, (GET,)),),
                requirements=Requirements("velro-prd"))  # fmt: skip
    with pytest.raises(ConfigError) as caught:
        refuse_unbuilt(plan)
    assert str(caught.value) == "this version reads and checks, but cannot run yet: requirements"
