"""core/engine.pxi, loop.pxi: the engine in this process as its outer loop sees it."""

import socket

import pytest

from tests.core.balance import balanced
from tests.rig import Rig, iterations, plan_for
from tests.servers.scripted import OK, ScriptedServer, read_request, respond
from velroload import _core
from velroload.plan.model import Request, Think

MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000


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


def test_closed_engine_refuses() -> None:
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, iterations(1))).run()
    rig.close()
    rig.close()
    with pytest.raises(ValueError, match=r"^the engine is closed$"):
        rig.engine.poll()
