"""Flows compiled: bytes of requests, sets of statuses, rows of figures, refusals."""

from typing import Any

import numpy as np
import pytest

from tests.reference import template
from velroload import __version__
from velroload.errors import ConfigError
from velroload.plan.model import Capture, Load, Plan, Request, Scenario, Step, Think
from velroload.protocol import layout as compiler
from velroload.protocol import parts, writer
from velroload.protocol.address import Target, pack_address
from velroload.protocol.program import Program, compile_program

AGENT = f"User-Agent: velroload/{__version__}\r\n".encode()
LOAD = Load("constant-vus", users=1, iterations=1)


def slots_of(program: Program) -> Any:
    """The rows of the slots."""
    return np.frombuffer(program.arrays["slots"], compiler.SLOT)


def compiled(
    *flow: Step,
    setup: tuple[Step, ...] = (),
    url: str = "http://127.0.0.1:8080",
    load: Load = LOAD,
    **fields: Any,
) -> Program:
    plan = Plan("test", url, (Scenario("main", load, flow, setup),), **fields)
    return compile_program(plan, Target.of(url), pack_address("127.0.0.1", 8080))


def sent(request: Request, *slots: bytes, **fields: Any) -> bytes:
    """The bytes of one request."""
    return template.render(compiled(request, **fields), 0, slots)


def test_a_get_is_one_literal() -> None:
    program = compiled(Request("GET", "/a?b=c"))
    assert len(template.parts(program)) == 1
    assert template.render(program, 0, ()) == (
        b"GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n" + AGENT + b"Accept: */*\r\n\r\n"
    )
    assert program.render_bytes == len(program.arrays["literals"])


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [
        ("GET", None, None),
        ("HEAD", None, None),
        ("DELETE", None, None),
        ("POST", None, 0),  # RFC 9110 section 8.6: a method that defines a meaning for a body
        ("PUT", None, 0),
        ("PATCH", None, 0),
        ("POST", b"abc", 3),
        ("GET", b"abc", 3),
        ("GET", b"", 0),
        ("POST", b"\x00\r\n\r\n\xff", 6),
    ],
)
def test_content_length(method: str, body: bytes | None, length: int | None) -> None:
    head, empty, tail = sent(Request(method, "/", body=body)).partition(b"\r\n\r\n")
    assert empty == b"\r\n\r\n"
    assert tail == (body or b"")
    lines = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
    assert lines == ([] if length is None else [b"Content-Length: %d" % length])


@pytest.mark.parametrize("value", [b"", b"7", b"x" * 1020])
def test_content_length_counts_what_the_slots_hold(value: bytes) -> None:
    request = Request("POST", "/", body=b'{"a": "${user}", "b": "${user}"}')
    head, _, body = sent(request, value).partition(b"\r\n\r\n")
    assert body == b'{"a": "%s", "b": "%s"}' % (value, value)
    assert head.endswith(b"\r\nContent-Length: %d" % len(body))


def test_slots_stand_in_path_header_and_body() -> None:
    login = Request("GET", "/", captures=(Capture("token", "$.t"), Capture("id", "$.i")))
    request = Request("PUT", "/${id}/x?u=${user}", (("X-Token", "a${token}b"),), b"${token}${id}")
    program = compiled(login, request)
    assert (slots_of(program)["room"].tolist(), program.user_slot) == ([764, 764, 20], 2)
    (judge,) = program.judges
    assert (judge["fills"], judge["filled"]) == ([0, 1], ["token", "id"])
    assert [capture["path"] for capture in judge["captures"]] == [("t",), ("i",)]
    assert template.render(program, 1, (b"T", b"", b"5")) == (
        b"PUT //x?u=5 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
        + AGENT
        + b"Accept: */*\r\nX-Token: aTb\r\nContent-Length: 1\r\n\r\nT"
    )


def test_render_bytes_hold_the_longest_request_with_full_slots() -> None:
    request = Request("POST", "/${user}", body=b"${user}" * 3)
    program = compiled(Request("GET", "/"), request)
    full = b"x" * int(slots_of(program)["room"][0])
    assert len(template.render(program, 1, (full,))) <= program.render_bytes


def test_a_request_s_own_header_replaces_the_plan_s_and_the_default() -> None:
    headers = (("X-Team", "plan"), ("user-agent", "mine"), ("Accept", "text/html"))
    request = Request("GET", "/", (("x-team", "own"), ("x-team", "twice"), ("HOST", "other")))
    assert sent(request, headers=headers) == (
        b"GET / HTTP/1.1\r\nuser-agent: mine\r\nAccept: text/html\r\n"
        b"x-team: own\r\nx-team: twice\r\nHOST: other\r\n\r\n"
    )


def test_header_values_are_latin_1() -> None:
    assert b"\r\nX: \xe9\r\n" in sent(Request("GET", "/", (("X", "é"),)))


@pytest.mark.parametrize(
    ("url", "line", "host"),
    [
        ("http://example.test", b"GET /p HTTP/1.1", b"example.test"),
        ("http://example.test:81/", b"GET /p HTTP/1.1", b"example.test:81"),
        ("http://[::1]:8080/base/", b"GET /base/p HTTP/1.1", b"[::1]:8080"),
        ("http://[fe80::1]", b"GET /p HTTP/1.1", b"[fe80::1]"),
    ],
)
def test_host_and_base_path(url: str, line: bytes, host: bytes) -> None:
    assert sent(Request("GET", "/p"), url=url).startswith(line + b"\r\nHost: " + host + b"\r\n")


