"""values.py: generated values are checked when they are made."""

from collections.abc import Callable
from fractions import Fraction

import pytest

from velroload.errors import ConfigError
from velroload.plan.values import (
    Base64,
    Expression,
    Now,
    Pick,
    RandomInt,
    RandomText,
    Sequence,
    Text,
    Uuid,
    Value,
    slots_of,
)

CONTROL = "a slot cannot hold line breaks or control characters"


@pytest.mark.parametrize(
    ("value", "slots"),
    [
        (Uuid(), ()),
        (Text("${a} ${data.b}"), ("a", "data.b")),
        (Base64("${a}:${b}"), ("a", "b")),
        (Expression("int(a) + int(n) > 1 and c.d", (("n", "5"),)), ("a", "c.d")),
        (Pick(("a", "b")), ()),
    ],
)
def test_slots(value: Value, slots: tuple[str, ...]) -> None:
    assert slots_of(value) == slots


def test_the_hot_part_of_a_pick() -> None:
    assert Pick(tuple("abcdefghij"), "hot").hot_count == 2


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: RandomInt(2, 1), "random_int 2 1: the least comes first"),
        (lambda: RandomInt(0, 2**63), f"random_int {2**63}: at most {2**63 - 1} is possible"),
        (lambda: Sequence(-(2**63)), f"sequence {-(2**63)}: at most {2**63 - 1} is possible"),
        (lambda: RandomText(0), "random_text 0: 1 to 900 characters are possible"),
        (lambda: RandomText(5, "é"), "random_text: its alphabet 'é' must be ASCII characters"),
        (lambda: Text("a\r\nX: b"), f"set 'a\\r\\nX: b': {CONTROL}"),
        (lambda: RandomText(5, "ab\0"), f"random_text 'ab\\x00': {CONTROL}"),
        (lambda: Pick(("a", "b\n" + 50 * "c")), f"choose 'b\\n{37 * 'c'}…': {CONTROL}"),
        (lambda: Pick(()), "choose: 1 to 1000000 options, got 0"),
        (lambda: Pick(("a",), "best"), "how is 'best': write uniform, zipf 1.1 or hot 20% 80%"),
        (lambda: Pick(("a",), "zipf", 0), "how: zipf 0: more than 0 and at most 10"),
        (
            lambda: Pick(("a", "b"), "hot", hot_share=Fraction(1)),
            "how: hot takes two shares between 0% and 100%, such as hot 20% 80%",
        ),
        (
            lambda: Pick(("a", "b"), "hot"),
            "how: hot needs options of both kinds; 2 are too few for it",
        ),
        (lambda: Now("h"), "now h: write now s, now ms or now iso"),
        (lambda: Text("${a b}"), "${a b} is not a slot: write ${name} with letters, digits, _"),
    ],
)
def test_mistakes(make: Callable[[], object], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value) == line
