"""Every ErrorKind, provoked for real by one test of its own, the ledger asserted.

PROVOKED names for each kind the file and the test; tests that stand elsewhere are among them.
"""

import errno
import os
import resource
import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.core.balance import balanced
from tests.rig import GET, Rig, iterations, plan_for
from tests.servers.faults import FAULTS, FaultServer, Wire, answer
from tests.servers.refusing import outcome
from tests.servers.scripted import OK, ScriptedServer, respond
from velroload import _core
from velroload.engine.examples import EXAMPLE
from velroload.engine.worker import switch_on_stamps
from velroload.plan.model import Capture, Plan, Request, Think, Timeouts
from velroload.sample import FIRST_JUDGED, ErrorKind, Flag, Kind, fails_before_sending

MS = 1_000_000
SECOND_NS = 1_000 * MS
ROOT = Path(__file__).parents[2]
HERE = "tests/core/test_error_kinds.py"
POST = Request("POST", "/", body=b"x")
TLS = "tests/core/test_tls.py"
REDIRECT = "tests/core/test_redirect.py"
PROVOKED = {
    ErrorKind.TLS_HANDSHAKE: (TLS, "test_not_tls_at_all"),
    ErrorKind.TLS_CERTIFICATE: (
        TLS,
        "test_a_bad_certificate_is_refused_and_accepted_when_told_so",
    ),
    ErrorKind.TLS_ALERT: (TLS, "test_versions_that_do_not_meet"),
    ErrorKind.TLS_TIMEOUT: (TLS, "test_silence_in_the_handshake"),
    ErrorKind.TLS_BROKEN: (TLS, "test_a_record_that_was_tampered_with"),
    ErrorKind.CONNECT_REFUSED: (HERE, "test_connect_refused"),
    ErrorKind.CONNECT_TIMEOUT: (HERE, "test_connect_timeout"),
    ErrorKind.CONNECT_UNREACHABLE: (HERE, "test_connect_unreachable"),
    ErrorKind.CONNECT_RESET: (HERE, "test_connect_reset"),
    ErrorKind.CONNECT_FAILED: (HERE, "test_connect_failed"),
    ErrorKind.RESET: (HERE, "test_reset"),
    ErrorKind.CLOSED_EARLY: (HERE, "test_closed_early"),
    ErrorKind.BROKEN_PIPE: (HERE, "test_broken_pipe"),
    ErrorKind.TIMEOUT: (HERE, "test_timeout"),
    ErrorKind.TRANSFER_FAILED: (HERE, "test_transfer_failed"),
    ErrorKind.BAD_STATUS_LINE: (HERE, "test_bad_status_line"),
    ErrorKind.BAD_HEADER: (HERE, "test_bad_header"),
    ErrorKind.HEADER_TOO_LARGE: (HERE, "test_header_too_large"),
    ErrorKind.BAD_LENGTH: (HERE, "test_bad_length"),
    ErrorKind.BAD_CHUNK: (HERE, "test_bad_chunk"),
    ErrorKind.BODY_SHORT: (HERE, "test_body_short"),
    ErrorKind.EXTRA_BYTES: (HERE, "test_extra_bytes"),
    ErrorKind.BODY_TOO_LARGE: (HERE, "test_body_too_large"),
    ErrorKind.NO_DESCRIPTOR: (HERE, "test_no_descriptor"),
    ErrorKind.NO_PORT: (HERE, "test_no_port"),
    ErrorKind.NO_MEMORY: (HERE, "test_no_memory"),
    ErrorKind.LOCAL_FAILED: (HERE, "test_local_failed"),
    ErrorKind.STATUS: (HERE, "test_status"),
    ErrorKind.CAPTURE_FAILED: (HERE, "test_capture_failed"),
    ErrorKind.CAPTURE_TOO_LONG: (HERE, "test_capture_too_long"),
    ErrorKind.TOO_MANY_REDIRECTS: (REDIRECT, "test_the_limit_is_an_error_of_its_own"),
    ErrorKind.BAD_REDIRECT: (REDIRECT, "test_hostile_locations"),
    ErrorKind.REDIRECT_REFUSED: (REDIRECT, "test_other_hosts_are_refused_and_named"),
}
NOT_YET = {
    ErrorKind.DNS: "names are resolved before the start",
    ErrorKind.CHECK_FAILED: "plans have no checks",
}
"""Kinds that nothing produces yet. Whoever makes one moves it to PROVOKED."""


