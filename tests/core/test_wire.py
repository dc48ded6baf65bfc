"""Hostile and broken servers over real sockets: each fault, each refusal of the parser, each cut.

The engine must judge what came, close what is out of step, stay within its memory and go on.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.core.balance import balanced
from tests.reference.http1_inputs import CUT_OFF, REFUSED
from tests.rig import GET, Rig, iterations, plan_for
from tests.servers.faults import FAULTS, FaultServer, answer, endless, first, once, reset_peer
from tests.servers.scripted import OK
from velroload._core import BUILD
from velroload.plan.model import Capture, Request, Timeouts
from velroload.sample import ErrorKind, Flag, Kind

MS = 1_000_000
SECOND_NS = 1_000 * MS
SHORT = Timeouts(connect_ns=SECOND_NS, request_ns=100 * MS)
PATIENT = Timeouts(connect_ns=20 * SECOND_NS, request_ns=20 * SECOND_NS)
UPLOAD_BYTES = 10_000_000
UPLOAD = Request("POST", "/", body=b"x" * UPLOAD_BYTES)
NONE = ErrorKind.NONE


@dataclass(frozen=True)
class Case:
    """How two requests by one user end, and on how many connections (None: it depends)."""

    error: ErrorKind = NONE
    connections: int | None = 1
    request: Request = GET
    limit: Timeouts = PATIENT


CASES = {
    "latency": Case(),
    "bandwidth": Case(),
    "slow_close": Case(connections=2),
    "timeout": Case(ErrorKind.TIMEOUT, 2, limit=SHORT),
    "reset_peer": Case(ErrorKind.RESET, 2),
    "slicer": Case(),
    "limit_data": Case(ErrorKind.BODY_SHORT, 2),
    "half_close": Case(ErrorKind.CLOSED_EARLY, 2),
    "half_close_after_answer": Case(connections=2),
    "close_after_1": Case(connections=2),
    "close_early": Case(ErrorKind.CLOSED_EARLY, 2),
    "short_body": Case(ErrorKind.BODY_SHORT, 2),
    "short_chunk": Case(ErrorKind.BODY_SHORT, 2),
    "long_body": Case(connections=2),
    "two_answers": Case(connections=2),
    "body_on_204": Case(connections=2),
    "body_on_304": Case(connections=2),
    "endless_body": Case(ErrorKind.TIMEOUT, 2, limit=SHORT),
    "endless_chunks": Case(ErrorKind.TIMEOUT, 2, limit=SHORT),
    "endless_drip": Case(ErrorKind.TIMEOUT, 2, limit=SHORT),
    "gzip_bomb": Case(),
    "hints": Case(),
    "endless_hints": Case(ErrorKind.BAD_HEADER, 2),
    "large_head": Case(ErrorKind.HEADER_TOO_LARGE, 2),
    "endless_head": Case(ErrorKind.HEADER_TOO_LARGE, 2),
    "endless_trailer": Case(ErrorKind.HEADER_TOO_LARGE, 2),
    "garbage_banner": Case(ErrorKind.BAD_STATUS_LINE, 2),
    "continue_never": Case(request=UPLOAD),
    "early_answer": Case(ErrorKind.STATUS, 2, UPLOAD),
    "zero_window": Case(ErrorKind.TIMEOUT, 2, UPLOAD, SHORT),
}


def settled(rig: Rig, sent: int) -> None:
    """The books after the end, and no time that cannot be."""
    counters = balanced(rig)
    assert counters["requests_started"] == counters["requests_sent"] == sent
    assert counters["in_flight"] == counters["left_in_flight"] == counters["connections_open"] == 0
    samples = rig.samples[rig.samples["flags"] & 3 == Kind.REQUEST]
    assert len(samples) == sent
    spent = samples["end_ns"] - samples["sent_ns"]
    assert (samples["scheduled_ns"] >= 0).all()
    assert (samples["sent_ns"] >= samples["scheduled_ns"]).all()
    assert ((spent >= 0) & (spent < 30 * SECOND_NS)).all()
    assert (samples["first_byte_us"].astype(np.int64) * 1_000 <= spent).all()
    assert (samples["connect_us"] < 30_000_000).all()
    assert (samples["status"] <= 999).all()


def test_every_fault_has_its_case() -> None:
    assert list(CASES) == list(FAULTS)


@pytest.mark.parametrize("name", FAULTS)
def test_fault(name: str) -> None:
    case = CASES[name]
    with FaultServer(FAULTS[name]) as server:
        plan = plan_for(server.url, iterations(2), (case.request,), timeouts=case.limit)
        rig = Rig(plan).run()
        assert rig.samples["error"].tolist() == [case.error] * 2
        assert server.connections == case.connections
    settled(rig, 2)
    if name not in ("garbage_banner", "zero_window"):  # these read nothing
        assert server.requests == 2
    rig.close()


HARMFUL = [name for name, case in CASES.items() if case.error != NONE]
HARMFUL.remove("zero_window")  # a request that fits the window is answered


@pytest.mark.parametrize("name", HARMFUL)
def test_the_next_request_is_not_harmed(name: str) -> None:
    """The fault on the first connection only: what follows is answered, on another one."""
    case = CASES[name]
    with FaultServer(first(FAULTS[name])) as server:
        plan = plan_for(server.url, iterations(3), (case.request,), timeouts=case.limit)
        rig = Rig(plan).run()
        assert rig.samples["error"].tolist() == [case.error, 0, 0]
        assert rig.samples["bytes_in"].tolist()[1:] == [len(OK)] * 2
        assert server.connections == 2
    settled(rig, 3)
    rig.close()


@pytest.mark.parametrize(("data", "error"), REFUSED)
def test_what_the_parser_refuses_costs_the_connection(data: bytes, error: ErrorKind) -> None:
    """The server keeps it open and has more to say: nobody listens."""
    with FaultServer(first(answer(data, OK))) as server:
        rig = Rig(plan_for(server.url, iterations(2))).run()
        assert rig.samples["error"].tolist() == [error, 0]
        assert server.connections == 2
    settled(rig, 2)
    assert rig.counters["examples"] == 1
    rig.close()


@pytest.mark.parametrize("data", CUT_OFF)
def test_what_is_cut_off_is_short(data: bytes) -> None:
    with FaultServer(first(once(data))) as server:
        rig = Rig(plan_for(server.url, iterations(2))).run()
        kind = ErrorKind.BODY_SHORT if data else ErrorKind.CLOSED_EARLY
        assert rig.samples["error"].tolist() == [kind, 0]
        assert server.connections == 2
    settled(rig, 2)
    rig.close()


@pytest.mark.parametrize("after", range(len(OK)))
def test_reset_at_any_byte(after: int) -> None:
    with FaultServer(first(reset_peer(after))) as server:
        rig = Rig(plan_for(server.url, iterations(2))).run()
        assert rig.samples["error"].tolist() == [ErrorKind.RESET, 0]
        assert rig.samples["bytes_in"].tolist() == [after, len(OK)]
        assert server.requests == 2
    settled(rig, 2)
    rig.close()


def test_reset_after_the_last_byte_harms_nobody() -> None:
    with FaultServer(reset_peer(len(OK))) as server:
        rig = Rig(plan_for(server.url, iterations(3))).run()
        assert rig.samples["error"].tolist() == [NONE] * 3
        assert server.connections == 3
    settled(rig, 3)
    rig.close()


def test_slow_accept_is_the_targets_time() -> None:
    """The kernel connects and takes the request; the server accepts later."""
    with FaultServer(FAULTS["slicer"], accepting=False) as server:
        rig = Rig(plan_for(server.url, iterations(1), timeouts=PATIENT))
        rig.start()
        rig.until(lambda: rig.counters["requests_sent"] == 1)
        before = rig.turn(budget_ns=30 * MS, wait_ms=30)
        server.admit()
        rig.turn_to_end()
        assert before == 0
    settled(rig, 1)
    assert rig.samples["error"].tolist() == [NONE]
    rig.close()


def test_an_early_answer_stops_the_upload() -> None:
    with FaultServer(FAULTS["early_answer"]) as server:
        rig = Rig(plan_for(server.url, iterations(1), (UPLOAD,), timeouts=PATIENT)).run()
    settled(rig, 1)
    assert rig.samples["status"].tolist() == [413]
    assert rig.counters["bytes_out"] < UPLOAD_BYTES
    rig.close()


def test_a_zero_window_times_out_with_the_rest_unsent() -> None:
    with FaultServer(FAULTS["zero_window"]) as server:
        rig = Rig(plan_for(server.url, iterations(1), (UPLOAD,), timeouts=SHORT)).run()
    settled(rig, 1)
    assert rig.samples["flags"].tolist()[0] & Flag.CENSORED
    assert 0 < rig.counters["bytes_out"] < UPLOAD_BYTES
    rig.close()


ROOM = (400 if BUILD["profile"] == "sanitize" else 16) << 20
"""The server's threads are in it too; the sanitizer keeps freed memory for a while."""


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


