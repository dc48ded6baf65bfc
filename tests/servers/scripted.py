"""A TCP server on loopback whose every byte a test decides: one script per connection."""

import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

Script = Callable[[socket.socket, int], None]

ANY = -1
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def read_request(connection: socket.socket) -> bytes:
    """One request with its body (Content-Length only); b"" when the client closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        part = connection.recv(65536)
        if not part:
            return b""
        body += part
    return head + b"\r\n\r\n" + body


def respond(response: bytes = OK) -> Script:
    """The same answer to every request, until the client closes."""

    def script(connection: socket.socket, number: int) -> None:
        while read_request(connection):
            connection.sendall(response)

    return script


def listen(address: tuple[str, int] | str, backlog: int) -> socket.socket:
    """A listening socket: IPv4, IPv6, or a unix socket by its path."""
    if isinstance(address, str):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(address)
        listener.listen(backlog)
        return listener
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    return socket.create_server(address, family=family, backlog=backlog)


class OnCommand:
    """A script that reads a request at once, and answers it when it is told to.

    As a context inside the server's it answers all that is left, so that the server can stop.
    """

    def __init__(self, response: bytes = OK) -> None:
        self.response = response
        self._changed = threading.Condition()
        self._allowed: Counter[int] = Counter()
        self._answered = 0

    def __call__(self, connection: socket.socket, number: int) -> None:
        while read_request(connection):
            with self._changed:
                self._changed.wait_for(lambda: self._allowed[number] or self._allowed[ANY])
                self._allowed[number if self._allowed[number] else ANY] -= 1
            connection.sendall(self.response)
            with self._changed:
                self._answered += 1
                self._changed.notify_all()

    def answer(self, connection: int = ANY, n: int = 1) -> None:
        """Answer the next n requests, come or to come: of one connection, or of whichever."""
        with self._changed:
            self._allowed[connection] += n
            self._changed.notify_all()

    def answer_all(self) -> None:
        self.answer(n=sys.maxsize)

    def answered(self, n: int) -> None:
        """Wait until n answers in all have been handed to the kernel."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._answered >= n, 20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.answer_all()


class ScriptedServer:
    """Accepts on a free port, or where `address` says; runs `script(connection, number)` in a
    thread per connection and closes the connection when it returns. `connections` counts accepts,
    `peers` are where they came from. With `accepting` False it listens only, until admit()."""

    def __init__(
        self,
        script: Script,
        backlog: int = 128,
        accepting: bool = True,
        address: tuple[str, int] | str = ("127.0.0.1", 0),
    ) -> None:
        self.script = script
        self._admitted = threading.Event()
        if accepting:
            self.admit()
        self.connections = 0
        self.peers: list[tuple[str, int]] = []
        self._listener = listen(address, backlog)
        self._open: set[socket.socket] = set()
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def admit(self) -> None:
        """Accept from now on."""
        self._admitted.set()

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self.admit()
        self._accepting.join()
        self._listener.close()
        self._ending.set()
        for connection in list(self._open):
            shut(connection)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        self._admitted.wait()
        while True:
            try:
                connection, peer = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self._listener.family != socket.AF_UNIX:
                self.peers.append(peer[:2])
            thread = threading.Thread(
                target=self._serve, args=(connection, self.connections - 1), daemon=True
            )
            self._threads.append(thread)
            thread.start()

    @contextmanager
    def reachable(self, connection: socket.socket) -> Iterator[None]:
        """Whoever waits for this socket inside is woken when the server ends. A socket that takes
        the descriptor of another one needs it again."""
        self._open.add(connection)
        if self._ending.is_set():
            shut(connection)
        try:
            yield
        finally:
            self._open.discard(connection)

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            with connection, self.reachable(connection):
                self.script(connection, number)
        except OSError:
            pass  # the client was faster: that is what many tests provoke


def shut(connection: socket.socket) -> None:
    """Wake whoever waits for it; TLS is not asked."""
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