def test_every_kind_has_its_test() -> None:
    assert set(PROVOKED) | set(NOT_YET) | {ErrorKind.NONE} == set(ErrorKind)
    assert not set(PROVOKED) & set(NOT_YET)
    assert len(set(PROVOKED.values())) == len(PROVOKED)
    for kind, (file, name) in PROVOKED.items():
        _, found, test = (ROOT / file).read_text().partition(f"\ndef {name}(")
        assert found, f"{file} has no {name}"
        assert f"ErrorKind.{kind.name}" in test.partition("\ndef ")[0], f"{name}: not its kind"


def judge(rig: Rig, kind: ErrorKind, failed: int, *, ok: int = 0) -> dict[str, int]:
    """So many requests ended as `kind`, the others well, and the books say the same."""
    counters = balanced(rig)
    samples = rig.samples[rig.samples["flags"] & 3 == Kind.REQUEST]
    assert sorted(samples["error"].tolist()) == [0] * ok + [kind] * failed
    assert counters["requests_started"] == failed + ok
    assert counters["requests_sent"] == ok + (0 if fails_before_sending(kind) else failed)
    assert counters["in_flight"] == counters["left_in_flight"] == counters["connections_open"] == 0
    complete = (samples["error"] == 0) | (kind >= FIRST_JUDGED)
    assert ((samples["status"] > 0) == complete).all()
    examples = np.frombuffer(rig.reader.examples(), EXAMPLE)
    assert examples["error"].tolist() == [kind] * min(failed, 3)
    rig.close()
    return counters


def run_against(server: ScriptedServer, requests: int = 3, *flow: Request, **fields: Any) -> Rig:
    return Rig(plan_for(server.url, iterations(requests), flow or (GET,), **fields)).run()


def against(address: tuple[str, int], plan: Plan) -> Rig:
    """A rig whose only address is this one, whatever the plan's target says."""
    return Rig(plan, addresses=(address,))


def test_connect_refused() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, never listening
        plan = plan_for(f"http://127.0.0.1:{unused.getsockname()[1]}", iterations(3))
        judge(Rig(plan).run(), ErrorKind.CONNECT_REFUSED, 3)


def test_connect_timeout() -> None:
    """A backlog that is full drops the SYN."""
    with FaultServer(FAULTS["latency"], backlog=0, accepting=False) as server:
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", server.port))
        timeouts = Timeouts(connect_ns=60 * MS, request_ns=SECOND_NS)
        judge(run_against(server, 2, timeouts=timeouts), ErrorKind.CONNECT_TIMEOUT, 2)
        for filler in fillers:
            filler.close()


def test_connect_unreachable() -> None:
    """TCP to the broadcast address of the loopback network: the kernel has no route for it."""
    rig = against(("127.255.255.255", 9), plan_for("http://127.0.0.1:9", iterations(3)))
    judge(rig.run(), ErrorKind.CONNECT_UNREACHABLE, 3)


def test_connect_reset() -> None:
    """Accepted and reset before we have looked: another user's parked step makes us look away."""
    done = threading.Event()

    def script(wire: Wire) -> None:
        if wire.number:
            FAULTS["slicer"](wire)
        else:
            wire.reset()
            wire.connection.close()
            done.set()

    with FaultServer(script, accepting=False) as server:
        plan = plan_for(server.url, iterations(1))
        (scenario,) = plan.scenarios
        parking = replace(scenario, name="parking", flow=(Think("constant", (1,)), GET))
        plan = replace(plan, scenarios=(scenario, parking))
        rig = Rig(plan)
        steps = bytearray(rig.job.arrays["steps"])
        rig.close()
        steps[64] = 2  # the think step becomes one that Python completes
        rig = Rig(plan, steps=bytes(steps))
        rig.start()
        while rig.turn() != _core.PARKED:
            pass
        assert (rig.counters["connections_opened"], rig.counters["requests_sent"]) == (1, 0)
        server.admit()
        assert done.wait(10)
        for user, _step in rig.engine.parked():
            rig.engine.resume(user)
        judge(rig.turn_to_end(), ErrorKind.CONNECT_RESET, 1, ok=1)


