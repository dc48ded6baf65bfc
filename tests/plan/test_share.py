"""plan/share.py: what each scenario gets of a phase, exact."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velroload.errors import ConfigError
from velroload.plan.flow import Chance, Set, While
from velroload.plan.model import Load, Request, Scenario
from velroload.plan.phase import Phase
from velroload.plan.share import apportion, parts_of
from velroload.plan.values import Expression, Uuid

LOAD = Load("constant-vus", users=1, duration_ns=10)
A, B = Request("GET", "/a", endpoint="a"), Request("GET", "/b", endpoint="b")
FLOW = (A, Chance(Fraction(1, 2), (Set("x", Uuid()), B)))
PHASE = Phase("p", 7, 0, 10, rate_per_s=Fraction(30))


def scenario(name: str, weight: int = 1) -> Scenario:
    return Scenario(name, LOAD, FLOW, weight=Fraction(weight))


@given(st.integers(0, 20_000), st.lists(st.fractions(Fraction(1, 99), 99), min_size=1, max_size=9))
def test_parts_add_up_and_none_is_a_whole_one_off(total: int, weights: list[Fraction]) -> None:
    parts = apportion(total, weights)
    assert sum(parts) == total
    exact = [total * weight / sum(weights) for weight in weights]
    assert all(abs(part - share) < 1 for part, share in zip(parts, exact, strict=True))


def test_users_and_rate_by_weight() -> None:
    light, heavy = parts_of(PHASE, [scenario("light"), scenario("heavy", 2)])
    assert (light.users, heavy.users) == (2, 5)
    assert (light.rate_per_s, heavy.rate_per_s) == (Fraction(20, 3), Fraction(40, 3))  # of 1.5


def test_the_mix_of_the_phase_decides_how_many_requests_an_iteration_makes() -> None:
    mixed = replace(PHASE, mix=(("a", Fraction(1, 4)), ("b", Fraction(1))))
    (part,) = parts_of(mixed, [scenario("s")])
    assert (part.requests, part.rate_per_s) == (Fraction(5, 4), Fraction(24))
    closed = replace(mixed, rate_per_s=None)
    assert parts_of(closed, [scenario("s")])[0].rate_per_s is None


@pytest.mark.parametrize(
    ("phase", "flow", "said"),
    [
        (replace(PHASE, mix=(("a", Fraction(0)), ("b", Fraction(0)))), FLOW,
         "phase 'p': under its mix an iteration of 's' sends nothing"),
        (PHASE, (A, While(Expression("user == '1'"), (B,))),
         "phase 'p': a rate of requests needs to know how many an iteration of 's' makes: while "
         "\"user == '1'\": how often it goes round is not known; add expect_times"),
    ],
)  # fmt: skip
def test_a_rate_that_cannot_be_offered(phase: Phase, flow: tuple[Request, ...], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parts_of(phase, [Scenario("s", LOAD, flow)])
    assert str(caught.value) == said


def test_each_scenario_needs_a_user() -> None:
    with pytest.raises(ConfigError) as caught:
        parts_of(replace(PHASE, users=2), [scenario(name) for name in "abc"])
    assert str(caught.value) == "phase 'p': 2 users are too few for 3 scenarios: each needs one"
