"""How connections are made and used: how long they live, why they end, what is told of it."""

import socket
import threading
import time
from fractions import Fraction

import numpy as np
import pytest

from tests.rig import Rig, iterations, plan_for
from tests.servers.scripted import OK, ScriptedServer, read_request, respond
from velroload import _core
from velroload.plan.model import Connecting, Load, Request, Think, Timeouts
from velroload.sample import AGE_MASK, AGE_SHIFT, ErrorKind, Flag

MS = 1_000_000
SECOND_NS = 1_000_000_000


def ledger(rig: Rig) -> dict[str, int]:
    """The counters, after the equations of a run that nothing cut short."""
    c = rig.counters
    finished = int(np.count_nonzero(rig.samples["flags"] & 3 == 0))
    dropped, unstarted = c["requests_dropped"], c["requests_unstarted"]
    assert c["requests_planned"] == c["requests_started"] + dropped + unstarted
    assert c["requests_started"] == finished
    assert c["in_flight"] == c["connections_open"] == 0
    return c


def test_each_request_has_a_connection_of_its_own_and_says_so() -> None:
    heads: list[bytes] = []

    def script(connection: socket.socket, number: int) -> None:
        while request := read_request(connection):
            heads.append(request)
            connection.sendall(OK)  # would keep it open: it is we who close

    with ScriptedServer(script) as server:
        plan = plan_for(
            server.url, iterations(10, users=2), connecting=Connecting(keep_alive=False)
        )
        rig = Rig(plan).run()
        assert server.connections == 10
    c = ledger(rig)
    assert c["connections_opened"] == c["requests_sent"] == 10
    assert (rig.samples["flags"] & Flag.NEW_CONNECTION != 0).all()
    assert (rig.samples["error"] == 0).all()
    assert all(head.count(b"\r\nConnection: close\r\n") == 1 for head in heads)


@pytest.mark.parametrize(("most", "opened"), [(1, 12), (5, 3), (12, 1)])
def test_requests_per_connection(most: int, opened: int) -> None:
    with ScriptedServer(respond()) as server:
        plan = plan_for(server.url, iterations(12), connecting=Connecting(requests_max=most))
        rig = Rig(plan).run()
        assert server.connections == opened
    c = ledger(rig)
    assert (c["connections_opened"], c["retries"]) == (opened, 0)
    assert (rig.samples["error"] == 0).all()


def closes_after_one(connection: socket.socket, number: int) -> None:
    """Answers once, reads the next request, and closes without a word."""
    read_request(connection)
    connection.sendall(OK)
    read_request(connection)


def test_without_retries_a_stale_connection_is_a_failure() -> None:
    with ScriptedServer(closes_after_one) as server:
        rig = Rig(plan_for(server.url, iterations(6), connecting=Connecting(retry=False))).run()
    c = ledger(rig)
    assert c["retries"] == 0
    assert (rig.samples["flags"] & Flag.RETRIED == 0).all()
    assert np.count_nonzero(rig.samples["error"]) == 3
    assert c["requests_sent"] == 6


@pytest.mark.parametrize("script", [closes_after_one, lambda connection, number: None])
def test_an_open_model_opens_no_more_connections_than_it_starts_requests(script: object) -> None:
    """However the server breaks connections: a retry only follows a connection that was reused."""
    load = Load("constant-arrival-rate", rate=Fraction(400), duration_ns=200 * MS, users=8)
    with ScriptedServer(script) as server:  # type: ignore[arg-type]
        rig = Rig(plan_for(server.url, load)).run()
    c = ledger(rig)
    assert c["requests_started"] == 80
    assert c["connections_opened"] <= c["requests_started"]


def idle_closer(idle_s: float) -> ScriptedServer:
    """Closes a connection that sends nothing for so long after an answer."""

    def script(connection: socket.socket, number: int) -> None:
        try:
            while read_request(connection):
                connection.sendall(OK)
                connection.settimeout(idle_s)
        except TimeoutError:
            connection.close()

    return ScriptedServer(script)


