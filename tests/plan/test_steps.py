"""steps.py: requests, think times and captures are checked when they are made."""

from collections.abc import Callable
from fractions import Fraction

import pytest

from velroload.errors import ConfigError
from velroload.plan.slots import references
from velroload.plan.steps import Capture, Request, Think

THINK = "write constant 1s, uniform 1s 3s, exponential 500ms, normal 2s 500ms or lognormal 2s 0.5"
SECOND_NS = 10**9


def test_a_request_has_defaults() -> None:
    request = Request("GET", "/models?limit=20")
    assert (request.endpoint, request.headers, request.body) == ("GET /models", (), None)
    assert [request.expects(status) for status in (199, 200, 304, 399, 400)] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert Request("GET", "/", endpoint="root", expect=((403, 404),)).expects(403)


def test_slots_are_found_everywhere() -> None:
    request = Request("POST", "/u/${id}", (("A", "Bearer ${token}"),), b'{"x": "${y}${id}"}')
    assert request.slots == ("id", "token", "y", "id")
    assert references("no $slot {here}") == ()


@pytest.mark.parametrize(
    ("text", "distribution", "parameters_ns", "mean_ns"),
    [
        ("1s", "constant", (SECOND_NS,), SECOND_NS),
        ("constant 0s", "constant", (0,), 0),
        ("uniform 1s 2s", "uniform", (SECOND_NS, 2 * SECOND_NS), Fraction(3 * SECOND_NS, 2)),
        ("exponential 200ms", "exponential", (200_000_000,), 200_000_000),
    ],
)
def test_think_times(
    text: str, distribution: str, parameters_ns: tuple[int, ...], mean_ns: Fraction
) -> None:
    think = Think.parse(text)
    assert (think.distribution, think.parameters_ns) == (distribution, parameters_ns)
    assert think.mean_ns == mean_ns
    assert Think.parse(str(think)) == think


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("$.a.b[0]", ("a", "b", 0)),
        ("$[0].id", (0, "id")),
        ("$.x-y_z.0", ("x-y_z", "0")),
        ("$[10][2]", (10, 2)),
    ],
)
def test_capture_paths(source: str, path: tuple[str | int, ...]) -> None:
    assert Capture("slot", source).path == path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Think.parse(""), f"think '': {THINK}"),
        (lambda: Think.parse("gamma 1s"), f"think 'gamma 1s': {THINK}"),
        (lambda: Think("gamma", (1,)), f"think 'gamma': {THINK}"),
        (
            lambda: Think.parse("5x"),
            "think '5x': write a number with a unit, such as 30s, 1m30s or 250ms",
        ),
        (
            lambda: Think.parse("uniform 1s"),
            f"think uniform: takes 2 duration(s), got 1; {THINK}",
        ),
        (
            lambda: Think("constant", (-1,)),
            f"think constant: a duration is negative; {THINK}",
        ),
        (
            lambda: Think.parse("uniform 2s 1s"),
            "think uniform 2s 1s: the first duration must not exceed the second",
        ),
        (
            lambda: Capture("1a", "$.x"),
            "capture '1a': a slot's name is letters, digits and _, no digit first",
        ),
        (
            lambda: Capture("a", "x.y"),
            "capture a: 'x.y' is not a path such as $.user.id or $[0].id",
        ),
        (
            lambda: Capture("a", "$"),
            "capture a: '$' is not a path such as $.user.id or $[0].id",
        ),
        (
            lambda: Request("GE T", "/"),
            "method 'GE T': write a token such as GET or POST",
        ),
        (lambda: Request("", "/"), "method '': write a token such as GET or POST"),
        (
            lambda: Request("GET", "x"),
            "path 'x': write / and then ASCII without spaces or #, %-encoded",
        ),
        (
            lambda: Request("GET", "/a b"),
            "path '/a b': write / and then ASCII without spaces or #, %-encoded",
        ),
        (
            lambda: Request("GET", "/a\r\nX: y"),
            "path '/a\\r\\nX: y': write / and then ASCII without spaces or #, %-encoded",
        ),
        (
            lambda: Request("GET", "/#top"),
            "path '/#top': write / and then ASCII without spaces or #, %-encoded",
        ),
        (
            lambda: Request("GET", "/", timeout_ns=0),
            "timeout of GET /: more than 0 is needed",
        ),
        (
            lambda: Request("GET", "/", expect=((99, 200),)),
            "expect of GET /: 99-200: statuses run from 100 to 999",
        ),
        (
            lambda: Request("GET", "/", expect=((300, 200),)),
            "expect of GET /: 300-200: statuses run from 100 to 999",
        ),
        (
            lambda: Request("GET", "/", expect=()),
            "expect of GET /: at least one status is needed",
        ),
        (
            lambda: Request("GET", "/", captures=(Capture("a", "$.x"), Capture("a", "$.y"))),
            "captures of GET /: the same slot twice",
        ),
        (
            lambda: Request("GET", "/", (("Bad Name", "x"),)),
            "header 'Bad Name': write NAME: VALUE, the name without spaces",
        ),
        (
            lambda: Request("GET", "/", (("X", "a\r\nY: b"),)),
            "header X: the value contains a line break or a NUL",
        ),
        (
            lambda: Request("GET", "/", (("X", "€"),)),
            "header X: the value has characters outside Latin-1",
        ),
        (
            lambda: Request("GET", "/", (("Content-Length", "3"),)),
            "header Content-Length: it is written by velroload from the body's size",
        ),
        (
            lambda: Request("GET", "/${a-b}"),
            "${a-b} is not a slot: write ${name} with letters, digits, _",
        ),
    ],
)
def test_mistakes(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        make()
    assert str(error.value) == message