def test_connect_failed() -> None:
    """An errno that the table does not know: ENOENT of a socket file that is not there."""
    plan = plan_for("http://127.0.0.1:9", iterations(3))
    judge(against(("unix:/nowhere", 0), plan).run(), ErrorKind.CONNECT_FAILED, 3)


def test_reset() -> None:
    with FaultServer(FAULTS["reset_peer"]) as server:
        judge(run_against(server), ErrorKind.RESET, 3)
        assert (server.requests, sum(wire.resets for wire in server.wires)) == (3, 3)


def test_closed_early() -> None:
    with FaultServer(FAULTS["close_early"]) as server:
        counters = judge(run_against(server), ErrorKind.CLOSED_EARLY, 3)
        assert counters["connections_closed_by_server"] == server.requests == 3


def test_broken_pipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A reused connection whose other end went away while we were not looking."""
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("server")
        listener.listen()
        flow = (POST, Think("constant", (30 * MS,)), POST)
        rig = against(("unix:server", 0), plan_for("http://127.0.0.1:9", iterations(1), flow))
        rig.start()
        rig.until(lambda: rig.counters["requests_sent"] == 1)
        connection, _ = listener.accept()
        connection.recv(65536)
        connection.sendall(OK)
        rig.until(lambda: len(rig.samples) == 1)
        connection.close()
        threading.Event().wait(0.04)  # the think time ends while nobody polls
        judge(rig.turn_to_end(), ErrorKind.BROKEN_PIPE, 1, ok=1)


def test_timeout() -> None:
    timeouts = Timeouts(connect_ns=SECOND_NS, request_ns=50 * MS)
    with FaultServer(FAULTS["timeout"]) as server:
        rig = run_against(server, timeouts=timeouts)
        samples = rig.samples
        judge(rig, ErrorKind.TIMEOUT, 3)
        assert server.requests == 3
    assert (samples["flags"] & Flag.CENSORED != 0).all()
    assert (samples["end_ns"] - samples["sent_ns"] >= 50 * MS).all()


def test_transfer_failed() -> None:
    with ScriptedServer(respond()) as server:
        found = outcome("receive", errno.ENETDOWN, server.url)
        assert found["errors"] == [ErrorKind.TRANSFER_FAILED] * 3
        assert found["errnos"] == [errno.ENETDOWN] * 3
        assert found["counters"]["requests_sent"] == found["counters"]["requests_started"] == 3


def test_bad_status_line() -> None:
    with FaultServer(FAULTS["garbage_banner"]) as server:
        judge(run_against(server), ErrorKind.BAD_STATUS_LINE, 3)
        assert server.connections == 3


def test_bad_header() -> None:
    with FaultServer(FAULTS["endless_hints"]) as server:
        judge(run_against(server), ErrorKind.BAD_HEADER, 3)


def test_header_too_large() -> None:
    with FaultServer(FAULTS["large_head"]) as server:
        judge(run_against(server), ErrorKind.HEADER_TOO_LARGE, 3)


def test_bad_length() -> None:
    twice = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"
    with FaultServer(answer(twice)) as server:
        judge(run_against(server), ErrorKind.BAD_LENGTH, 3)


def test_bad_chunk() -> None:
    odd = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n"
    with FaultServer(answer(odd)) as server:
        judge(run_against(server), ErrorKind.BAD_CHUNK, 3)


def test_body_short() -> None:
    with FaultServer(FAULTS["short_body"]) as server:
        judge(run_against(server), ErrorKind.BODY_SHORT, 3)


def test_extra_bytes() -> None:
    """A second answer comes while the user thinks and we do not look: it cannot be the answer to
    what is sent afterwards. A request that may be repeated is; this one may not."""
    more = threading.Event()
    sent = threading.Event()
    while (stamped := switch_on_stamps()) is None:
        pass  # the kernel is slow to begin

    def script(wire: Wire) -> None:
        wire.request()
        wire.send(OK)
        assert more.wait(10)
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        sent.set()
        wire.until_closed()

    with FaultServer(script) as server:
        flow = (POST, Think("constant", (20 * MS,)), POST)
        rig = Rig(plan_for(server.url, iterations(1), flow))
        rig.start()
        rig.until(lambda: len(rig.samples) == 1)
        more.set()
        assert sent.wait(10)
        threading.Event().wait(0.03)
        judge(rig.turn_to_end(), ErrorKind.EXTRA_BYTES, 1, ok=1)
        assert server.connections == 1
    for end in stamped:
        end.close()


def test_body_too_large() -> None:
    """Only a step that reads the body cares, and it stops reading at its limit."""
    body = b'{"t": "' + b"x" * 300_000 + b'"}'
    good = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    with FaultServer(answer(good + body)) as server:
        reading = replace(GET, captures=(Capture("t", "$.t"),))
        plan = plan_for(server.url, iterations(3), (reading,))
        judge(Rig(plan, {"body_limit": 100_000}).run(), ErrorKind.BODY_TOO_LARGE, 3)
        assert server.connections == 3
        assert (Rig(plan_for(server.url, iterations(3))).run().samples["error"] == 0).all()


def test_no_descriptor() -> None:
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, iterations(3)))
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        try:
            rig.start()
            while rig.engine.poll() != _core.DONE:
                pass  # without select's own descriptors
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        judge(rig.finish(), ErrorKind.NO_DESCRIPTOR, 3)
        assert server.connections == 0


def test_no_port() -> None:
    """Two users and a range of one port (Linux 6.3)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    hold = FAULTS["timeout"]
    timeouts = Timeouts(connect_ns=SECOND_NS, request_ns=SECOND_NS)
    with FaultServer(hold) as server:
        plan = plan_for(
            server.url, iterations(2, users=2), timeouts=timeouts, graceful_stop_ns=SECOND_NS
        )
        rig = Rig(plan, {"port_range": port | port << 16})
        rig.start()
        rig.until(lambda: len(rig.samples) == 1)
        rig.engine.stop(True)
        rig.turn_to_end()
        counters = balanced(rig)
        assert rig.samples["error"].tolist() == [ErrorKind.NO_PORT]
        assert (counters["requests_started"], counters["requests_sent"]) == (2, 1)
        assert counters["left_in_flight"] == 1
        rig.close()


