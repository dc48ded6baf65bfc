"""The engine in this process, against real sockets: life of a request, tables, loop."""

import socket
import struct
import threading
from fractions import Fraction

import numpy as np
import pytest

from tests.core.balance import balanced
from tests.rig import GET, Rig, iterations, plan_for
from tests.servers.scripted import OK, ScriptedServer, read_request, respond
from velroload import _core
from velroload.plan.model import Capture, Load, Request, Think, Timeouts
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


@pytest.mark.parametrize("budget_ns", [0, 20 * MILLISECOND_NS])
@pytest.mark.parametrize("max_events", [1, 64])
def test_no_event_is_lost_for_any_budget_and_batch(budget_ns: int, max_events: int) -> None:
    body = b"x" * 300_000  # more than the receive buffer
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + body
    with ScriptedServer(respond(response)) as server:
        plan = plan_for(server.url, iterations(40, users=8))
        rig = Rig(plan, {"max_events": max_events}).run(budget_ns)
    c = balanced(rig)
    assert c["requests_started"] == len(rig.samples) == 40
    assert (rig.samples["error"] == 0).all()
    assert (rig.samples["bytes_in"] == len(response)).all()


def test_two_users_share_one_connection_over_two_steps_and_a_parked_one() -> None:
    """The seams: users, connections and requests are tables of their own; a step can wait."""
    flow = (
        Request("GET", "/first"),
        Think("constant", (MILLISECOND_NS,)),
        Request("GET", "/second"),
    )
    seen: list[bytes] = []

    def script(connection: socket.socket, number: int) -> None:
        while request := read_request(connection):
            seen.append(request.split()[1])
            connection.sendall(OK)

    with ScriptedServer(script) as server:
        plan = plan_for(server.url, iterations(6, users=2), flow, connections=1)
        rig = Rig(plan)
        steps = bytearray(rig.job.arrays["steps"])
        steps[64] = 2  # the think step becomes one that Python completes
        rig.close()
        rig = Rig(plan, steps=bytes(steps))
        rig.start()
        parked = 0
        while (said := rig.turn()) != _core.DONE:
            if said == _core.PARKED:
                for user, _step in rig.engine.parked():
                    parked += 1
                    rig.engine.resume(user)
        rig.finish()
        assert server.connections == 1
    c = balanced(rig)
    assert parked == c["iterations_completed"] == 6
    assert c["requests_started"] == len(seen) == 12
    assert seen.count(b"/first") == seen.count(b"/second") == 6
    waits = rig.samples[rig.samples["flags"] & 3 == 0]["wait_us"]
    assert (waits > 0).any()  # two users, one connection: somebody had to wait
    rig.close()


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


def test_open_model_sends_exactly_the_planned_starts() -> None:
    load = Load(
        "constant-arrival-rate", rate=Fraction(1000), duration_ns=300 * MILLISECOND_NS, users=20
    )
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, load)).run()
    c = balanced(rig)
    assert c["iterations_started"] == c["iterations_completed"] == len(rig.samples) == 300
    due = np.sort(rig.samples["scheduled_ns"])
    assert (due == np.arange(300) * MILLISECOND_NS).all()


def test_open_model_without_a_free_user_waits_and_says_so() -> None:
    """One user, each answer takes 20 ms, a start every 5 ms: the wait grows, nothing is lost."""

    def slow(connection: socket.socket, number: int) -> None:
        pause = threading.Event()
        while read_request(connection):
            pause.wait(0.02)
            connection.sendall(OK)

    load = Load(
        "constant-arrival-rate", rate=Fraction(200), duration_ns=100 * MILLISECOND_NS, users=1
    )
    with ScriptedServer(slow) as server:
        rig = Rig(plan_for(server.url, load)).run()
    assert balanced(rig)["iterations_completed"] == 20
    samples = rig.samples
    lag = samples["sent_ns"] - samples["scheduled_ns"] - samples["wait_us"] * 1000
    assert samples["wait_us"][-1] > 200_000
    assert np.median(lag - samples["connect_us"].astype(np.int64) * 1000) < 5 * MILLISECOND_NS


def test_late_starts_can_be_dropped_and_are_counted() -> None:
    def slow(connection: socket.socket, number: int) -> None:
        pause = threading.Event()
        while read_request(connection):
            pause.wait(0.02)
            connection.sendall(OK)

    load = Load(
        "constant-arrival-rate",
        rate=Fraction(200),
        duration_ns=100 * MILLISECOND_NS,
        max_vus=1,
        late="drop",
    )
    with ScriptedServer(slow) as server:
        rig = Rig(plan_for(server.url, load)).run()
    c = balanced(rig)
    assert c["iterations_started"] + c["iterations_dropped"] == 20
    assert c["iterations_dropped"] > 0
    assert c["requests_dropped"] == c["iterations_dropped"]


