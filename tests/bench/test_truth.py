"""The ground-truth server: known delays, exact counts, a log that can be believed."""

import socket
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bench.truthserver import (
    HALF_CLOSED,
    RECORD,
    UNANSWERED,
    ZERO,
    Truth,
    answered,
    loopback_path_ns,
    programs,
    read_log,
    service_ns,
)
from tests.bench.conftest import Dial

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
MS = 1_000_000


def ask(connection: socket.socket, request: bytes = GET) -> bytes:
    """Send one request and read its one answer."""
    connection.sendall(request)
    return read_answer(connection)


def read_answer(connection: socket.socket) -> bytes:
    """Head and body of the next answer; b"" at the end of the stream."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            return b""
        head += byte
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    body = b""
    while len(body) < length:
        part = connection.recv(length - len(body))
        assert part, "the body was cut short"
        body += part
    return head + body


def until_closed(connection: socket.socket) -> bytes:
    """All that comes; a reset ends it too."""
    found = b""
    try:
        while part := connection.recv(65536):
            found += part
    except ConnectionResetError:
        pass
    return found


def test_it_answers_after_a_fixed_delay_and_logs_it(dial: Dial) -> None:
    with Truth("fixed:5") as truth:
        connection = dial(truth.port)
        for n in range(50):
            request = f"GET /?n={n} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
            assert ask(connection, request).startswith(b"HTTP/1.1 200 OK\r\n")
    log = truth.log
    assert truth.counts["requests"] == len(log) == 50
    assert truth.counts["connections"] == truth.counts["peak"] == 1
    assert log["id"].tolist() == list(range(50))
    assert (log["planned_ns"] == 5 * MS).all()
    assert (log["flags"] == 0).all(), "every request has its kernel stamp"
    assert (log["received_ns"] <= log["read_ns"]).all()
    assert (service_ns(log) >= 5 * MS).all(), "never early"
    assert service_ns(log).min() < 8 * MS, "the machine left it alone once in 50"


def test_the_id_may_stand_in_a_header(dial: Dial) -> None:
    with Truth() as truth:
        ask(dial(truth.port), b"GET /a HTTP/1.1\r\nx-id: 4711\r\n\r\n")
        ask(dial(truth.port), b"GET /a?m=1&n=12 HTTP/1.1\r\n\r\n")
        ask(dial(truth.port), b"GET /a?n= HTTP/1.1\r\n\r\n")
    assert truth.log["id"].tolist() == [4711, 12, -1]


def test_counts_are_exact_over_many_connections(dial: Dial) -> None:
    with Truth("bimodal:1:20:0.3") as truth:
        connections = [dial(truth.port) for _ in range(200)]
        for _ in range(3):
            for connection in connections:
                connection.sendall(GET)
            for connection in connections:
                assert len(read_answer(connection)) > 64
    assert truth.counts["requests"] == len(answered(truth.log)) == 600
    assert truth.counts["peak"] == 200
    assert np.bincount(truth.log["connection"]).tolist() == [3] * 200
    assert (service_ns(truth.log) >= truth.log["planned_ns"]).all()


def test_a_seed_repeats_the_delays(dial: Dial) -> None:
    planned = []
    for seed in (3, 3, 4):
        with Truth("lognormal:0.2:0.5", seed=seed) as truth:
            connection = dial(truth.port)
            for _ in range(200):
                ask(connection)
        planned.append(truth.log["planned_ns"])
    assert planned[0].tolist() == planned[1].tolist() != planned[2].tolist()
    assert 0.17 * MS < np.median(planned[0]) < 0.23 * MS
    assert 0.4 < np.log(planned[0]).std() < 0.6


def test_bimodal_draws_its_share(dial: Dial) -> None:
    with Truth("bimodal:0:1:0.25", seed=7) as truth:
        connection = dial(truth.port)
        for _ in range(400):
            ask(connection)
    assert sorted(set(truth.log["planned_ns"].tolist())) == [0, MS]
    assert 70 <= (truth.log["planned_ns"] == MS).sum() <= 130


def test_a_stall_holds_answers_back_in_the_middle_of_its_period(dial: Dial) -> None:
    with Truth("stall:1:20:60") as truth:
        connections = [dial(truth.port) for _ in range(4)]
        for _ in range(40):
            for connection in connections:
                ask(connection)
    log = truth.log[np.argsort(truth.log["received_ns"])]
    into = (log["received_ns"] - log["received_ns"][0]) % (60 * MS)
    stalled = (into >= 20 * MS) & (into < 40 * MS)
    expected = np.where(stalled, 40 * MS - into, 0) + MS
    assert log["planned_ns"].tolist() == expected.tolist()
    assert stalled.any()
    assert not stalled.all()


def test_the_zero_path_is_answered_at_once(dial: Dial) -> None:
    with Truth("fixed:30") as truth:
        connection = dial(truth.port)
        ask(connection, b"GET /zero HTTP/1.1\r\n\r\n")
        ask(connection)
    assert truth.log["flags"].tolist() == [ZERO, 0]
    assert truth.log["planned_ns"].tolist() == [0, 30 * MS]
    assert len(answered(truth.log)) == len(answered(truth.log, zero=True)) == 1
    assert truth.counts["zero"] == 1


def test_spinning_keeps_the_promise_too(dial: Dial) -> None:
    with Truth("fixed:2", spin_us=300) as truth:
        connection = dial(truth.port)
        for _ in range(20):
            ask(connection)
    assert (service_ns(truth.log) >= 2 * MS).all()


def test_requests_may_come_in_pieces_and_in_a_row(dial: Dial) -> None:
    post = b"POST /?n=1 HTTP/1.1\r\nContent-Length: 6000\r\n\r\n" + b"b" * 6000
    with Truth("fixed:1") as truth:
        slow = dial(truth.port)
        for byte in GET:
            slow.sendall(bytes([byte]))
        assert read_answer(slow)
        row = dial(truth.port)
        row.sendall(GET + post + GET)
        assert all(read_answer(row) for _ in range(3))
    assert truth.counts["requests"] == 4
    assert truth.counts["bad"] == 0
    assert sorted(truth.log["id"].tolist()) == [-1, -1, -1, 1]


def test_it_closes_when_the_client_wants_it(dial: Dial) -> None:
    with Truth() as truth:
        for request in (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"):
            connection = dial(truth.port)
            connection.sendall(request)
            assert b"Connection: close" in until_closed(connection)
        kept = dial(truth.port)
        kind = b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"
        assert b"Connection: keep-alive" in ask(kept, kind)
        assert ask(kept, kind)
        head = dial(truth.port)
        head.sendall(b"HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert until_closed(head).endswith(b"\r\n\r\n")


GARBAGE = {
    b"\0\0\0\0\r\n\r\n": b"400",
    b"get / HTTP/1.1\r\n\r\n": b"400",
    b"GET  / HTTP/1.1\r\n\r\n": b"400",
    b"GET x HTTP/1.1\r\n\r\n": b"400",
    b"GET / HTTP/2.0\r\n\r\n": b"505",
    b"GET /\r\n\r\n": b"400",
    b"\r\n\r\n": b"400",
    b"GET / HTTP/1.1\r\nno colon\r\n\r\n": b"400",
    b"GET / HTTP/1.1\r\n folded: x\r\n\r\n": b"400",
    b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n": b"400",
    b"GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n": b"400",
    b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n": b"501",
    b"GET / HTTP/1.1\r\nX: " + b"x" * 5000: b"431",
}


def test_garbage_is_refused_and_does_no_harm(dial: Dial) -> None:
    random = np.random.default_rng(1)
    with Truth() as truth:
        for garbage, status in GARBAGE.items():
            connection = dial(truth.port)
            connection.sendall(garbage)
            assert until_closed(connection).startswith(b"HTTP/1.1 " + status), garbage
        for size in random.integers(1, 3000, 50):
            connection = dial(truth.port)
            connection.sendall(random.bytes(int(size)))
            connection.shutdown(socket.SHUT_WR)
            until_closed(connection)
        assert ask(dial(truth.port))
    assert truth.counts["requests"] == truth.counts["logged"] == 1
    assert truth.counts["bad"] >= len(GARBAGE)


def test_a_client_that_goes_away_is_logged_as_unanswered(dial: Dial) -> None:
    with Truth("fixed:60000") as truth:
        gone, waiting = dial(truth.port), dial(truth.port)
        for connection in (gone, waiting):
            connection.sendall(GET)
        sync = b"GET /zero HTTP/1.1\r\n\r\n"
        ask(dial(truth.port), sync)  # answered after both were read
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone.close()
        ask(dial(truth.port), sync)
    assert truth.counts["requests"] == truth.counts["logged"] == 4
    assert truth.counts["unanswered"] == 2, "one reset, one still waiting at SIGTERM"
    lost = truth.log[(truth.log["flags"] & UNANSWERED) != 0]
    assert (lost["sent_ns"] == 0).all()
    assert len(answered(truth.log)) == 0


def test_a_half_closed_client_still_gets_its_answer(dial: Dial) -> None:
    with Truth("fixed:20") as truth:
        connection = dial(truth.port)
        connection.sendall(GET)
        connection.shutdown(socket.SHUT_WR)
        assert until_closed(connection).startswith(b"HTTP/1.1 200")
    assert truth.log["flags"].tolist() == [HALF_CLOSED]


def test_the_loopback_path_is_what_the_server_did_not_take() -> None:
    with Truth("fixed:10") as truth:
        client_ns = truth.path_ns(200, gap_us=100)
    path = loopback_path_ns(client_ns, truth.log)
    assert path["requests"] == 200
    assert 0 < path["min"] <= path["p50"] <= path["p99"]
    assert path["p50"] < 2 * MS
    with pytest.raises(ValueError, match=r"^calibration: 199 requests sent, 200 logged$"):
        loopback_path_ns(client_ns[1:], truth.log)


@pytest.mark.parametrize(
    "flags", [["--delay", "sometimes"], ["--delay", "fixed:1x"], ["--body", "-1"], ["--what"]]
)
def test_a_flag_that_is_not_understood_is_refused(flags: list[str]) -> None:
    done = subprocess.run([programs()[0], *flags], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "truth: a flag was not understood (--delay " in done.stderr


def test_a_log_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log"
    header = b"VLTRUTH1" + struct.pack("<IIQQ", RECORD.itemsize, 0, 1, 0)
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"log: not a log of the truth server$"):
        read_log(path)
    path.write_bytes(header)
    with pytest.raises(ValueError, match=r"log: 1 records of 48 bytes do not fit its size$"):
        read_log(path)
    path.write_bytes(b"VLTRUTH1" + struct.pack("<IIQQ", RECORD.itemsize, 0, 0, 3))
    with pytest.raises(ValueError, match=r"log: 3 requests did not fit into the log$"):
        read_log(path)


def test_a_full_log_is_said_and_not_read(dial: Dial) -> None:
    truth = Truth(extra=["--limit", "2"])
    connection = dial(truth.port)
    for _ in range(3):
        ask(connection)
    with pytest.raises(ValueError, match=r"truth.log: 1 requests did not fit into the log$"):
        truth.close()
    assert truth.counts["requests"] == 3
