"""core/template.pxi: what arrives at a server is what the twin renders, byte for byte."""

import json
import socket
import string
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference import template
from tests.rig import Rig, iterations, plan_for
from tests.servers.scripted import OK, ScriptedServer, read_request
from velroload.plan.model import Capture, Load, Request
from velroload.protocol.address import Target, pack_address
from velroload.protocol.program import compile_program
from velroload.sample import ErrorKind

SLOTS = ("a", "b", "user")
REFERENCE = st.sampled_from([f"${{{name}}}" for name in SLOTS])
VISIBLE = st.text(string.ascii_letters + string.digits + "-._~$&{", max_size=8)
# No control characters: those are refused as captures, see below.
VALUE = st.text(st.characters(min_codepoint=32, exclude_characters="\x7f", codec="utf-8"))


def mixed(plain: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Text with references to slots in between, and no other ${."""
    safe = plain.map(lambda text: text.replace("${", "$-").rstrip("$"))
    return st.lists(st.one_of(safe, REFERENCE), max_size=4).map("".join)


HEADERS = st.dictionaries(
    st.text(string.ascii_letters + "-", min_size=1, max_size=6).map(lambda name: f"X-{name}"),
    mixed(st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"))),
    max_size=3,
).map(lambda headers: tuple(headers.items()))
BODIES = st.one_of(
    st.none(),
    st.binary(max_size=50).map(lambda body: body.replace(b"${", b"$")),
    mixed(VISIBLE).map(str.encode),
)
REQUESTS = st.builds(
    Request,
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]),
    mixed(VISIBLE).map(lambda path: f"/{path}"),
    HEADERS,
    BODIES,
)


class Recording:
    """Answers everything, a login with the slots' values; keeps each request."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.requests: list[bytes] = []

    def __call__(self, connection: socket.socket, number: int) -> None:
        while request := read_request(connection):
            self.requests.append(request)
            if request.startswith(b"POST /login "):
                body = json.dumps(self.values).encode()
                head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
                connection.sendall(head + body)
            else:
                connection.sendall(
                    b"HTTP/1.1 204 No Content\r\n\r\n" if request.startswith(b"HEAD ") else OK
                )


@pytest.fixture(scope="module")
def recording() -> Recording:
    return Recording()


@pytest.fixture(scope="module")
def server(recording: Recording) -> Iterator[ScriptedServer]:
    with ScriptedServer(recording) as server:
        yield server


LOGIN = Request("POST", "/login", captures=(Capture("a", "$.a"), Capture("b", "$.b")))


@settings(max_examples=60)
@given(st.lists(REQUESTS, min_size=1, max_size=3), VALUE, VALUE)
def test_equals_its_twin(
    recording: Recording, server: ScriptedServer, flow: list[Request], a: str, b: str
) -> None:
    recording.values = {"a": a, "b": b}
    recording.requests.clear()
    rig = Rig(plan_for(server.url, iterations(1), tuple(flow), (LOGIN,))).run()
    rig.close()
    assert (rig.samples["error"] == 0).all()
    program = compile_program(rig.plan, Target.of(server.url), pack_address("127.0.0.1", 80))
    names = {"a": a.encode(), "b": b.encode(), "user": b"0"}
    order = ["a", "b", *(["user"] if program.user_slot is not None else [])]
    slots = [names[name] for name in order]
    assert recording.requests == [
        template.render(program, step, slots) for step in range(1 + len(flow))
    ]


def test_every_user_has_slots_of_its_own(recording: Recording, server: ScriptedServer) -> None:
    recording.values = {"a": "x", "b": ""}
    recording.requests.clear()
    flow = (Request("POST", "/${user}", body=b"${user}${a}"),)
    load = Load("constant-vus", users=12, iterations=12, pacing_ns=60_000_000_000)  # one each
    Rig(plan_for(server.url, load, flow, (LOGIN,))).run().close()
    seen = [request for request in recording.requests if b"/login" not in request]
    assert {request.split()[1] for request in seen} == {b"/%d" % user for user in range(12)}
    for request in seen:
        head, _, body = request.partition(b"\r\n\r\n")
        assert body == head.split()[1][1:] + b"x"


@pytest.mark.parametrize(("length", "error"), [(764, 0), (765, ErrorKind.CAPTURE_TOO_LONG)])
def test_the_longest_value(
    recording: Recording, server: ScriptedServer, length: int, error: int
) -> None:
    recording.values = {"a": "x" * length, "b": ""}
    recording.requests.clear()
    flow = (LOGIN, Request("PUT", "/", body=b"${a}" * 3))
    rig = Rig(plan_for(server.url, iterations(1), flow)).run()
    rig.close()
    assert list(rig.samples["error"][:2]) == [error, 0]
    body = b"" if error else b"x" * length * 3
    assert recording.requests[-1].partition(b"\r\n\r\n")[2] == body


@pytest.mark.parametrize("code", [*range(32), 127])
def test_no_control_character_gets_into_a_header(
    recording: Recording, server: ScriptedServer, code: int
) -> None:
    """Above all no CR and LF: a captured value could add a header, or a request (RFC 9110, 5.5)."""
    recording.values = {"a": f"1{chr(code)}X-Evil: 1", "b": ""}
    recording.requests.clear()
    rig = Rig(plan_for(server.url, iterations(1), (LOGIN, Request("GET", "/", (("X", "${a}"),)))))
    rig.run().close()
    assert rig.samples["error"][0] == ErrorKind.CAPTURE_FAILED
    assert b"\r\nX: \r\n" in recording.requests[-1]
    assert b"Evil" not in recording.requests[-1]
