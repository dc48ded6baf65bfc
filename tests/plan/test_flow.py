"""flow.py: expectations against the enumeration of every way, the tree's walks, the mix."""

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from velroload.errors import ConfigError
from velroload.plan.flow import (
    Chance,
    Choice,
    End,
    Group,
    If,
    Once,
    Repeat,
    Set,
    Step,
    Steps,
    Take,
    Unpredictable,
    While,
    depth,
    expected,
    most,
    requests_in,
    unknown_slots,
    walk,
    with_mix,
)
from velroload.plan.steps import Capture, Request, Think
from velroload.plan.values import Expression, RandomInt, Text

GET = Request("GET", "/a")
NOW = Think("constant", (1,))
SHARES = st.sampled_from([Fraction(0), Fraction(1, 3), Fraction(1, 2), Fraction(1)])


def branches(steps: st.SearchStrategy[Steps]) -> st.SearchStrategy[Choice]:
    pair = st.tuples(st.sampled_from([Fraction(1), Fraction(2)]), steps)
    return st.lists(pair, min_size=1, max_size=2).map(lambda pairs: Choice(tuple(pairs)))


def larger(inner: st.SearchStrategy[Step]) -> st.SearchStrategy[Step]:
    steps = st.lists(inner, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Chance, SHARES, steps),
        branches(steps),
        st.builds(Repeat, st.integers(1, 2), steps),
        st.builds(If, st.just(Expression("user")), steps, steps, SHARES),
        st.builds(Group, st.just("g"), steps),
        st.builds(Once, steps),
    )


TREES = st.lists(
    st.recursive(st.sampled_from([GET, NOW, End()]), larger, max_leaves=6), min_size=1, max_size=3
).map(tuple)


def ways(steps: Steps) -> list[tuple[Fraction, int, bool]]:
    """Every way through: (its probability, its requests, whether it comes to the end)."""
    found = [(Fraction(1), 0, True)]
    for step in steps:
        found = [
            (p * q, n + m, on)
            for p, n, going in found
            for q, m, on in (ways_of(step) if going else [(Fraction(1), 0, False)])
        ]
    return found


def ways_of(step: Step) -> list[tuple[Fraction, int, bool]]:
    nothing = (0, True)
    match step:
        case Request():
            return [(Fraction(1), 1, True)]
        case End():
            return [(Fraction(1), 0, False)]
        case Chance():
            inside = [(step.probability * p, n, on) for p, n, on in ways(step.steps)]
            return [*inside, (1 - step.probability, *nothing)]
        case Choice():
            whole = sum(weight for weight, _ in step.branches)
            return [(w / whole * p, n, on) for w, each in step.branches for p, n, on in ways(each)]
        case If():
            share = step.expect_share or Fraction(0)
            parts = [(share, step.then), (1 - share, step.otherwise)]
            return [(q * p, n, on) for q, each in parts for p, n, on in ways(each)]
        case Repeat():
            return ways(step.steps * step.times)
        case Group():
            return ways(step.steps)
        case _:
            return [(Fraction(1), *nothing)]


def count(step: Step) -> Fraction:
    return Fraction(isinstance(step, Request))


@given(TREES)
@settings(max_examples=200, deadline=None)
def test_expectations_are_those_of_all_ways(steps: Steps) -> None:
    assert expected(steps, count) == sum(p * n for p, n, _ in ways(steps))
    possible = [n for p, n, _ in ways(steps) if p]
    assert most(steps, lambda step: int(isinstance(step, Request))) >= max(possible)


def test_a_while_has_to_say_how_often() -> None:
    condition = Expression("int(left) > 0")
    assert expected((While(condition, (GET,), 10, Fraction(5, 2)),), count) == Fraction(5, 2)
    assert expected((While(condition, (NOW,)),), count) == 0
    with pytest.raises(Unpredictable) as caught:
        expected((While(condition, (GET,)),), count)
    assert str(caught.value) == (
        "while 'int(left) > 0': how often it goes round is not known; add expect_times"
    )
    with pytest.raises(Unpredictable) as caught:
        expected(
            (While(condition, (GET, Chance(Fraction(1, 2), (End(),))), 9, Fraction(2)),), count
        )
    assert str(caught.value).endswith("it must not end the iteration")
    assert most((While(condition, (GET,), 7),), lambda step: int(step is GET)) == 7


def test_a_slot_is_known_after_what_fills_it_in_any_branch() -> None:
    fill = Request("GET", "/f", captures=(Capture("id", "$.id"),))
    use = Request("GET", "/u/${id}/${data.column}")
    assert list(unknown_slots((Chance(Fraction(1, 2), (fill,)), use), set())) == []
    assert list(unknown_slots((use, fill), set())) == [(use, "id")]
    loop = While(Expression("id == ''"), (fill,))
    assert list(unknown_slots((loop,), set())) == [(loop, "id")]
    assert list(unknown_slots((Set("id", Text("${n}")),), set())) == [
        (Set("id", Text("${n}")), "n")
    ]
    assert list(unknown_slots((Set("id", RandomInt(1, 2)), use, Take("data")), set())) == []


def test_walks() -> None:
    tree = (Group("g", (Repeat(2, (GET, If(Expression("a"), (), (NOW,)))),)),)
    assert [type(step).__name__ for step in walk(tree)] == [
        "Group", "Repeat", "Request", "If", "Think",
    ]  # fmt: skip
    assert (depth(tree), requests_in(tree)) == (4, (GET,))


def test_a_mix_replaces_probabilities_wherever_a_request_stands() -> None:
    other = Request("GET", "/b")
    steps = (Group("g", (Chance(Fraction(1, 2), (GET,)),)), other, If(Expression("x"), (GET,)))
    mixed = with_mix(steps, {"GET /a": Fraction(1, 4), "GET /b": Fraction(3, 4)})
    assert mixed == (
        Group("g", (Chance(Fraction(1, 4), (GET,)),)),
        Chance(Fraction(3, 4), (other,)),
        If(Expression("x"), (Chance(Fraction(1, 4), (GET,)),)),
    )
    lifted = (Chance(Fraction(1, 2), (Set("_uuid1", RandomInt(1, 2)), GET)),)
    assert with_mix(lifted, {"GET /a": Fraction(1)}) == (Chance(Fraction(1), lifted[0].steps),)


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: Chance(Fraction(2), (GET,)), "probability is 2: 0 to 1"),
        (lambda: Chance(Fraction(1), ()), "probability: it has no step"),
        (lambda: Choice(((Fraction(-1), (GET,)),)), "weight is -1: 0 or more is needed"),
        (lambda: Choice(()), "choose: no branch has a weight above 0"),
        (lambda: Repeat(0, (GET,)), "repeat is 0: 1 to 1,000,000 are possible"),
        (lambda: While(Expression("x"), (GET,), 0), "limit is 0: 1 to 1,000,000 are possible"),
        (
            lambda: While(Expression("x"), (GET,), 5, Fraction(6)),
            "expect_times is 6: 0 to 5",
        ),
        (lambda: If(Expression("x"), (GET,), (), Fraction(2)), "expect_share is 2: 0 to 1"),
        (lambda: Group("", (GET,)), "group: it needs a name"),
        (lambda: Once(()), "once: it has no step"),
        (
            lambda: Set("a b", RandomInt(1, 2)),
            "set 'a b': a name is letters, digits and _, no digit first",
        ),
    ],
)
def test_mistakes(make: Callable[[], object], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value) == line
