"""Hostile programs of control steps and values are refused at the engine's door."""

from fractions import Fraction

import numpy as np
import pytest

from tests.core.test_engine_refuses import ARRAYS, Forge, refused
from tests.rig import Rig, iterations, plan_for
from velroload.plan.flow import Chance, End, Group, If, Once, Repeat, Set, While
from velroload.plan.model import Capture, Request
from velroload.plan.values import Base64, Expression, Pick, RandomInt, RandomText, Text, Uuid
from velroload.protocol.computed import make_computed
from velroload.protocol.layout import (
    AGAIN,
    CHANCE,
    END,
    GROUP,
    GROUP_END,
    JUMP,
    LOOP,
    ONCE,
    SET,
    STEP,
    TEST,
)

GET = Request("GET", "/", captures=(Capture("t", "$.t"),))
FLOW = (
    GET,
    Chance(Fraction(1, 2), (GET,)),
    Repeat(3, (GET,)),
    If(Expression("t"), (GET,), (GET,)),
    While(Expression("t == 'x'"), (GET,)),
    Group("g", (Once((GET,)),)),
    Set("u", Uuid()),
    Set("n", RandomInt(1, 2)),
    Set("r", RandomText(3)),
    Set("p", Pick(("a", "b"), "zipf")),
    Set("x", Text("${n}")),
    Set("b", Base64("${n}")),
    Set("c", Expression("n")),
    End(),
)
UUID, INT, RANDOM_TEXT, PICK, TEXT, BASE64, COMPUTED = range(7)
"""The values in their order."""
OUT = "program: fill {} is out of range"


@pytest.fixture
def forge() -> Forge:
    made = Forge()
    rig = Rig(plan_for("http://127.0.0.1:1", iterations(1, users=2), FLOW))
    rig.close()
    made.settings, made.arrays = rig.job.settings, dict(rig.job.arrays)
    made.judges *= len(made.settings["judges"])
    made.computed = make_computed(made.settings)
    return made


def step_of(forge: Forge, op: int) -> int:
    """The first step that does this."""
    rows = np.frombuffer(forge.arrays["steps"], STEP)
    return int(np.flatnonzero(rows["op"] == op)[0])


def test_the_good_one(forge: Forge) -> None:
    forge.build()


@pytest.mark.parametrize(
    ("op", "fields"),
    [
        (TEST, {"think": 2}),
        (TEST, {"capture_first": 99}),
        (TEST, {"think": 1, "capture_first": 2}),
        (LOOP, {"capture_first": 96}),
        (LOOP, {"capture_count": 0}),
        (AGAIN, {"capture_first": 96}),
        (GROUP, {"capture_first": 96}),
        (GROUP_END, {"capture_first": 2**32 - 1}),
        (ONCE, {"capture_first": 32}),
        (SET, {"capture_first": 7}),
    ],
)
def test_control_steps(forge: Forge, op: int, fields: dict[str, float]) -> None:
    at = step_of(forge, op)
    forge.put("steps", at, **fields)
    refused(forge, f"program: step {at} is out of range")


@pytest.mark.parametrize("op", [JUMP, CHANCE, TEST, ONCE])
@pytest.mark.parametrize("by", [0, -1, 1000])
def test_jumps_go_forward_and_stay_inside(forge: Forge, op: int, by: int) -> None:
    at = step_of(forge, op)
    forge.put("steps", at, part_first=at + by)
    refused(forge, f"program: step {at} jumps out of its section")


def test_only_the_end_of_a_loop_goes_back(forge: Forge) -> None:
    at = step_of(forge, AGAIN)
    forge.put("steps", at, part_first=at + 1)
    refused(forge, f"program: step {at} jumps out of its section")


def test_a_setup_has_no_iteration_to_end(forge: Forge) -> None:
    at = step_of(forge, END)
    forge.settings["scenarios"][0]["setup"] = (at, 1)
    refused(forge, f"program: step {at} ends an iteration in a setup")


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        (UUID, {"kind": 10}),
        (UUID, {"slot": 99}),
        (UUID, {"part_first": 2**32 - 1, "part_count": 2}),
        (INT, {"a": 3}),
        (RANDOM_TEXT, {"a": -1}),
        (RANDOM_TEXT, {"a": 1021}),
        (RANDOM_TEXT, {"part_count": 0}),
        (RANDOM_TEXT, {"part_count": 2}),
        (PICK, {"part_count": 0}),
        (PICK, {"part_count": 3}),
        (PICK, {"weight_first": 1}),
        (COMPUTED, {"rule": 2}),
    ],
)
def test_values(forge: Forge, value: int, fields: dict[str, float]) -> None:
    forge.put("fills", value, **fields)
    refused(forge, OUT.format(value))


@pytest.mark.parametrize("value", [TEXT, BASE64])
def test_a_text_has_no_spans_and_no_lengths(forge: Forge, value: int) -> None:
    part = int(np.frombuffer(forge.arrays["fills"], ARRAYS["fills"])[value]["part_first"])
    forge.put("parts", part, kind=2)
    refused(forge, OUT.format(value))


@pytest.mark.parametrize("size", ["fills", "weights"])
def test_torn_arrays(forge: Forge, size: str) -> None:
    forge.arrays[size] += b"x"
    n, row = len(forge.arrays[size]), 64 if size == "fills" else 8
    refused(forge, f"program: {size} has {n} bytes, not rows of {row}")


@pytest.mark.parametrize("judge", [((0,), (), ()), ((), (99,), ()), ((), (), (99,))])
def test_judges(forge: Forge, judge: tuple[tuple[int, ...], ...]) -> None:
    wanted, reads, fills = judge
    forge.judges[0] = (print, wanted, reads, fills)
    refused(forge, "program: a judge is out of range")


def test_expressions(forge: Forge) -> None:
    forge.computed[0] = ((99,), print)
    refused(forge, "program: an expression is out of range")
