"""core/fault.pxi: the examples that a worker writes down, field by field."""

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.rig import GET, Rig, iterations, plan_for
from tests.servers.faults import CHUNKED, FAULTS, FaultServer, Wire, answer, of_length
from tests.servers.scripted import OK
from tests.servers.tls import Authority, TlsServer
from velroload import _core
from velroload.engine.examples import (
    EXAMPLE,
    HAS_HEAD,
    HAS_LENGTH,
    IS_REASON,
    NEW_CONNECTION,
    Examples,
)
from velroload.journal import Rows
from velroload.plan.mask import Mask
from velroload.plan.model import Request, Timeouts
from velroload.sample import FIRST_JUDGED, ErrorKind, fails_before_sending

SHORT = Timeouts(connect_ns=10**9, request_ns=10**8)
UPLOAD = Request("POST", "/", body=b"x" * 10_000_000)


def examples_of(rig: Rig) -> Rows:
    return np.frombuffer(rig.reader.examples(), EXAMPLE)


def one(fault: str, *flow: Request) -> Any:
    """The example of one request that meets this fault."""
    with FaultServer(FAULTS[fault]) as server:
        rig = Rig(plan_for(server.url, iterations(1), flow or (GET,), timeouts=SHORT)).run()
    (row,) = examples_of(rig)
    rig.close()
    return row


def data_of(row: Rows) -> bytes:
    return bytes(row["data"].tobytes()[: row["size"]])


def test_layout() -> None:
    assert EXAMPLE.itemsize == _core.EXAMPLE_BYTES == 320


@pytest.mark.parametrize("connecting", [True, False])
def test_errno_to_kind(connecting: bool) -> None:
    """The one function, over every errno there is."""
    place = 0 if connecting else 1
    default = (ErrorKind.CONNECT_FAILED, ErrorKind.TRANSFER_FAILED)
    for number in (0, *errno.errorcode, 9_999):
        kind = _core.ERRNO_KINDS.get(number, default)[place]
        assert _core.error_kind(number, connecting) == kind
        assert fails_before_sending(kind) == connecting
        assert kind < FIRST_JUDGED
    assert _core.error_kind(errno.ECONNRESET, connecting) == (
        ErrorKind.CONNECT_RESET if connecting else ErrorKind.RESET
    )


def test_a_run_without_failures_has_none() -> None:
    with FaultServer(answer(OK)) as server:
        rig = Rig(plan_for(server.url, iterations(5))).run()
    assert rig.reader.examples() == b""
    assert rig.counters["examples"] == 0


def test_a_short_body() -> None:
    row = one("short_body")
    assert (row["error"], row["status"]) == (ErrorKind.BODY_SHORT, 200)
    assert row["flags"] == HAS_LENGTH | HAS_HEAD | NEW_CONNECTION
    assert (row["body"], row["length"]) == (4, 100)
    assert row["received"] == len(of_length(100, b"part"))
    assert (row["number"], row["size"], row["endpoint"], row["user"]) == (0, 0, 0, 0)
    assert row["written"] == row["rendered"] > 0
    assert row["at_ns"] > 0


def test_an_errno_and_a_piece_of_a_line() -> None:
    row = one("reset_peer")
    assert (row["number"], row["received"]) == (errno.ECONNRESET, 0)
    row = one("limit_data")
    assert data_of(row) == OK[17:20]  # the line that the parser still waits for
    assert (row["number"], row["data_at"], row["status"]) == (0, 17, 200)


def test_nothing_of_another_answer_is_shown() -> None:
    def fault(wire: Wire) -> None:
        wire.request()
        wire.send(of_length(20_000, b"x" * 20_000))
        wire.request()
        wire.until_closed()

    with FaultServer(fault) as server:
        flow = (Request("POST", "/"), Request("POST", "/"))
        rig = Rig(plan_for(server.url, iterations(1), flow, timeouts=SHORT)).run()
    (row,) = examples_of(rig)
    assert (row["error"], row["received"], row["size"]) == (ErrorKind.TIMEOUT, 0, 0)


def test_an_upload_that_was_not_taken() -> None:
    row = one("zero_window", UPLOAD)
    assert row["error"] == ErrorKind.TIMEOUT
    assert 0 < row["written"] < row["rendered"]