def test_the_servers_idle_close_time_is_measured_and_no_error() -> None:
    load = Load("constant-vus", users=4, duration_ns=500 * MS, think=Think("constant", (200 * MS,)))
    with idle_closer(0.05) as server:
        rig = Rig(plan_for(server.url, load)).run()
    c = ledger(rig)
    closes = rig.reader.idle_closes()
    assert (rig.samples["error"] == 0).all()
    assert len(closes) == c["idle_closes"] == c["connections_closed_by_server"] >= 4
    assert c["idle_close_least"] == min(closes) >= 50 * MS
    assert c["retries"] == 0
    assert c["connections_opened"] >= 8


def test_connections_that_we_close_are_no_idle_closes() -> None:
    with ScriptedServer(respond()) as server:
        times = Timeouts(SECOND_NS, 2 * SECOND_NS, idle_ns=20 * MS)
        load = Load(
            "constant-vus", users=2, duration_ns=200 * MS, think=Think("constant", (80 * MS,))
        )
        rig = Rig(plan_for(server.url, load, timeouts=times)).run()
    c = ledger(rig)
    assert (c["idle_closes"], c["connections_closed_by_server"]) == (0, 0)
    assert c["connections_opened"] > 2
    assert rig.reader.idle_closes() == []


@pytest.mark.parametrize("connections", [None, 3])
def test_reset_at_end(connections: int | None) -> None:
    """The server reads RST, and not the end of a stream: no side keeps the port in TIME_WAIT."""
    endings: list[str] = []
    over = threading.Semaphore(0)

    def script(connection: socket.socket, number: int) -> None:
        try:
            while read_request(connection):
                connection.sendall(OK)
            endings.append("end")
        except ConnectionResetError:
            endings.append("reset")
        over.release()

    asked = Connecting(reset_at_end=True)
    with ScriptedServer(script) as server:
        plan = plan_for(
            server.url, iterations(30, users=3), connections=connections, connecting=asked
        )
        rig = Rig(plan).run()
        for _ in range(3):
            assert over.acquire(timeout=20)
    ledger(rig)
    assert endings == ["reset"] * 3


def test_the_class_of_a_connections_age() -> None:
    """A connection that is older than a second when a request takes it."""
    load = Load("constant-vus", users=1, iterations=3, think=Think("constant", (600 * MS,)))
    flow = (Request("GET", "/"),)
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, load, flow)).run()
    ledger(rig)
    ages = (rig.samples["flags"] & AGE_MASK) >> AGE_SHIFT
    assert ages.tolist()[:2] == [0, 0]
    assert ages[2] >= 1  # 1.2 s, more on a slow machine
    assert (AGE_SHIFT, AGE_MASK) == _core.AGE_BITS


def test_a_retried_request_has_the_age_of_its_new_connection() -> None:
    def script(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(OK)
        if number == 0:
            read_request(connection)

    load = Load("constant-vus", users=1, iterations=2, think=Think("constant", (1_100 * MS,)))
    with ScriptedServer(script) as server:
        rig = Rig(plan_for(server.url, load)).run()
    assert ledger(rig)["retries"] == 1
    flags = int(rig.samples["flags"][1])
    assert flags & Flag.RETRIED
    assert flags & Flag.NEW_CONNECTION
    assert flags & AGE_MASK == 0


def test_a_closed_model_backs_off_from_a_server_that_answers_nothing() -> None:
    load = Load("constant-vus", users=1, duration_ns=300 * MS)
    started_s = time.monotonic()
    with ScriptedServer(lambda connection, number: None) as server:
        rig = Rig(plan_for(server.url, load)).run()
    c = ledger(rig)
    assert set(rig.samples["error"]) <= {
        ErrorKind.CLOSED_EARLY, ErrorKind.RESET, ErrorKind.BROKEN_PIPE
    }  # fmt: skip
    assert c["connections_opened"] <= 5  # at 0, 10, 30, 70 and 150 ms; the next would be at 310
    assert time.monotonic() - started_s >= 0.15
