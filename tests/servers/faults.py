"""Servers that break in every way there is: a table name → fault, each the same every time.

A fault is a script over one connection; the server counts what each one received and did. Where
Toxiproxy has a name for a fault, it is called so. How a client must take each: tests/core.
"""

import gzip
import itertools
import socket
import struct
import threading
from collections.abc import Callable, Iterable

from tests.servers.scripted import OK, ScriptedServer, read_request

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
CLOSING = HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nok"
LONG_S = 60.0
"""Longer than any test: such a wait ends when the client or the test closes."""
NO_TIME = struct.pack("ii", 1, 0)


class Wire:
    """One connection as a fault sees it, with what went over it."""

    def __init__(self, connection: socket.socket, number: int) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = connection
        self.number = number
        self.requests = 0
        self.received_bytes = 0
        self.sent_bytes = 0
        self.resets = 0

    def request(self) -> bytes:
        """The next request with its body; b"" when the client has closed."""
        request = read_request(self.connection)
        self.requests += bool(request)
        self.received_bytes += len(request)
        return request

    def head(self) -> None:
        """The head of a request, byte by byte; its body stays unread."""
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            byte = self.connection.recv(1)
            if not byte:
                return
            data += byte
        self.requests += 1
        self.received_bytes += len(data)

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)
        self.sent_bytes += len(data)

    def send_all(self, pieces: Iterable[bytes], pause_s: float = 0.0) -> None:
        """Piece by piece, each in a segment of its own."""
        for piece in pieces:
            self.send(piece)
            if pause_s:
                pause(pause_s)

    def reset(self) -> None:
        """RST instead of FIN when the script returns."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_TIME)
        self.resets += 1

    def until_closed(self) -> None:
        """Read and forget, until the client closes."""
        while data := self.connection.recv(65536):
            self.received_bytes += len(data)


Fault = Callable[[Wire], None]


class FaultServer(ScriptedServer):
    """Serves one fault on every connection; `wires` are the connections there were."""

    def __init__(self, fault: Fault, backlog: int = 128, accepting: bool = True) -> None:
        self.wires: list[Wire] = []
        self.fault = fault
        super().__init__(self._break, backlog, accepting)

    def _break(self, connection: socket.socket, number: int) -> None:
        wire = Wire(connection, number)
        self.wires.append(wire)
        self.fault(wire)

    @property
    def requests(self) -> int:
        return sum(wire.requests for wire in self.wires)

    @property
    def sent_bytes(self) -> int:
        return sum(wire.sent_bytes for wire in self.wires)


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def answer(*pieces: bytes, pause_s: float = 0.0) -> Fault:
    """The same bytes to every request; the connection stays open."""

    def fault(wire: Wire) -> None:
        while wire.request():
            wire.send_all(pieces, pause_s)

    return fault


def once(*pieces: bytes) -> Fault:
    """Bytes to the first request, then FIN."""

    def fault(wire: Wire) -> None:
        wire.request()
        wire.send_all(pieces)

    return fault


def first(fault: Fault) -> Fault:
    """This fault on the first connection only; the others get good answers."""

    def either(wire: Wire) -> None:
        (answer(OK) if wire.number else fault)(wire)

    return either


def delayed(seconds: float) -> Fault:
    def fault(wire: Wire) -> None:
        while wire.request():
            pause(seconds)
            wire.send(OK)

    return fault


def reset_peer(after: int) -> Fault:
    """RST after so many bytes of the answer."""

    def fault(wire: Wire) -> None:
        wire.request()
        wire.send(OK[:after])
        wire.reset()

    return fault


def close_after(answers: int) -> Fault:
    """FIN, without a word of warning, once so many requests have been answered."""

    def fault(wire: Wire) -> None:
        for _ in range(answers):
            wire.request()
            wire.send(OK)

    return fault


def endless(start: bytes, piece: bytes, pause_s: float = 0.0) -> Fault:
    """An answer that never ends."""

    def fault(wire: Wire) -> None:
        wire.request()
        wire.send(start)
        wire.send_all(itertools.repeat(piece), pause_s)

    return fault


def slow_close(wire: Wire) -> None:
    wire.request()
    wire.send(CLOSING)
    pause(0.02)


def silent(wire: Wire) -> None:
    wire.request()
    wire.until_closed()


def half_close(start: bytes) -> Fault:
    """FIN after these bytes, while the client's are still read."""

    def fault(wire: Wire) -> None:
        wire.request()
        wire.send(start)
        wire.connection.shutdown(socket.SHUT_WR)
        wire.until_closed()

    return fault


