"""Connections are accepted many at a time, and again after descriptors ran out."""

import asyncio
import errno
import logging
import os
import socket
import ssl

import pytest
import uvloop

from velroload.target import acceptor as module
from velroload.target.acceptor import Acceptor


class Counting(asyncio.Protocol):
    """Counts itself."""

    made = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Counting.made += 1
        transport.close()


class Poor(socket.socket):
    """Has no descriptor left the first time."""

    refusals = 1

    def accept(self) -> tuple[socket.socket, object]:
        if Poor.refusals:
            Poor.refusals -= 1
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return super().accept()


def listening(kind: type[socket.socket] = socket.socket) -> socket.socket:
    listener = kind(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    listener.listen(500)
    return listener


def accept_all(
    listener: socket.socket, clients: int, tls: ssl.SSLContext | None = None
) -> list[socket.socket]:
    Counting.made = 0
    address = listener.getsockname()
    sockets = [socket.create_connection(address, timeout=10) for _ in range(clients)]

    async def main() -> None:
        acceptor = Acceptor(listener, Counting, tls)
        acceptor.start()
        while Counting.made < clients and tls is None:
            await asyncio.sleep(0)
        if tls is not None:
            for sock in sockets:
                sock.sendall(b"this is no TLS\r\n")
                while await asyncio.to_thread(receive, sock):
                    pass
        acceptor.close()

    uvloop.run(main())
    return sockets


def receive(sock: socket.socket) -> bytes:
    try:
        return sock.recv(100)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("clients", [1, 300])
def test_all_that_wait_get_in(clients: int) -> None:
    for sock in accept_all(listening(), clients):
        sock.close()
    assert Counting.made == clients


def test_it_rests_when_there_are_no_descriptors(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "REST_S", 0.01)
    with caplog.at_level(logging.WARNING):
        for sock in accept_all(listening(Poor), 3):
            sock.close()
    assert Counting.made == 3
    assert caplog.messages == ["cannot accept: Too many open files"]


def test_who_speaks_no_tls_is_let_go() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for sock in accept_all(listening(), 2, context):
        sock.close()
    assert Counting.made == 0
