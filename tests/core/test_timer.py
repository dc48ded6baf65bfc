"""core/timer.pxi: the heap of deadlines against a sorted list."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from velroload._core import Timers

OWNERS = 12
INSTANT = st.one_of(st.integers(-3, 3), st.integers(-(2**63), 2**63 - 1))
OWNER = st.integers(0, OWNERS - 1)
ACTION = st.one_of(
    st.tuples(st.just("set"), OWNER, INSTANT),
    st.tuples(st.just("set"), OWNER, INSTANT),
    st.tuples(st.just("cancel"), OWNER, st.just(0)),
    st.tuples(st.just("pop"), st.just(0), st.just(0)),
)


def pop(timers: Timers, twin: dict[int, int]) -> None:
    """The earliest, and any of those when several are equal."""
    first = timers.pop()
    if first is None:
        assert not twin
        return
    at_ns, owner = first
    assert twin.pop(owner) == at_ns
    assert all(at_ns <= later for later in twin.values())


@settings(max_examples=150)
@given(st.lists(ACTION, max_size=60))
def test_equals_a_sorted_list(actions: list[tuple[str, int, int]]) -> None:
    timers, twin = Timers(OWNERS), dict[int, int]()
    for action, owner, at_ns in actions:
        if action == "set":
            timers.set(owner, at_ns)
            twin[owner] = at_ns
        elif action == "cancel":
            timers.cancel(owner)
            twin.pop(owner, None)
        else:
            pop(timers, twin)
    while twin:
        pop(timers, twin)
    assert timers.pop() is None


@settings(max_examples=30)
@given(st.permutations(range(200)), st.permutations(range(200)))
def test_many(first: list[int], then: list[int]) -> None:
    """Every owner set, moved, every third cancelled: what is left comes in order."""
    timers = Timers(200)
    for owner, at_ns in enumerate(first):
        timers.set(owner, at_ns)
    for owner, at_ns in enumerate(then):
        timers.set(owner, at_ns)
    for owner in range(0, 200, 3):
        timers.cancel(owner)
    left = sorted((at_ns, owner) for owner, at_ns in enumerate(then) if owner % 3)
    assert [timers.pop() for _ in left] == left
    assert timers.pop() is None


@pytest.mark.parametrize("owner", [3, 2**32 - 1])
def test_no_such_owner(owner: int) -> None:
    timers = Timers(3)
    with pytest.raises(IndexError, match=rf"^timer owner {owner} of 3$"):
        timers.set(owner, 1)
    with pytest.raises(IndexError, match=rf"^timer owner {owner} of 3$"):
        timers.cancel(owner)
    assert timers.pop() is None


def test_nobody_has_a_deadline() -> None:
    timers = Timers(0)
    assert timers.pop() is None
    with pytest.raises(IndexError, match=r"^timer owner 0 of 0$"):
        timers.set(0, 1)
