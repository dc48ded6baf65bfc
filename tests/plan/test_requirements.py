"""Requirements of a plan's own, weights, what is critical."""

from collections.abc import Callable
from fractions import Fraction

import pytest

from velroload.errors import ConfigError
from velroload.plan.loader import parse_plan
from velroload.plan.requirements import NUMBERS, Requirements, Scale
from velroload.plan.threshold import parse_threshold

PLAN = """
target: embedded
load: {users: 5, hold: 5s}
flow: [GET /health: {name: health}]
requirements:
  use: velro-prd
  more: {X1: "p99 of endpoint:health < 40ms"}
  weights: {R6: 2}
  critical: [R6, X1]
"""


def test_a_plan_may_add_its_own() -> None:
    found = parse_plan(PLAN, "plan.yaml", environ={}).requirements
    assert found is not None
    assert found.more == (("X1", parse_threshold("p99 of endpoint:health < 40ms")),)
    assert found.weights == (("R6", Fraction(2)),)
    assert found.critical == ("R6", "X1")


def test_a_plan_may_be_a_part_of_the_load() -> None:
    text = PLAN + "  scale: {users: 1%, rate: 0.25}\n"
    found = parse_plan(text, "plan.yaml", environ={}).requirements
    assert found is not None
    assert found.scale == Scale(Fraction(1, 100), Fraction(1, 4))


ONE = ("X1", parse_threshold("p99 < 1s"))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Requirements("velro-prd", more=(ONE, ONE)), "requirements: 'X1' stands twice"),
        (lambda: Scale(Fraction(0)), "requirements: scale: users is 0: above 0, and 1 at most"),
        (lambda: Scale(rate=Fraction(2)), "requirements: scale: rate is 2: above 0, and 1 at most"),
        (
            lambda: Requirements("velro-prd", weights=(("R6", Fraction(0)),)),
            "requirements: weight of R6: more than 0 is needed",
        ),
        (
            lambda: Requirements("velro-prd", critical=("R99",)),
            f"requirements: there is no 'R99': {', '.join(NUMBERS['velro-prd'])}",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(make: Callable[[], Requirements], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value) == text
