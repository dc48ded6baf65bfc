"""TLS through the engine, against Python's own ssl as the server; the ledger in every test."""

import socket
import ssl
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.core.balance import balanced
from tests.rig import SECOND_NS, Rig, iterations, plan_for
from tests.servers.scripted import OK, read_request
from tests.servers.tls import Authority, TlsServer
from velroload.plan.model import Request, Timeouts
from velroload.plan.tls import Tls
from velroload.sample import ErrorKind, Flag

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
CLOSE = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(Path(tmp_path_factory.mktemp("tls")))


def failed(rig: Rig, kind: ErrorKind, n: int = 1) -> None:
    """All n requests failed in this way, and none of them was sent."""
    c = balanced(rig)
    assert list(rig.samples["error"]) == [kind] * n
    assert (c["requests_started"], c["requests_sent"]) == (n, 0)
    assert c["connections_open"] == 0


@pytest.mark.parametrize("version", [V12, V13])
def test_many_requests_on_one_connection(authority: Authority, version: ssl.TLSVersion) -> None:
    server_side = authority.server(minimum=version, maximum=version)
    with TlsServer(server_side) as server:
        rig = Rig(plan_for(server.url, iterations(50), tls=authority.trusted)).run()
        assert server.connections == 1
    c = balanced(rig)
    assert c["requests_started"] == c["requests_sent"] == c["iterations_completed"] == 50
    assert c["tls_handshakes"] == 1
    samples = rig.samples
    assert (samples["status"] == 200).all()
    assert (samples["error"] == 0).all()
    assert (samples["bytes_in"] == len(OK)).all()
    assert not (samples["flags"] & Flag.USER_CLOCK).any()
    new = (samples["flags"] & Flag.NEW_CONNECTION) != 0
    assert new.sum() == 1
    assert (samples["tls_us"][new] > 0).all()
    assert (samples["tls_us"][~new] == 0).all()
    before_ns = samples["sent_ns"] - samples["scheduled_ns"]
    spent_us = samples["connect_us"].astype(np.int64) + samples["tls_us"]
    assert (spent_us[new] * 1000 <= before_ns[new]).all()


def test_a_response_of_many_records_and_a_request_of_many(authority: Authority) -> None:
    """Larger than every buffer on the way, in both directions."""
    size = 700_000
    body = bytes(range(256)) * (size // 256)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    seen: list[bytes] = []

    def script(connection: socket.socket, number: int) -> None:
        while request := read_request(connection):
            seen.append(request.partition(b"\r\n\r\n")[2])
            connection.sendall(answer)

    flow = (Request("POST", "/", body=body),)
    with TlsServer(authority.server(), script) as server:
        plan = plan_for(server.url, iterations(6, users=2), flow, tls=authority.trusted)
        rig = Rig(plan, {"max_events": 1}).run(budget_ns=0)
    c = balanced(rig)
    assert c["requests_sent"] == len(rig.samples) == 6
    assert (rig.samples["error"] == 0).all()
    assert (rig.samples["bytes_in"] == len(answer)).all()
    assert seen == [body] * 6


def test_the_name_is_sent_and_checked(authority: Authority) -> None:
    tls = replace(authority.trusted, server_name="service.test")
    with TlsServer(authority.server("service.test")) as server:
        rig = Rig(plan_for(server.url, iterations(1), tls=tls)).run()
        assert server.names == ["service.test"]
    assert list(rig.samples["error"]) == [ErrorKind.NONE]


@pytest.mark.parametrize("how", ["expired", "wrong host", "unknown issuer"])
def test_a_bad_certificate_is_refused_and_accepted_when_told_so(
    authority: Authority, how: str
) -> None:
    server_side = authority.server(
        "other.test" if how == "wrong host" else "127.0.0.1", expired=how == "expired"
    )
    tls = Tls() if how == "unknown issuer" else authority.trusted
    with TlsServer(server_side) as server:
        rig = Rig(plan_for(server.url, iterations(2), tls=tls)).run()
        failed(rig, ErrorKind.TLS_CERTIFICATE, 2)
        accepted = Rig(plan_for(server.url, iterations(1), tls=Tls(verify=False))).run()
    assert list(accepted.samples["error"]) == [ErrorKind.NONE]


def test_versions_that_do_not_meet(authority: Authority) -> None:
    with TlsServer(authority.server(maximum=V12)) as server:
        tls = replace(authority.trusted, minimum="1.3")
        rig = Rig(plan_for(server.url, iterations(1), tls=tls)).run()
    failed(rig, ErrorKind.TLS_ALERT)
    with TlsServer(authority.server(minimum=V13)) as server:
        tls = replace(authority.trusted, maximum="1.2")
        rig = Rig(plan_for(server.url, iterations(1), tls=tls)).run()
    failed(rig, ErrorKind.TLS_ALERT)


@pytest.mark.parametrize(
    ("version", "kind", "sent"),
    [(V12, ErrorKind.TLS_ALERT, 0), (V13, ErrorKind.TLS_BROKEN, 1)],
)
def test_a_client_certificate_is_wanted(
    authority: Authority, version: ssl.TLSVersion, kind: ErrorKind, sent: int
) -> None:
    """In TLS 1.3 the server's refusal comes after our request (RFC 8446 section 4.4.2.4)."""
    server_side = authority.asking(authority.server(minimum=version, maximum=version))
    cert, key = authority.client_files()
    with TlsServer(server_side) as server:
        rig = Rig(plan_for(server.url, iterations(1), tls=authority.trusted)).run()
        tls = replace(authority.trusted, cert=cert, key=key)
        shown = Rig(plan_for(server.url, iterations(3), tls=tls)).run()
    assert list(rig.samples["error"]) == [kind]
    assert balanced(rig)["requests_sent"] == sent
    assert list(shown.samples["error"]) == [ErrorKind.NONE] * 3


@pytest.mark.parametrize("version", [V12, V13])
def test_sessions_are_resumed_only_on_request(
    authority: Authority, version: ssl.TLSVersion
) -> None:
    server_side = authority.server(minimum=version, maximum=version)
    with TlsServer(server_side, lambda c, _: c.sendall(CLOSE) if read_request(c) else None) as one:
        plan = plan_for(one.url, iterations(5), tls=authority.trusted)
        rig = Rig(plan).run()
        assert (one.connections, one.resumed) == (5, 0)
        assert balanced(rig)["tls_resumed"] == 0
        again = Rig(replace(plan, tls=replace(plan.tls, resume=True))).run()
        assert balanced(again)["tls_handshakes"] == 5
        assert balanced(again)["tls_resumed"] == 4
    assert (np.concatenate([rig.samples["error"], again.samples["error"]]) == 0).all()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nperhaps not all", ErrorKind.TLS_BROKEN),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", ErrorKind.BODY_SHORT),
        (CLOSE, ErrorKind.NONE),
    ],
)
def test_closed_without_close_notify(authority: Authority, answer: bytes, kind: ErrorKind) -> None:
    """RFC 9112 section 9.8: only a response that says its own length is known to be whole."""

    def script(connection: socket.socket, number: int) -> None:
        if read_request(connection):
            connection.sendall(answer)

    with TlsServer(authority.server(), script, farewell=False) as server:
        rig = Rig(plan_for(server.url, iterations(1), tls=authority.trusted)).run()
    assert list(rig.samples["error"]) == [kind]
    assert balanced(rig)["requests_sent"] == 1