@pytest.mark.parametrize("name", ["large_head", "endless_head", "endless_body", "endless_chunks"])
def test_memory_stays_where_it_was(name: str) -> None:
    """Twenty connections at once, each with much more than we may keep."""
    with FaultServer(FAULTS[name]) as server:
        plan = plan_for(server.url, iterations(40, users=20), timeouts=SHORT)
        rig = Rig(plan)
        rig.start()
        rig.until(lambda: rig.counters["requests_sent"] >= 20)
        before = resident_bytes()
        rig.turn_to_end()
        assert resident_bytes() - before < ROOM
        assert server.sent_bytes > 20 << 20 or name.endswith("_head")  # we close, soon or late
    settled(rig, 40)
    rig.close()


def test_bodies_that_are_read_have_one_limit_for_all() -> None:
    """Eight users read bodies of 300 KB at once; together they may take a megabyte and a half."""
    body = b'{"t": "' + b"x" * 300_000
    start = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + body
    reading = Request("GET", "/", captures=(Capture("t", "$.t"),))
    with FaultServer(endless(start, b" ", 0.01)) as server:
        plan = plan_for(server.url, iterations(8, users=8), (reading,), timeouts=SHORT)
        rig = Rig(plan, {"bodies_limit": 1_500_000}).run()
    settled(rig, 8)
    errors = rig.samples["error"].tolist()
    assert set(errors) == {ErrorKind.BODY_TOO_LARGE, ErrorKind.TIMEOUT}
    assert errors.count(ErrorKind.TIMEOUT) <= 4
    rig.close()
