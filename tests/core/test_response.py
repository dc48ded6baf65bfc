"""core/response.pxi: every response is judged, taken and written down."""

import socket

import pytest

from tests.core.balance import balanced
from tests.rig import GET, Rig, iterations, plan_for
from tests.servers.scripted import OK, ScriptedServer, read_request, respond
from velroload.plan.model import Capture, Request
from velroload.sample import ErrorKind, Flag

MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (b"garbage\r\n\r\n", ErrorKind.BAD_STATUS_LINE),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", ErrorKind.BAD_HEADER),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", ErrorKind.HEADER_TOO_LARGE),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            ErrorKind.BAD_LENGTH,
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ErrorKind.BAD_CHUNK),
        (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", ErrorKind.STATUS),
    ],
)
def test_bad_responses(response: bytes, error: ErrorKind) -> None:
    with ScriptedServer(respond(response)) as server:
        rig = Rig(plan_for(server.url, iterations(3))).run()
    balanced(rig)
    assert list(rig.samples["error"]) == [error] * 3


def test_interim_responses_and_head() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    answer = hints + b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
    with ScriptedServer(respond(answer)) as server:
        rig = Rig(plan_for(server.url, iterations(3), (Request("HEAD", "/"),))).run()
        assert server.connections == 1
    assert list(rig.samples["status"]) == [200] * 3


def test_capture_goes_into_the_next_request() -> None:
    seen: list[bytes] = []

    def script(connection: socket.socket, number: int) -> None:
        while request := read_request(connection):
            seen.append(request)
            body = b'{"access_token": "secret-%d"}' % len(seen)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    login = Request(
        "POST", "/login", body=b'{"n": ${user}}', captures=(Capture("token", "$.access_token"),)
    )
    flow = (Request("GET", "/me", (("Authorization", "Bearer ${token}"),)),)
    with ScriptedServer(script) as server:
        rig = Rig(plan_for(server.url, iterations(4), flow, (login,))).run()
    assert seen[0].endswith(b'Content-Length: 8\r\n\r\n{"n": 0}')
    assert [request.count(b"Bearer secret-1\r\n") for request in seen[1:]] == [1] * 4
    assert len(seen) == 5
    c = balanced(rig)
    assert c["iterations_completed"] == 4
    assert list(rig.samples["flags"] & Flag.SETUP != 0) == [True, False, False, False, False]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{}", ErrorKind.CAPTURE_FAILED),
        (b"not json", ErrorKind.CAPTURE_FAILED),
        (b'{"access_token": "a\\r\\nX-Evil: 1"}', ErrorKind.CAPTURE_FAILED),
        (b'{"access_token": "%s"}' % (b"x" * 2000), ErrorKind.CAPTURE_TOO_LONG),
    ],
)
def test_a_capture_that_fails_fails_the_step(body: bytes, error: ErrorKind) -> None:
    response = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    flow = (Request("GET", "/", captures=(Capture("token", "$.access_token"),)),)
    with ScriptedServer(respond(response)) as server:
        rig = Rig(plan_for(server.url, iterations(2), flow)).run()
    balanced(rig)
    assert list(rig.samples["error"]) == [error] * 2


def test_failed_setup_is_tried_again_before_the_flow() -> None:
    def script(connection: socket.socket, number: int) -> None:
        requests = 0
        while request := read_request(connection):
            requests += 1
            failed = b"/login" in request and requests < 3
            connection.sendall(OK.replace(b"200 OK", b"503 No") if failed else OK)

    with ScriptedServer(script) as server:
        plan = plan_for(server.url, iterations(2), (GET,), (Request("GET", "/login"),))
        rig = Rig(plan).run()
    c = balanced(rig)
    assert list(rig.samples["status"]) == [503, 503, 200, 200, 200]
    assert c["requests_started"] == 5
    assert c["iterations_completed"] == 2


def test_littles_law_holds_to_the_nanosecond() -> None:
    """The integral of requests in flight is the sum of the times that they were in flight."""
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, iterations(400, users=7))).run()
    samples = rig.samples
    spent = (samples["end_ns"] - samples["sent_ns"] + samples["read_lag_ns"]).sum()
    assert rig.counters["in_flight_integral"] == spent


def test_full_ring_counts_every_lost_sample() -> None:
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, iterations(100)), slots=16)
        rig.empty = lambda: None  # type: ignore[method-assign]
        rig.run()
    c = rig.counters
    assert c["requests_started"] == 100
    assert c["lost_requests"] == 84
    assert rig.reader.pushed == 16