def test_a_body_that_ends_with_close_notify_is_whole(authority: Authority) -> None:
    def script(connection: socket.socket, number: int) -> None:
        if read_request(connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nall of it")

    with TlsServer(authority.server(), script) as server:
        rig = Rig(plan_for(server.url, iterations(2), tls=authority.trusted)).run()
    assert list(rig.samples["error"]) == [ErrorKind.NONE] * 2
    assert balanced(rig)["connections_opened"] == 2


def test_not_tls_at_all(authority: Authority) -> None:
    with TlsServer(authority.server(), before=lambda c: c.sendall(b"220 hello\r\n")) as server:
        failed(
            Rig(plan_for(server.url, iterations(1), tls=authority.trusted)).run(),
            ErrorKind.TLS_HANDSHAKE,
        )


def test_closed_in_the_handshake(authority: Authority) -> None:
    def before(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(65536)

    with TlsServer(authority.server(), before=before) as server:
        failed(
            Rig(plan_for(server.url, iterations(1), tls=authority.trusted)).run(),
            ErrorKind.TLS_HANDSHAKE,
        )


def test_silence_in_the_handshake(authority: Authority) -> None:
    def before(connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    timeouts = Timeouts(connect_ns=SECOND_NS // 5, request_ns=SECOND_NS)
    with TlsServer(authority.server(), before=before) as server:
        plan = plan_for(server.url, iterations(1), tls=authority.trusted, timeouts=timeouts)
        rig = Rig(plan).run()
        failed(rig, ErrorKind.TLS_TIMEOUT)
    (sample,) = rig.samples
    assert sample["end_ns"] - sample["scheduled_ns"] >= timeouts.connect_ns


def test_a_record_that_was_tampered_with(authority: Authority) -> None:
    def script(connection: socket.socket, number: int) -> None:
        read_request(connection)
        raw = socket.socket(fileno=connection.detach())
        with raw:
            raw.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
            raw.recv(65536)

    with TlsServer(authority.server(), script, farewell=False) as server:
        rig = Rig(plan_for(server.url, iterations(1), tls=authority.trusted)).run()
    assert list(rig.samples["error"]) == [ErrorKind.TLS_BROKEN]
    assert balanced(rig)["requests_sent"] == 1


def test_users_of_one_worker_shake_hands_in_turn(authority: Authority) -> None:
    """Forty at once: each has its own connection, and none is lost in the queue of handshakes."""
    with TlsServer(authority.server()) as server:
        plan = plan_for(server.url, iterations(120, users=40), tls=authority.trusted)
        rig = Rig(plan).run(budget_ns=0)
        assert server.connections == 40
    c = balanced(rig)
    assert c["tls_handshakes"] == 40
    assert len(rig.samples) == c["requests_sent"] == 120
    assert (rig.samples["error"] == 0).all()


def test_a_pool_of_tls_connections(authority: Authority) -> None:
    with TlsServer(authority.server()) as server:
        plan = plan_for(server.url, iterations(60, users=10), tls=authority.trusted, connections=3)
        rig = Rig(plan).run()
        assert server.connections == 3
    assert (rig.samples["error"] == 0).all()
    assert balanced(rig)["tls_handshakes"] == 3