def test_stop_leaves_the_rest_unstarted() -> None:
    load = Load("constant-arrival-rate", rate=Fraction(100), duration_ns=100 * SECOND_NS, users=5)
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, load))
        rig.start()
        while rig.counters["iterations_started"] < 5:
            rig.turn()
        rig.engine.stop()
        while rig.turn() != _core.DONE:
            pass
        rig.finish()
    c = balanced(rig)
    assert c["iterations_started"] + c["iterations_unstarted"] == 10_000
    assert c["iterations_started"] == c["iterations_completed"]


def test_end_at_once_leaves_requests_in_flight() -> None:
    def silent(connection: socket.socket, number: int) -> None:
        while read_request(connection):
            pass

    with ScriptedServer(silent) as server:
        rig = Rig(plan_for(server.url, Load("constant-vus", users=3, duration_ns=SECOND_NS)))
        rig.start()
        while rig.counters["requests_sent"] < 3:
            rig.turn()
        rig.engine.stop(True)
        while rig.turn() != _core.DONE:
            pass
        rig.finish()
    c = balanced(rig)
    assert c["left_in_flight"] == 3
    assert c["open_age"] > 0
    assert c["in_flight_integral"] == pytest.approx(c["open_age"], abs=MILLISECOND_NS)


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


def test_a_pause_of_ours_is_recorded() -> None:
    with ScriptedServer(respond()) as server:
        load = Load(
            "constant-arrival-rate", rate=Fraction(100), duration_ns=400 * MILLISECOND_NS, users=5
        )
        rig = Rig(plan_for(server.url, load))
        rig.start()
        rig.turn()
        threading.Event().wait(0.12)  # nobody polls: as if the process had been stopped
        while rig.turn() != _core.DONE:
            pass
        rig.finish()
    at_ns, length_ns = rig.reader.stalls()[0]  # a busy machine may add others
    assert length_ns > 80 * MILLISECOND_NS
    assert 0 <= at_ns < 100 * MILLISECOND_NS
    assert balanced(rig)["iterations_completed"] == 40


def test_starts_missed_in_a_pause_of_ours_are_our_lag_not_the_targets_wait() -> None:
    """One idle user, a start every 5 ms, nobody polls for 120 ms: he works off what we missed."""
    with ScriptedServer(respond()) as server:
        load = Load(
            "constant-arrival-rate", rate=Fraction(200), duration_ns=200 * MILLISECOND_NS, users=1
        )
        rig = Rig(plan_for(server.url, load))
        rig.start()
        rig.turn()
        threading.Event().wait(0.12)
        while rig.turn() != _core.DONE:
            pass
        rig.finish()
    assert balanced(rig)["iterations_completed"] == 40
    samples = np.sort(rig.samples, order="scheduled_ns")
    before_ns = 1000 * (samples["wait_us"].astype(np.int64) + samples["connect_us"])
    lag_ns = samples["sent_ns"] - samples["scheduled_ns"] - before_ns
    missed = samples["scheduled_ns"] < 100 * MILLISECOND_NS
    assert np.median(lag_ns[missed]) > np.median(samples["wait_us"][missed]) * 1000
    assert lag_ns.max() > 80 * MILLISECOND_NS


def test_late_starts_end_with_the_graceful_stop_and_cost_no_cpu() -> None:
    """One user, a server that never answers: what is late after the end stays unstarted."""

    def silent(connection: socket.socket, number: int) -> None:
        while read_request(connection):
            pass

    load = Load(
        "constant-arrival-rate", rate=Fraction(200), duration_ns=100 * MILLISECOND_NS, users=1
    )
    with ScriptedServer(silent) as server:
        plan = plan_for(server.url, load, graceful_stop_ns=300 * MILLISECOND_NS)
        rig = Rig(plan).run()
    c = balanced(rig)
    assert (c["iterations_started"], c["iterations_unstarted"], c["left_in_flight"]) == (1, 19, 1)
    assert c["waits"] < 200  # a loop that spun would have waited many thousand times


def test_nobody_logs_in_after_the_end() -> None:
    """A failed log-in is tried again later, but not once the run has been stopped."""
    failure = OK.replace(b"200 OK", b"503 No")
    with ScriptedServer(respond(failure)) as server:
        load = Load("constant-vus", users=3, duration_ns=100 * SECOND_NS)
        rig = Rig(plan_for(server.url, load, (GET,), (Request("GET", "/login"),)))
        rig.start()
        while rig.counters["requests_started"] < 9 or rig.counters["in_flight"]:
            rig.turn()
        started = rig.counters["requests_started"]
        rig.engine.stop()
        while rig.turn() != _core.DONE:
            pass
        rig.finish()
    c = balanced(rig)
    assert c["requests_started"] == started
    assert c["requests_unstarted"] == 3
    assert c["vus_active"] == 0


def test_closed_engine_refuses() -> None:
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, iterations(1))).run()
    rig.close()
    rig.close()
    with pytest.raises(ValueError, match=r"^the engine is closed$"):
        rig.engine.poll()