@pytest.mark.parametrize(
    ("plan", "own", "flags"),
    [
        ((), (), compiler.IDEMPOTENT),
        ((("Connection", "close"),), (), compiler.IDEMPOTENT | compiler.CLOSE),
        ((), (("connection", "Close"),), compiler.IDEMPOTENT | compiler.CLOSE),
        ((("Connection", "close"),), (("Connection", "keep-alive"),), compiler.IDEMPOTENT),
    ],
)
def test_our_own_connection_close(
    plan: tuple[tuple[str, str], ...], own: tuple[tuple[str, str], ...], flags: int
) -> None:
    program = compiled(Request("GET", "/", own), headers=plan)
    assert template.steps(program)["flags"].tolist() == [flags]


def test_flags_of_methods() -> None:
    flow = [Request(method, "/") for method in ("GET", "HEAD", "PUT", "DELETE", "POST", "PATCH")]
    capturing = Request("POST", "/", captures=(Capture("t", "$.t"),))
    flags = template.steps(compiled(*flow, capturing))["flags"].tolist()
    both = compiler.HEAD | compiler.IDEMPOTENT
    once, post = compiler.IDEMPOTENT, compiler.POST
    assert flags == [once, both, once, once, post, 0, compiler.WANT_BODY | post]


def test_expected_statuses_are_bit_sets_shared_by_equal_steps() -> None:
    program = compiled(
        Request("GET", "/"),
        Request("GET", "/", expect=((100, 100), (404, 404), (999, 999))),
        Request("GET", "/other"),
    )
    assert len(program.arrays["expects"]) == 2 * 128
    assert template.statuses(program, 0) == template.statuses(program, 2) == set(range(200, 400))
    assert template.statuses(program, 1) == {100, 404, 999}


def test_rows_of_figures() -> None:
    login = Request("POST", "/login", cls="auth", endpoint="login")
    flow = (Request("GET", "/?page=2"), Request("GET", "/"), Request("POST", "/login"))
    program = compiled(*flow, setup=(login,))
    assert [row.to_json() for row in program.endpoints] == [
        {"id": 0, "name": "login", "kind": "request", "scenario": "main", "cls": "auth",
         "setup": True},
        {"id": 1, "name": "GET /", "kind": "request", "scenario": "main", "cls": None,
         "setup": False},
        {"id": 2, "name": "POST /login", "kind": "request", "scenario": "main", "cls": None,
         "setup": False},
        {"id": 3, "name": "iteration", "kind": "iteration", "scenario": "main", "cls": None,
         "setup": False},
    ]  # fmt: skip
    assert template.steps(program)["endpoint"].tolist() == [0, 1, 1, 2]
    (scenario,) = program.scenarios
    assert (scenario.setup, scenario.flow, scenario.iteration_endpoint) == ((0, 1), (1, 3), 3)


def test_one_step_is_the_iteration_and_needs_no_row_of_its_own() -> None:
    program = compiled(Request("GET", "/"))
    assert [row.kind for row in program.endpoints] == ["request"]
    assert program.scenarios[0].iteration_endpoint is None


def test_scenarios_have_rows_of_their_own() -> None:
    flow = (Request("GET", "/"),)
    plan = Plan("t", "http://h", (Scenario("a", LOAD, flow), Scenario("b", LOAD, flow)))
    program = compile_program(plan, Target.of("http://h"), pack_address("127.0.0.1", 80))
    assert [(row.name, row.scenario) for row in program.endpoints] == [
        ("GET /", "a"),
        ("GET /", "b"),
    ]
    assert [each.flow for each in program.scenarios] == [(0, 1), (1, 1)]


def test_thinks_and_time_outs() -> None:
    pause = Think("exponential", (5,))
    load = Load("constant-vus", users=1, iterations=1, think=pause)
    flow = (
        Request("GET", "/", timeout_ns=7),
        Think("constant", (1,)),
        Think("uniform", (2, 3)),
        Request("GET", "/"),
    )
    program = compiled(*flow, load=load)
    rows = template.steps(program)
    assert rows["op"].tolist() == [0, 1, 1, 0, 1]
    assert rows["think"].tolist() == [0, 1, 2, 0, 3]
    assert rows["think_a"].tolist() == [0, 1, 2, 0, 5]
    assert rows["think_b"].tolist() == [0, 0, 3, 0, 0]
    assert rows["timeout_ns"][[0, 3]].tolist() == [7, 10 * 10**9]
    assert program.scenarios[0].think == 4


def test_a_slot_that_nobody_fills_is_refused_in_the_plan_s_headers() -> None:
    with pytest.raises(ConfigError) as caught:
        compiled(Request("GET", "/"), headers=(("X", "${nobody}"),))
    assert str(caught.value) == (
        "header X: ${nobody} is not known in every request; the plan's headers may use ${user}"
    )
    assert b"\r\nX: 3\r\n" in sent(Request("GET", "/"), b"3", headers=(("X", "${user}"),))


def test_too_many_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "ENDPOINTS_MAX", 2)
    with pytest.raises(ConfigError) as caught:
        compiled(*(Request("GET", f"/{n}") for n in range(3)))
    assert str(caught.value) == "more than 2 endpoints"


def test_rows_have_the_core_s_size() -> None:
    sizes = [np.dtype(kind).itemsize for kind in (compiler.STEP, parts.PART, compiler.FILL)]
    assert sizes == [64, 16, 64]
