"""core/warm.pxi: connections opened before the start, and what happens when they cannot be."""

import socket
import threading
from fractions import Fraction
from pathlib import Path

import pytest

from tests.rig import SECOND_NS, Rig, iterations, plan_for
from tests.servers.scripted import OK, ScriptedServer, read_request, respond
from tests.servers.tls import Authority, TlsServer
from velroload import _core
from velroload.plan.model import Connecting, Load, Request, Timeouts
from velroload.sample import ErrorKind, Flag

WARM = Connecting(warm=True)


@pytest.mark.parametrize("connections", [None, 7])
def test_no_request_pays_for_a_connection(connections: int | None) -> None:
    load = iterations(200, users=100)
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, load, connections=connections, connecting=WARM))
        wanted = connections or 100
        assert rig.warm() == {"open": wanted, "left": 0, "error": 0}
        before = rig.counters
        assert (before["connections_open"], before["connections_warmed"]) == (wanted, wanted)
        assert (before["requests_started"], before["requests_sent"]) == (0, 0)
        rig.run()
        assert server.connections == wanted
    c = rig.counters
    assert c["requests_planned"] == c["requests_started"] == c["requests_sent"] == 200
    assert (rig.samples["error"] == 0).all()
    assert (rig.samples["flags"] & Flag.NEW_CONNECTION == 0).all()
    assert (rig.samples["connect_us"] == 0).all()
    assert (c["connections_opened"], c["retries"]) == (wanted, 0)


def test_an_open_model_with_a_setup() -> None:
    load = Load("constant-arrival-rate", rate=Fraction(100), duration_ns=SECOND_NS // 10, users=5)
    with ScriptedServer(respond()) as server:
        plan = plan_for(server.url, load, setup=(Request("GET", "/login"),), connecting=WARM)
        rig = Rig(plan)
        assert rig.warm()["open"] == 5
        rig.run()
        assert server.connections == 5
    assert rig.counters["iterations_completed"] == 10
    assert len(rig.samples) == rig.counters["requests_sent"] == 15


def test_handshakes_are_made_before_the_start_too(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with TlsServer(authority.server()) as server:
        load = iterations(20, users=5)
        rig = Rig(plan_for(server.url, load, connecting=WARM, tls=authority.trusted))
        assert rig.warm() == {"open": 5, "left": 0, "error": 0}
        assert rig.counters["tls_handshakes"] == 5
        rig.run()
        assert server.connections == 5
    c = rig.counters
    assert c["requests_started"] == c["requests_sent"] == len(rig.samples) == 20
    assert (rig.samples["error"] == 0).all()
    assert (rig.samples["tls_us"] == 0).all()


def test_a_handshake_that_fails_is_told(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    times = Timeouts(connect_ns=SECOND_NS // 5, request_ns=SECOND_NS)
    with TlsServer(authority.server()) as server:
        rig = Rig(plan_for(server.url, iterations(3, users=3), connecting=WARM, timeouts=times))
        report = rig.warm()
    assert report == {"open": 0, "left": 3, "error": ErrorKind.TLS_CERTIFICATE}
    assert rig.counters["connections_open"] == 0
    rig.close()


def test_a_target_that_refuses_is_asked_again_after_a_pause_and_then_given_up() -> None:
    """10, 20, 40, … ms: at most 64 attempts under way, and then none for as long as one may take"""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    times = Timeouts(connect_ns=SECOND_NS // 5, request_ns=SECOND_NS)
    rig = Rig(plan_for(f"http://127.0.0.1:{port}", iterations(9, users=9), timeouts=times))
    assert rig.warm() == {"open": 0, "left": 9, "error": ErrorKind.CONNECT_REFUSED}
    c = rig.counters
    assert c["connections_open"] == 0
    assert c["connections_opened"] <= 8 * 9
    assert (c["requests_started"], len(rig.samples)) == (0, 0)
    rig.close()


def test_a_target_that_comes_late_is_waited_for() -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    rig = Rig(plan_for(f"http://127.0.0.1:{listener.getsockname()[1]}", iterations(3, users=3)))
    while rig.counters["connections_opened"] < 2:
        assert rig.engine.warm() != _core.DONE
    listener.listen()
    assert rig.warm()["left"] == 0
    rig.close()
    listener.close()


def test_a_target_that_is_silent_is_given_up() -> None:
    """A backlog that is full drops SYN: the attempts run into the connect time-out."""
    times = Timeouts(connect_ns=SECOND_NS // 5, request_ns=SECOND_NS)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        rig = Rig(plan_for(url, iterations(6, users=6), timeouts=times))
        report = rig.warm()
        assert report["error"] == ErrorKind.CONNECT_TIMEOUT
        assert 0 < report["open"] < 6
        assert report["open"] + report["left"] == 6
        rig.close()


def test_a_connection_that_is_closed_before_the_start_is_opened_again_when_needed() -> None:
    closed = threading.Barrier(3)

    def script(connection: socket.socket, number: int) -> None:
        if number < 2:
            connection.shutdown(socket.SHUT_RDWR)
            connection.close()
            closed.wait(20)
            return
        while read_request(connection):
            connection.sendall(OK)

    with ScriptedServer(script) as server:
        rig = Rig(plan_for(server.url, iterations(4, users=2), connecting=WARM))
        assert rig.warm()["open"] == 2
        closed.wait(20)
        rig.run()
    assert (rig.samples["error"] == 0).all()
    c = rig.counters
    assert (c["connections_opened"], c["connections_warmed"], c["retries"]) == (4, 2, 0)
    assert c["idle_closes"] == 0  # they never carried a response


def test_a_start_in_the_middle_gives_up_what_is_under_way() -> None:
    """The run was stopped; here it goes on all the same, and nothing is mixed up."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        times = Timeouts(connect_ns=SECOND_NS // 10, request_ns=SECOND_NS // 10)
        rig = Rig(plan_for(url, iterations(5, users=5), timeouts=times))
        assert rig.engine.warm(1_000_000) != _core.DONE
        rig.run()
    c = rig.counters
    assert c["requests_started"] == len(rig.samples) == 5
    kinds = set(rig.samples["error"].tolist())
    assert kinds <= {ErrorKind.CONNECT_TIMEOUT, ErrorKind.TIMEOUT}
    assert (c["connections_open"], c["in_flight"]) == (0, 0)


def test_warming_up_after_the_start_is_refused() -> None:
    rig = Rig(plan_for("http://127.0.0.1:9", iterations(1)))
    rig.start()
    with pytest.raises(RuntimeError, match=r"^warm: the engine was started before$"):
        rig.engine.warm()
