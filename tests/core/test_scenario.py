"""core/scenario.pxi: starts against the clock, and the account of what is not done."""

import socket
import time
from fractions import Fraction

import numpy as np
import pytest

from tests.core.balance import balanced
from tests.rig import GET, Rig, plan_for
from tests.servers.scripted import OK, OnCommand, ScriptedServer, read_request, respond
from velroload.plan.model import Load, Request, Timeouts

MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000


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


def test_late_starts_can_be_dropped_and_are_counted() -> None:
    load = Load(
        "constant-arrival-rate",
        rate=Fraction(200),
        duration_ns=100 * MILLISECOND_NS,
        max_vus=1,
        late="drop",
    )
    with ScriptedServer(command := OnCommand()) as server, command:
        rig = Rig(plan_for(server.url, load))
        rig.start()
        rig.turn_until("iterations_dropped", 19)
        command.answer()
        rig.turn_to_end()
    c = balanced(rig)
    assert c["iterations_started"] == c["iterations_completed"] == 1
    assert c["requests_dropped"] == c["iterations_dropped"] == 19


def test_late_starts_end_with_the_graceful_stop_and_cost_no_cpu() -> None:
    """One user, a server that never answers: what is late after the end stays unstarted."""

    def silent(connection: socket.socket, number: int) -> None:
        while read_request(connection):
            pass

    load = Load(
        "constant-arrival-rate", rate=Fraction(200), duration_ns=100 * MILLISECOND_NS, users=1
    )
    with ScriptedServer(silent) as server:
        never = Timeouts(connect_ns=SECOND_NS, request_ns=60 * SECOND_NS)
        plan = plan_for(server.url, load, graceful_stop_ns=300 * MILLISECOND_NS, timeouts=never)
        rig = Rig(plan).run()
    c = balanced(rig)
    assert (c["iterations_started"], c["iterations_unstarted"], c["left_in_flight"]) == (1, 19, 1)
    assert c["waits"] < 200  # a loop that spun would have waited many thousand times


def test_stop_leaves_the_rest_unstarted() -> None:
    load = Load("constant-arrival-rate", rate=Fraction(100), duration_ns=100 * SECOND_NS, users=5)
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, load))
        rig.start()
        rig.turn_until("iterations_started", 5)
        rig.engine.stop()
        rig.turn_to_end()
    c = balanced(rig)
    assert c["iterations_started"] + c["iterations_unstarted"] == 10_000
    assert c["iterations_started"] == c["iterations_completed"]


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("users", [3, None])
def test_what_has_come_due_before_a_stop_is_heard_is_not_begun(
    at_once: bool, users: int | None
) -> None:
    """A worker that hears "stop" and "go" in one breath, late."""
    load = Load(
        "constant-arrival-rate",
        rate=Fraction(100),
        duration_ns=SECOND_NS,
        users=users,
        max_vus=None if users else 3,
    )
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, load))
        rig.engine.stop(at_once)
        rig.start(time.monotonic_ns() - 50 * MILLISECOND_NS)
        rig.turn_to_end()
        assert server.connections == 0
    c = balanced(rig)
    assert (c["requests_started"], c["vus_started"], c["iterations_unstarted"]) == (0, 0, 100)


def test_end_at_once_leaves_requests_in_flight() -> None:
    def silent(connection: socket.socket, number: int) -> None:
        while read_request(connection):
            pass

    with ScriptedServer(silent) as server:
        rig = Rig(plan_for(server.url, Load("constant-vus", users=3, duration_ns=SECOND_NS)))
        rig.start()
        rig.turn_until("requests_sent", 3)
        rig.engine.stop(True)
        rig.turn_to_end()
    c = balanced(rig)
    assert c["left_in_flight"] == 3
    assert c["open_age"] > 0
    assert c["in_flight_integral"] == c["open_age"]


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
        rig.turn_to_end()
    c = balanced(rig)
    assert c["requests_started"] == started
    assert c["requests_unstarted"] == 3
    assert c["vus_active"] == 0
