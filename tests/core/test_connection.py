"""core/connection.pxi: the life of a request on its connection, against real sockets."""

import socket
import struct

from tests.core.balance import balanced
from tests.rig import Rig, iterations, plan_for
from tests.servers.scripted import OK, ScriptedServer, read_request, respond
from velroload.plan.model import Request, Timeouts
from velroload.sample import ErrorKind, Flag

MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000


def test_one_connection_carries_many_requests() -> None:
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, iterations(50))).run()
        assert server.connections == 1
    c = balanced(rig)
    assert c["requests_started"] == c["requests_sent"] == c["iterations_completed"] == 50
    samples = rig.samples
    assert (samples["status"] == 200).all()
    assert (samples["error"] == 0).all()
    assert ((samples["flags"] & Flag.NEW_CONNECTION) != 0).sum() == 1
    assert (samples["scheduled_ns"] <= samples["sent_ns"]).all()
    assert (samples["sent_ns"] <= samples["end_ns"]).all()
    assert not (samples["flags"] & Flag.USER_CLOCK).any()
    assert list(samples["iteration"]) == list(range(1, 51))
    assert (samples["bytes_in"] == len(OK)).all()


def test_pooled_connections_are_never_more_than_asked() -> None:
    with ScriptedServer(respond()) as server:
        plan = plan_for(server.url, iterations(100, users=20), connections=3)
        rig = Rig(plan).run()
        assert server.connections == 3
    assert balanced(rig)["requests_started"] == 100


def test_a_large_request_is_sent_in_parts() -> None:
    body = bytes(range(256)) * 40_000  # 10 MB: more than any socket buffer
    received: list[int] = []

    def script(connection: socket.socket, number: int) -> None:
        while request := read_request(connection):
            received.append(len(request.partition(b"\r\n\r\n")[2]))
            connection.sendall(OK)

    with ScriptedServer(script) as server:
        flow = (Request("PUT", "/", body=body),)
        rig = Rig(plan_for(server.url, iterations(3), flow)).run()
    assert received == [len(body)] * 3
    assert balanced(rig)["bytes_out"] > 3 * len(body)
    assert (rig.samples["error"] == 0).all()


def test_connection_is_opened_again_after_the_server_closed_it() -> None:
    def script(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

    with ScriptedServer(script) as server:
        rig = Rig(plan_for(server.url, iterations(10))).run()
        assert server.connections == 10
    c = balanced(rig)
    assert c["connections_opened"] == 10
    assert (rig.samples["error"] == 0).all()
    assert (rig.samples["flags"] & Flag.NEW_CONNECTION != 0).all()


def test_idempotent_request_on_a_stale_connection_is_sent_once_more() -> None:
    """The server closes after each answer without saying so: what is sent then finds it closed."""

    def script(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(OK)
        read_request(connection)  # the second is read, and never answered

    with ScriptedServer(script) as server:
        rig = Rig(plan_for(server.url, iterations(6))).run()
    c = balanced(rig)
    assert (rig.samples["error"] == 0).all()
    assert len(rig.samples) == c["requests_started"] == c["requests_sent"] == 6
    assert c["retries"] == ((rig.samples["flags"] & Flag.RETRIED) != 0).sum() == 5


def test_post_on_a_stale_connection_is_not_repeated() -> None:
    def script(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(OK)
        read_request(connection)

    with ScriptedServer(script) as server:
        rig = Rig(plan_for(server.url, iterations(6), (Request("POST", "/", body=b"x"),))).run()
    assert balanced(rig)["retries"] == 0
    errors = set(rig.samples["error"])
    assert errors <= {0, ErrorKind.CLOSED_EARLY, ErrorKind.RESET, ErrorKind.BROKEN_PIPE}
    assert (rig.samples["error"] != 0).sum() == 3


def test_refused_connection() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, never listening
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        rig = Rig(plan_for(url, iterations(3))).run()
    c = balanced(rig)
    assert (rig.samples["error"] == ErrorKind.CONNECT_REFUSED).all()
    assert not (rig.samples["flags"] & Flag.USER_CLOCK).any()  # by kind, not a fallback
    assert c["requests_started"] == len(rig.samples) == 3
    assert c["requests_sent"] == 0


def test_request_timeout_is_censored_at_no_less_than_its_limit() -> None:
    def silent(connection: socket.socket, number: int) -> None:
        while read_request(connection):
            pass

    timeouts = Timeouts(connect_ns=SECOND_NS, request_ns=50 * MILLISECOND_NS)
    with ScriptedServer(silent) as server:
        rig = Rig(plan_for(server.url, iterations(3), timeouts=timeouts)).run()
    balanced(rig)
    samples = rig.samples
    assert (samples["error"] == ErrorKind.TIMEOUT).all()
    assert (samples["flags"] & Flag.CENSORED != 0).all()
    assert (samples["end_ns"] - samples["sent_ns"] >= 50 * MILLISECOND_NS).all()


def test_connect_timeout() -> None:
    """A listener whose backlog is full drops the SYN: connect() hangs."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            fillers.append(filler)
        timeouts = Timeouts(connect_ns=60 * MILLISECOND_NS, request_ns=SECOND_NS)
        plan = plan_for(f"http://127.0.0.1:{port}", iterations(2), timeouts=timeouts)
        rig = Rig(plan).run()
        for filler in fillers:
            filler.close()
    assert (rig.samples["error"] == ErrorKind.CONNECT_TIMEOUT).all()
    assert balanced(rig)["requests_sent"] == 0


def test_reset_in_the_middle_of_a_response() -> None:
    def script(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with ScriptedServer(script) as server:
        rig = Rig(plan_for(server.url, iterations(5))).run()
    balanced(rig)
    assert set(rig.samples["error"]) <= {ErrorKind.RESET, ErrorKind.BODY_SHORT}
    assert len(rig.samples) == 5


def test_short_body_and_early_close() -> None:
    def script(connection: socket.socket, number: int) -> None:
        read_request(connection)
        if number % 2:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")

    with ScriptedServer(script) as server:
        rig = Rig(plan_for(server.url, iterations(4))).run()
    balanced(rig)
    assert sorted(rig.samples["error"]) == [ErrorKind.CLOSED_EARLY] * 2 + [ErrorKind.BODY_SHORT] * 2


def test_close_delimited_body() -> None:
    def script(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nall of it")

    with ScriptedServer(script) as server:
        rig = Rig(plan_for(server.url, iterations(4))).run()
        assert server.connections == 4
    balanced(rig)
    assert (rig.samples["error"] == 0).all()
    assert not (rig.samples["flags"] & Flag.USER_CLOCK).any()  # by kind, not a fallback


def test_bytes_nobody_asked_for_cost_the_connection_only() -> None:
    with ScriptedServer(respond(OK + b"HTTP/1.1 200 OK\r\n")) as server:
        rig = Rig(plan_for(server.url, iterations(4))).run()
        assert server.connections == 4
    assert (rig.samples["error"] == 0).all()