@pytest.mark.parametrize(
    ("sent", "shown_from"),
    [
        (b"garbage", 0),
        (OK.replace(b"200 OK", b"503 \x1b[31mNo"), 0),
        (OK.replace(b"200", b"500") + b"x" * 2_000, 0),
    ],
)
def test_the_first_bytes_of_a_bad_answer(sent: bytes, shown_from: int) -> None:
    with FaultServer(answer(sent)) as server:
        rig = Rig(plan_for(server.url, iterations(1))).run()
    (row,) = examples_of(rig)
    assert data_of(row) == sent[:256]
    assert row["data_at"] == shown_from


def test_the_bytes_around_the_one_that_was_refused() -> None:
    good = CHUNKED + b"3e8\r\n" + b"x" * 1_000 + b"\r\n"
    with FaultServer(answer(good + b"what?\r\n" + b"y" * 500)) as server:
        rig = Rig(plan_for(server.url, iterations(1))).run()
    (row,) = examples_of(rig)
    assert row["error"] == ErrorKind.BAD_CHUNK
    at = len(good) - 192
    assert row["data_at"] == at
    assert data_of(row) == (good + b"what?\r\n" + b"y" * 500)[at : at + 256]


def test_three_of_each_kind_at_each_endpoint() -> None:
    def fault(wire: Wire) -> None:
        while request := wire.request():
            if b"/a" in request:
                wire.send(OK.replace(b"200", b"500"))
            else:
                return

    with FaultServer(fault) as server:
        flow = (Request("GET", "/a"), Request("POST", "/b"))
        rig = Rig(plan_for(server.url, iterations(9), flow)).run()
    rows = examples_of(rig)
    keys = list(zip(rows["endpoint"].tolist(), rows["error"].tolist(), strict=True))
    assert sorted(keys) == [(0, ErrorKind.STATUS)] * 3 + [(1, ErrorKind.CLOSED_EARLY)] * 3
    assert rig.reader.examples(4) == rows[4:].tobytes()
    assert rig.reader.examples(6) == rig.reader.examples(2**63) == b""


def test_there_is_room_for_192() -> None:
    flow = tuple(Request("GET", f"/{n}") for n in range(70))
    with FaultServer(answer(OK.replace(b"200", b"404"))) as server:
        rig = Rig(plan_for(server.url, iterations(4), flow)).run()
    rows = examples_of(rig)
    assert len(rows) == rig.counters["examples"] == 192
    assert (rig.samples["error"] == ErrorKind.STATUS).sum() == 280


def test_a_retry_leaves_no_trace_of_the_first_try() -> None:
    def fault(wire: Wire) -> None:
        wire.request()
        wire.send(OK)
        wire.request()
        if wire.number:
            wire.send(b"bad")
            wire.until_closed()

    with FaultServer(fault) as server:
        rig = Rig(plan_for(server.url, iterations(3))).run()
    (row,) = examples_of(rig)
    assert rig.counters["retries"] == 1
    assert (row["error"], data_of(row), row["received"]) == (ErrorKind.BAD_STATUS_LINE, b"bad", 3)


def test_a_tls_failure_says_why(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with TlsServer(authority.server(expired=True)) as server:
        rig = Rig(plan_for(server.url, iterations(1), tls=authority.trusted)).run()
    (row,) = examples_of(rig)
    assert (row["error"], row["flags"] & IS_REASON) == (ErrorKind.TLS_CERTIFICATE, IS_REASON)
    assert data_of(row) == b"certificate has expired"
    (event,) = Examples([rig.reader], 1, Mask(()).excerpt).fresh()
    assert (event["reason"], event["errno"]) == ("certificate has expired", None)
    assert "text" not in event


def test_reading_more_than_there_is() -> None:
    """A worker whose memory is damaged cannot make us read outside of it."""
    buffer = bytearray(_core.segment_bytes(8))
    _core.format_segment(buffer, 8)
    reader, writer = _core.RingReader(buffer), _core.RingWriter(buffer)
    writer.count("examples", 2**64 - 1)
    assert len(reader.examples()) == 192 * 320
    assert reader.examples(192) == b""