def garbage_banner(wire: Wire) -> None:
    """Another protocol's server, which speaks first."""
    wire.send(b"SSH-2.0-OpenSSH_9.6\r\n")
    wire.until_closed()


def continue_never(wire: Wire) -> None:
    """Wants the body without ever saying 100."""
    while wire.request():
        wire.send(OK)


def zero_window(wire: Wire) -> None:
    """Never reads: its window closes."""
    wire.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    pause_until_closed(wire.connection)


def pause_until_closed(connection: socket.socket) -> None:
    """Until the client hangs up or the test shuts the connection, without reading a byte."""
    import select

    poller = select.poll()
    poller.register(connection, select.POLLRDHUP)
    poller.poll(int(LONG_S * 1000))


def early_answer(wire: Wire) -> None:
    """Judges by the head alone, and never reads the body."""
    wire.head()
    wire.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
    pause_until_closed(wire.connection)


def gzip_bomb() -> bytes:
    """10 MB of zeros in 10 KB."""
    body = gzip.compress(bytes(10_000_000), mtime=0)
    return HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def large_head() -> bytes:
    return HEAD + b"X-Padding: " + b"y" * (1 << 20) + b"\r\nContent-Length: 0\r\n\r\n"


def pieces(data: bytes, size: int) -> tuple[bytes, ...]:
    return tuple(data[i : i + size] for i in range(0, len(data), size))


def of_length(length: int, body: bytes) -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n" % length + body


FAULTS: dict[str, Fault] = {
    # Toxiproxy's
    "latency": delayed(0.02),
    "bandwidth": answer(*pieces(OK, 10), pause_s=0.002),
    "slow_close": slow_close,
    "timeout": silent,
    "reset_peer": reset_peer(0),
    "slicer": answer(*pieces(OK, 1)),
    "limit_data": once(OK[:20]),
    # the end of a connection
    "half_close": half_close(b""),
    "half_close_after_answer": half_close(OK),
    "close_after_1": close_after(1),
    "close_early": once(),
    # bodies
    "short_body": once(of_length(100, b"part")),
    "short_chunk": once(CHUNKED + b"64\r\npart"),
    "long_body": answer(of_length(2, b"okEXTRA")),
    "two_answers": answer(OK + OK),
    "body_on_204": answer(b"HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nok"),
    "body_on_304": answer(b"HTTP/1.1 304 No\r\n\r\nok"),
    "endless_body": endless(HEAD + b"\r\n", b"x" * 65_536),
    "endless_chunks": endless(CHUNKED, b"10000\r\n" + b"x" * 65_536 + b"\r\n"),
    "endless_drip": endless(of_length(1 << 40, b""), b"x", 0.005),
    "gzip_bomb": answer(gzip_bomb()),
    # heads
    "hints": answer(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 3, OK),
    "endless_hints": endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "large_head": answer(large_head()),
    "endless_head": endless(HEAD, b"X-More: of it\r\n"),
    "endless_trailer": endless(CHUNKED + b"0\r\n", b"X-More: of it\r\n"),
    "garbage_banner": garbage_banner,
    # requests with a body
    "continue_never": continue_never,
    "early_answer": early_answer,
    "zero_window": zero_window,
}
