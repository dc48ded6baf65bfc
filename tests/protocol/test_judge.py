"""What captures and checks make of an answer."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velroload.plan.check import Check
from velroload.plan.model import Capture, Request
from velroload.plan.values import Expression
from velroload.protocol.ask import ask
from velroload.protocol.judge import judge_of, make_judges
from velroload.protocol.parts import Parts
from velroload.sample import ErrorKind

FAILED, WRONG = ErrorKind.CAPTURE_FAILED, ErrorKind.CHECK_FAILED
BODY = b'{"a": {"b": [0, 1.5]}, "t": "text", "yes": true, "no": null, "n": 1, "list": [{"id": 7}]}'


def judged(
    *asked: Capture | Check,
    body: bytes = BODY,
    status: int = 200,
    headers: dict[str, bytes] | None = None,
    texts: tuple[str, ...] = (),
    times: tuple[int, int] = (5, 5),
) -> tuple[int, tuple[bytes | None, ...]]:
    """What the function of one step says, its headers as the core would hand them over."""
    kept: list[str] = []

    def header(name: str) -> int:
        kept.append(name)
        return len(kept) - 1

    captures = tuple(each for each in asked if isinstance(each, Capture))
    checks = tuple(each for each in asked if isinstance(each, Check))
    compiled = ask(Request("GET", "/", captures=captures, checks=checks), Parts(), header)
    assert compiled is not None
    row = json.loads(json.dumps(compiled.to_json()))
    values = tuple((headers or {}).get(name) for name in kept)
    size = len(body)
    return judge_of(row)(status, body if compiled.body else b"", size, values, *times, texts)


def taken(capture: Capture, **answer: Any) -> bytes | None:
    """One capture's value; the error says whether there was one."""
    error, (value,) = judged(capture, **answer)
    assert error == (ErrorKind.NONE if value is not None else FAILED)
    return value


@pytest.mark.parametrize(
    ("path", "body", "value"),
    [
        ("$.a", b'{"a": "text"}', b"text"),
        ("$.a.b[1]", b'{"a": {"b": [0, 1.5]}}', b"1.5"),
        ("$[0].id", b'[{"id": 7}]', b"7"),
        ("$.a", b'{"a": true}', b"true"),
        ("$.a", b'{"a": ""}', b""),
        ("$.a", '{"a": "é"}'.encode(), "é".encode()),
        ("$.a", b'{"a": "\\u00e9"}', "é".encode()),
        ("$.a", b'{"a": -0.25}', b"-0.25"),
        ("$..id", b'{"x": [{"id": 3}, {"id": 4}]}', b"3"),
        ("$.x[?@.on == true].id", b'{"x": [{"id": 3, "on": false}, {"id": 4, "on": true}]}', b"4"),
        ("$.x[-1]", b'{"x": [1, 2]}', b"2"),
        ("$['a b']", b'{"a b": "c"}', b"c"),
        ("$.a", b"{}", None),
        ("$.a", b'{"a": null}', None),
        ("$.a", b'{"a": {}}', None),
        ("$.a", b'{"a": [1]}', None),
        ("$.a", b"[1]", None),
        ("$[0]", b"{}", None),
        ("$[5]", b"[1]", None),
        ("$.a[0]", b'{"a": 3}', None),
        ("$.a[0]", b'{"a": "text"}', None),
        ("$.a", b"", None),
        ("$.a", b"not json", None),
        ("$.a", b'{"a": "\xff"}', None),
        ("$.a", b'{"a": "x"} more', None),
        ("$..id", b'"{\\"id\\": 1}"', None),
        ("$..id", b"{}", None),
    ],
)
def test_json(path: str, body: bytes, value: bytes | None) -> None:
    assert taken(Capture("s", path), body=body) == value


@given(st.dictionaries(st.text("abc", min_size=1), st.text(max_size=20), min_size=1), st.data())
def test_every_text_comes_out_as_it_was(values: dict[str, str], data: Any) -> None:
    key = data.draw(st.sampled_from(sorted(values)))
    body = json.dumps(values).encode()
    assert taken(Capture("s", f"$.{key}"), body=body) == values[key].encode()