def test_no_memory() -> None:
    with ScriptedServer(respond()) as server:
        found = outcome("socket", errno.ENOBUFS, server.url)
        assert found["errors"] == [ErrorKind.NO_MEMORY] * 3
        assert found["errnos"] == [errno.ENOBUFS] * 3
        assert found["counters"]["requests_started"] == 3
        assert found["counters"]["requests_sent"] == server.connections == 0


def test_local_failed() -> None:
    with ScriptedServer(respond()) as server:
        found = outcome("connect", errno.EPERM, server.url)
        assert found["errors"] == [ErrorKind.LOCAL_FAILED] * 3
        assert found["errnos"] == [errno.EPERM] * 3
        assert found["counters"]["requests_started"] == 3
        assert found["counters"]["requests_sent"] == server.connections == 0


def test_status() -> None:
    with FaultServer(answer(OK.replace(b"200 OK", b"503 No"))) as server:
        judge(run_against(server), ErrorKind.STATUS, 3)
        assert server.connections == 1


def test_capture_failed() -> None:
    with FaultServer(answer(OK)) as server:
        reading = replace(GET, captures=(Capture("t", "$.t"),))
        judge(run_against(server, 3, reading), ErrorKind.CAPTURE_FAILED, 3)


def test_capture_too_long() -> None:
    body = b'{"t": "' + b"x" * 2_000 + b'"}'
    good = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with FaultServer(answer(good)) as server:
        reading = replace(GET, captures=(Capture("t", "$.t"),))
        judge(run_against(server, 3, reading), ErrorKind.CAPTURE_TOO_LONG, 3)
