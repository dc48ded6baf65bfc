"""model.py: a plan that contradicts itself is refused in one line."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from fractions import Fraction
from typing import Any

import pytest

from velroload.errors import ConfigError
from velroload.plan.model import (
    Capture,
    Load,
    Plan,
    Request,
    Scenario,
    Stage,
    Think,
    Timeouts,
)

S = 10**9
GET = Request("GET", "/")
VUS = Load("constant-vus", users=1, duration_ns=S)
MAIN = Scenario("main", VUS, (GET,))


def rate(**more: Any) -> Load:
    given: dict[str, Any] = {"rate": Fraction(10), "duration_ns": S, **more}
    return Load("constant-arrival-rate", **given)


def test_defaults() -> None:
    plan = Plan("p", "http://127.0.0.1/", (MAIN,))
    assert plan.timeouts == Timeouts(3 * S, 10 * S, None)
    assert (plan.connections, plan.seed, plan.graceful_stop_ns) == (None, 0, 30 * S)
    assert (VUS.arrival, VUS.late, VUS.is_open, rate().is_open) == ("uniform", "late", False, True)


@pytest.mark.parametrize("name", ["seed", "target"])
def test_a_plan_is_frozen(name: str) -> None:
    plan = Plan("p", "embedded", (MAIN,))
    with pytest.raises(FrozenInstanceError):
        setattr(plan, name, 1)


def test_numbers_become_exact() -> None:
    given: dict[str, Any] = {"rate": 5}
    assert isinstance(rate(**given).rate, Fraction)
    assert isinstance(Stage(1, *given.values()).target, Fraction)


def test_secrets_stay_out_of_repr() -> None:
    assert "hunter2" not in repr(Plan("p", "embedded", (MAIN,), secrets=("hunter2",)))


def test_expectations_of_an_iteration() -> None:
    flow = (GET, Think("constant", (S,)), GET, Think("uniform", (S, 2 * S)))
    scenario = Scenario("s", VUS, flow, setup=(GET,))
    assert scenario.requests_per_iteration == 2
    assert scenario.think_per_iteration_ns == Fraction(5 * S, 2)


def test_a_slot_captured_in_the_setup_is_known_in_the_flow() -> None:
    login = Request("POST", "/login", captures=(Capture("token", "$.t"),))
    use = Request("GET", "/", (("Authorization", "Bearer ${token}"),))
    assert Scenario("s", VUS, (use,), setup=(login,)).requests == (use,)


def test_a_user_knows_its_number() -> None:
    greet = Request("GET", "/hello/${user}")
    assert Scenario("s", VUS, (greet,)).requests == (greet,)


def stages(model: str, *targets: tuple[int, int], **more: Any) -> Load:
    given: dict[str, Any] = {"stages": tuple(Stage(d * S, Fraction(t)) for d, t in targets), **more}
    return Load(model, **given)


MODELS = "constant-vus, ramping-vus, constant-arrival-rate, ramping-arrival-rate"
MISTAKES: list[tuple[Callable[[], object], str]] = [
    (lambda: Load("steady"), f"load: model is 'steady': write one of {MODELS}"),
    (
        lambda: rate(arrival="normal"),
        "load: arrival is 'normal': write one of uniform, poisson",
    ),
    (lambda: rate(late="never"), "load: late is 'never': write one of late, drop"),
    (
        lambda: rate(stage_unit="pages"),
        "load: stage_unit is 'pages': write one of iterations, requests",
    ),
    (
        lambda: Load("constant-vus", users=0, duration_ns=S),
        "load: users is 0: at least 1 is needed",
    ),
    (
        lambda: Load("constant-vus", users=-3, duration_ns=S),
        "load: users is -3: at least 1 is needed",
    ),
    (
        lambda: Load("constant-vus", users=2**24, duration_ns=S),
        "load: users is 16777216: at most 16777215 are possible",
    ),
    (lambda: rate(max_vus=0), "load: max_vus is 0: at least 1 is needed"),
    (lambda: rate(iterations=0), "load: iterations is 0: at least 1 is needed"),
    (lambda: rate(rate=Fraction(0)), "load: rate is 0/s: more than 0 is needed"),
    (lambda: rate(rate=Fraction(-1)), "load: rate is -1/s: more than 0 is needed"),
    (
        lambda: rate(rate=None, request_rate=Fraction(0)),
        "load: request_rate is 0/s: more than 0 is needed",
    ),
    (
        lambda: stages("ramping-vus", (1, 1), start=-1),
        "load: start is -1: 0 or more is needed",
    ),
    (lambda: rate(ramp_ns=-1), "load: ramp is -1 ns: 0 or more is needed"),
    (
        lambda: rate(think=Think("constant", (1,))),
        "load: think does not go with constant-arrival-rate: "
        "the rate alone says when an iteration starts",
    ),
    (
        lambda: rate(users=3, max_vus=4),
        "load: users and max_vus exclude each other: N users are all there are",
    ),
    (
        lambda: Load("constant-vus", users=1, rate=Fraction(1), duration_ns=S),
        "load: rate does not go with constant-vus: take constant-arrival-rate to start at a rate",
    ),
    (
        lambda: Load("constant-vus", users=1, max_vus=1, duration_ns=S),
        "load: max_vus does not go with constant-vus: the users are the VUs",
    ),
    (
        lambda: stages("ramping-vus", (1, 1), stage_unit="requests"),
        "load: stage_unit does not go with ramping-vus: its stages count VUs",
    ),
    (
        lambda: Load("constant-vus", users=1, arrival="poisson", duration_ns=S),
        "load: arrival does not go with constant-vus: nothing arrives there",
    ),
    (
        lambda: Load("constant-vus", users=1, late="drop", duration_ns=S),
        "load: late does not go with constant-vus: no start can be late there",
    ),
    (
        lambda: rate(stages=(Stage(1, Fraction(1)),)),
        "load: stages does not go with constant-arrival-rate: take the ramping model for stages",
    ),
    (
        lambda: rate(start=Fraction(1)),
        "load: start does not go with constant-arrival-rate: take the ramping model for stages",
    ),
    (
        lambda: rate(stage_unit="requests"),
        "load: stage_unit does not go with constant-arrival-rate: "
        "it has no stages; write rate or request_rate",
    ),
    (
        lambda: rate(duration_ns=None),
        "load: duration is missing: write how long, or how many iterations",
    ),
    (lambda: rate(duration_ns=0), "load: duration is 0 ns: more than 0 is needed"),
    (
        lambda: Load("constant-vus", duration_ns=S),
        "load: users is missing: constant-vus needs to know how many",
    ),
    (
        lambda: rate(rate=None),
        "load: constant-arrival-rate needs one of rate and request_rate",
    ),
    (
        lambda: rate(request_rate=Fraction(1)),
        "load: constant-arrival-rate needs one of rate and request_rate",
    ),
    (
        lambda: stages("ramping-vus", (1, 1), duration_ns=S),
        "load: duration does not go with ramping-vus: its stages say how long",
    ),
    (
        lambda: stages("ramping-arrival-rate", (1, 1), rate=Fraction(1)),
        "load: rate does not go with ramping-arrival-rate: its stages say how many",
    ),
    (
        lambda: stages("ramping-vus"),
        "load: stages are missing: write at least one that lasts, such as 30s:100",
    ),
    (
        lambda: stages("ramping-vus", (0, 5)),
        "load: stages are missing: write at least one that lasts, such as 30s:100",
    ),
    (
        lambda: stages("ramping-arrival-rate", (5, 0)),
        "load: all stages are 0: nothing would be started",
    ),
    (
        lambda: stages("ramping-arrival-rate", (5, 0), (0, 9)),
        "load: all stages are 0: nothing would be started",
    ),
    (
        lambda: stages("ramping-arrival-rate", (1, 1), ramp_ns=S),
        "load: ramp without users: in ramping-arrival-rate the users ramp in",
    ),
    (
        lambda: stages("ramping-vus", (1, 1), users=4),
        "load: users does not go with ramping-vus: its stages count the users",
    ),
    (
        lambda: stages("ramping-vus", (1, 1), start=Fraction(1, 2)),
        "load: 1/2 VUs: a whole number up to 16777215 is needed",
    ),
    (lambda: Stage(-1, Fraction(1)), "load: a stage's duration is -1 ns: 0 or more"),
    (lambda: Stage(1, Fraction(-1)), "load: a stage's target is -1: 0 or more is needed"),
    (lambda: Scenario("", VUS, (GET,)), "a scenario needs a name"),
    (lambda: Scenario("s", VUS, ()), "scenario 's': the flow has no request"),
    (
        lambda: Scenario("s", VUS, (Request("GET", "/${id}"),)),
        "scenario 's': GET /${id} uses ${id}, which no step before it captures or sets",
    ),
    (lambda: Timeouts(connect_ns=0), "connect timeout is 0 ns: more than 0 is needed"),
    (lambda: Timeouts(idle_ns=-1), "idle timeout is -1 ns: more than 0 is needed"),
    (lambda: Plan("", "embedded", (MAIN,)), "a plan needs a name"),
    (lambda: Plan("p", "", (MAIN,)), "a plan needs a target: a URL, or embedded"),
    (lambda: Plan("p", "embedded", ()), "a plan has 1 to 255 scenarios, got 0"),
    (
        lambda: Plan("p", "embedded", (MAIN, MAIN)),
        "scenario 'main' stands twice: give each a name of its own",
    ),
    (
        lambda: Plan("p", "embedded", (MAIN,), connections=0),
        "connections is 0: at least 1 is needed",
    ),
    (
        lambda: Plan("p", "embedded", (MAIN,), seed=-1),
        "seed is -1: write a number from 0 to 2^64 - 1",
    ),
    (
        lambda: Plan("p", "embedded", (MAIN,), graceful_stop_ns=-1),
        "graceful stop is -1 ns: 0 or more is needed",
    ),
    (
        lambda: Plan("p", "embedded", (MAIN,), headers=(("A b", "c"),)),
        "header 'A b': write NAME: VALUE, the name without spaces",
    ),
]


@pytest.mark.parametrize(("make", "message"), MISTAKES)
def test_mistakes(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        make()
    assert str(error.value) == message
