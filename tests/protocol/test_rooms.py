"""The room of each slot: what fills it can say, or the plan does."""

import pytest

from tests.rig import Rig, iterations, plan_for
from velroload.errors import ConfigError
from velroload.plan.data import Data
from velroload.plan.flow import Set, Steps
from velroload.plan.model import Capture, Load, Request
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
)
from velroload.protocol.rooms import ROOM, Rooms


def rooms(*steps: Set, widths: dict[str, int] | None = None) -> dict[str, int]:
    made = Rooms()
    made.capture(Capture("token", "$.t"))
    made.need("user", 20)
    for step in steps:
        made.value(step.slot, step.value, step.max_length)
    made.settle(widths or {})
    return {step.slot: made.of(step.slot) for step in steps}


@pytest.mark.parametrize(
    ("value", "room"),
    [
        (Uuid(), 36),
        (Sequence(1), 20),
        (RandomInt(1, 9), 20),
        (Now("iso"), 24),
        (RandomText(7), 7),
        (Pick(("a", "éé", "")), 4),
        (Expression("1 + 1"), ROOM),
        (Text("éb"), 3),
        (Text("u-${user}-${user}"), 43),
        (Text("${d.x}"), 9),
        (Text("${token}"), ROOM),
        (Text("Bearer ${token}"), ROOM),
        (Text("x" * 800 + "${token}"), 800),
        (Text("${nowhere}"), ROOM),
        (Base64("${user}:12"), 32),
        (Base64(""), 0),
    ],
)
def test_what_fills_a_slot_says_how_long_it_gets(value: Value, room: int) -> None:
    assert rooms(Set("a", value), widths={"d.x": 9}) == {"a": room}


def test_texts_of_texts() -> None:
    """In any order, and of themselves."""
    steps = (Set("c", Text("<${b}>")), Set("b", Text("<${a}>")), Set("a", Text("${user}")))
    assert rooms(*steps) == {"c": 24, "b": 22, "a": 20}
    assert rooms(Set("a", Text("${a}x"))) == {"a": ROOM}
    assert rooms(Set("a", Text("${b}")), Set("b", Text("${a}"))) == {"a": 0, "b": 0}
    deep = [Set(f"s{n}", Text(f"${{s{n + 1}}}")) for n in range(90)]
    assert set(rooms(*deep).values()) == {ROOM}  # the last has no filler


def test_the_longest_of_what_fills_it() -> None:
    assert rooms(Set("a", Uuid()), Set("a", RandomText(50)), Set("a", Text("x" * 40))) == {"a": 50}


def test_the_plan_says_it_where_nothing_else_can() -> None:
    steps = (Set("a", Text("${token}"), 2048), Set("b", Expression("1"), 5))
    assert rooms(*steps) == {"a": 2048, "b": 5}
    made = Rooms()
    made.capture(Capture("t", "$.t", max_length=4096))
    made.capture(Capture("id", "$.t", max_length=36, default="x" * 40))
    made.capture(Capture("s", "", "status"))
    assert made.known == {"t": 4096, "id": 40, "s": 3}


@pytest.mark.parametrize("length", [0, 65_537])
def test_rooms_that_no_slot_has(length: int) -> None:
    said = f"capture t: max_length is {length:,}: 1 to 65,536 bytes"
    with pytest.raises(ConfigError) as caught:
        Capture("t", "$.t", max_length=length)
    assert str(caught.value) == said
    with pytest.raises(ConfigError) as caught:
        Set("t", Text(""), length)
    assert str(caught.value) == said.replace("capture", "set")


def bytes_per_user(*flow: Request | Set, data: tuple[Data, ...] = ()) -> int:
    load = Load("constant-vus", users=2, duration_ns=1)
    steps: Steps = flow
    rig = Rig(plan_for("http://127.0.0.1:1", load, steps, data=data))
    found = rig.engine.memory()
    rig.close()
    return found["per_user"] + found["per_connection"]


def test_four_variables_take_less_than_4_kib_per_user() -> None:
    """15,000 users: 55 MiB at the most, 23 MiB when all but the token say what they are."""
    get = Request("GET", "/${a}${b}${c}${d}")
    captured = Request("GET", "/", captures=tuple(Capture(n, f"$.{n}") for n in "abcd"))
    assert bytes_per_user(captured, get) <= 4096
    token = Request("GET", "/", captures=(Capture("a", "$.a"),))
    sets = (Set("b", Uuid()), Set("c", RandomInt(1, 9)), Set("d", Now("iso")))
    assert bytes_per_user(token, *sets, get) <= 1700


def test_a_cell_takes_no_room() -> None:
    rows = (("x" * 5000, "y" * 5000),)
    data = Data("d", "inline", ("a", "b"), rows=rows)
    get = Request("GET", "/", (("X-A", "${d.a}"), ("X-B", "${d.b}")))
    assert bytes_per_user(get, data=(data,)) - bytes_per_user(Request("GET", "/")) == 4


@pytest.mark.parametrize(("room", "length", "kept"), [(10, 10, True), (10, 11, False)])
def test_longer_values_leave_a_set_slot_empty(room: int, length: int, kept: bool) -> None:
    flow = (Set("a", Text("x" * length), room), Request("GET", "/"))
    rig = Rig(plan_for("http://127.0.0.1:1", iterations(1), flow))
    rig.run()
    assert rig.counters["values_too_long"] == (not kept)
    rig.close()