@pytest.mark.parametrize(
    ("capture", "value"),
    [
        (Capture("s", r"id=(\d+)", "regex"), b"12"),
        (Capture("s", r"id=\d+", "regex"), b"id=12"),
        (Capture("s", r"no(\d+)", "regex"), None),
        (Capture("s", r"id=(\d+)|(x)", "regex"), b"12"),
        (Capture("s", r"id=12(x)?", "regex"), None),
        (Capture("s", "ETag", "header"), b'"one"'),
        (Capture("s", "X-Empty", "header"), b""),
        (Capture("s", "X-None", "header"), None),
        (Capture("s", "sid", "cookie"), b"a=b"),
        (Capture("s", "theme", "cookie"), b'"dark"'),
        (Capture("s", "Path", "cookie"), None),
        (Capture("s", "", "status"), b"201"),
        (Capture("s", r"no(\d+)", "regex", "none"), b"none"),
        (Capture("s", "X-None", "header", ""), b""),
        (Capture("s", "$.none", default="é"), "é".encode()),
        (Capture("s", "ETag", "header", "none"), b'"one"'),
    ],
)
def test_other_kinds(capture: Capture, value: bytes | None) -> None:
    headers = {
        "etag": b'"one"\n"two"',
        "x-empty": b"",
        "set-cookie": b'sid=a=b; Path=/\ntheme = "dark"\nflag',
    }
    assert taken(capture, body=b"an id=12 y", status=201, headers=headers) == value


def test_captures_that_succeed_are_kept_beside_one_that_fails() -> None:
    said = judged(Capture("a", "$.t"), Capture("b", "$.none"), Capture("c", "", "status"))
    assert said == (FAILED, (b"text", None, b"200"))


HEADERS = {"content-type": b"application/json", "x-empty": b""}


@pytest.mark.parametrize(
    ("check", "holds"),
    [
        (Check("c", "status", ranges=((200, 200), (404, 410))), True),
        (Check("c", "status", ranges=((400, 499),)), False),
        (Check("c", "header", "Content-Type"), True),
        (Check("c", "header", "X-Empty"), True),
        (Check("c", "header", "X-None"), False),
        (Check("c", "header", "Content-Type", pattern="json$"), True),
        (Check("c", "header", "Content-Type", pattern="^json"), False),
        (Check("c", "header", "X-None", pattern=""), False),
        (Check("c", "json", "$.t"), True),
        (Check("c", "json", "$.no"), False),
        (Check("c", "json", "$.none"), False),
        (Check("c", "json", "$.list"), True),
        (Check("c", "json", "$.t", equals='"text"'), True),
        (Check("c", "json", "$.n", equals="1.0"), True),
        (Check("c", "json", "$.n", equals="true"), False),
        (Check("c", "json", "$.yes", equals="1"), False),
        (Check("c", "json", "$.yes", equals="true"), True),
        (Check("c", "json", "$.no", equals="null"), True),
        (Check("c", "json", "$.none", equals="null"), False),
        (Check("c", "json", "$.a", equals='{"b": [0, 1.5]}'), True),
        (Check("c", "json", "$.a", equals='{"b": [false, 1.5]}'), False),
        (Check("c", "json", "$.a", equals='{"b": [0]}'), False),
        (Check("c", "json", "$.a", equals='{"b": [0, 1.5], "c": 1}'), False),
        (Check("c", "json", "$..id", equals="7"), True),
        (Check("c", "body", pattern=r'"t": "te'), True),
        (Check("c", "body", pattern="nowhere"), False),
        (Check("c", "size", low=len(BODY), high=len(BODY)), True),
        (Check("c", "size", low=len(BODY) + 1), False),
        (Check("c", "size", high=len(BODY) - 1), False),
        (Check("c", "time", "response", limit_ns=9), True),
        (Check("c", "time", "response", limit_ns=8), False),
        (Check("c", "time", "service", limit_ns=7), True),
        (Check("c", "time", "service", limit_ns=6), False),
        (Check("c", "when", expression=Expression("status == 200")), True),
        (Check("c", "when", expression=Expression("status > 200")), False),
        (Check("c", "when", expression=Expression("int('x') == 1")), False),
        (Check("c", "when", expression=Expression("limit == '5'", (("limit", "5"),))), True),
    ],
)
def test_checks(check: Check, holds: bool) -> None:
    assert judged(check, headers=HEADERS, times=(9, 7)) == (0 if holds else WRONG, ())


def test_checks_read_slots_and_what_was_captured_just_now() -> None:
    capture = Capture("t", "$.t")
    same = Check("c", "json", "$.t", equals='"${t}"')
    other = Check("c", "json", "$.list[0]", equals='{"id": "${want}"}')
    when = Check("c", "when", expression=Expression("t == 'text' and want == 'w'"))
    assert judged(capture, same, when, texts=("w",)) == (0, (b"text",))
    assert judged(capture, same, when, texts=("x",)) == (WRONG, (b"text",))
    assert judged(capture, other, texts=("7",)) == (WRONG, (b"text",))


def test_what_the_engine_is_handed() -> None:
    row = {"captures": [], "checks": [], "wanted": [2], "reads": [0], "fills": [], "names": ["a"],
           "filled": []}  # fmt: skip
    ((judge, wanted, reads, fills),) = make_judges({"judges": [row]})
    assert (wanted, reads, fills) == ((2,), (0,), ())
    assert judge(200, b"", 0, (), 1, 1, ()) == (0, ())
