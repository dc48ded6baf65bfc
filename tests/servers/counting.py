"""A server of its own process that keeps its own books, where its death cannot lose them.

Run as `python counting.py BOOKS PORT MODE`; BOOKS is a file of BOOKS_FORMAT that is mapped by
whoever wants to read it. Only requests without a body are understood.
"""

import asyncio
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, cast

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno"
PART = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart of it"
BOOKS_FORMAT = struct.Struct("=8q")
RESET_EVERY = 7
DEADLINE_S = 20.0


class Books(NamedTuple):
    """What the server has seen so far. Instants are CLOCK_MONOTONIC."""

    port: int
    pid: int
    connections: int
    requests: int
    responses: int
    first_ns: int
    last_ns: int
    closed: int


def wait_for(what: str, holds: Callable[[], bool], deadline_s: float = DEADLINE_S) -> None:
    """Look until `holds`; AssertionError with `what` when it never does."""
    until_s = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < until_s, f"never happened: {what}"
        time.sleep(0.005)


class CountingServer:
    """Starts and ends such a server; `books` can be read while it runs and after its death.

    Modes: ok · fail (503) · hole (reads, never answers) · shut (closes, never answers) · reset
    (every 7th answer is broken off by RST) · slow:MS (answers after so long).
    """

    def __init__(self, folder: Path, mode: str = "ok", cpu: int | None = None) -> None:
        self.mode = mode
        self.cpu = cpu
        self.path = folder / f"books-{id(self)}"
        self.path.write_bytes(bytes(BOOKS_FORMAT.size))
        self.process: subprocess.Popen[bytes] | None = None
        with self.path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), BOOKS_FORMAT.size)

    @property
    def books(self) -> Books:
        return Books(*BOOKS_FORMAT.unpack_from(self._map))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.books.port}/"

    def start(self) -> Self:
        """Start, on the port it had before if it had one; the counts go on."""
        command = [sys.executable, __file__, str(self.path), str(self.books.port), self.mode]
        self.process = process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        if self.cpu is not None:
            os.sched_setaffinity(process.pid, {self.cpu})
        wait_for("the server listens", lambda: self.books.pid == process.pid)
        return self

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def reached(self, requests: int) -> None:
        """Wait until it has seen so many more requests than now."""
        wanted = self.books.requests + requests
        wait_for(f"{wanted} requests", lambda: self.books.requests >= wanted)

    def settled(self) -> Books:
        """The books when nothing comes any more: the client has ended, all that it left in its
        connections is read, and the last of them is closed."""
        with socket.create_connection(("127.0.0.1", self.books.port), DEADLINE_S) as last:
            last.shutdown(socket.SHUT_WR)
            assert last.recv(1) == b""  # taken up and closed: so were all that came before
        wait_for("all closed", lambda: self.books.closed == self.books.connections)
        return self.books

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        self._map.close()


class Book:
    """The books as the server itself keeps them, in shared memory after every change."""

    def __init__(self, path: str) -> None:
        with open(path, "r+b") as file:
            self._shared = mmap.mmap(file.fileno(), BOOKS_FORMAT.size)
        self.rows = list(BOOKS_FORMAT.unpack_from(self._shared))
        self.rows[7] = self.rows[2]  # whatever an earlier one had open died with it

    def note(self, index: int) -> None:
        self.rows[index] += 1
        if index == 3:
            self.rows[6] = time.monotonic_ns()
            self.rows[5] = self.rows[5] or self.rows[6]
        self.write()

    def write(self) -> None:
        BOOKS_FORMAT.pack_into(self._shared, 0, *self.rows)


class Connection(asyncio.Protocol):
    """One client, answered as the mode says."""

    def __init__(self, book: Book, mode: str) -> None:
        self.book = book
        self.kind, _, value = mode.partition(":")
        self.delay_s = float(value or 0) / 1e3
        self.tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self.book.note(2)

    def connection_lost(self, error: Exception | None) -> None:
        self.book.note(7)

    def data_received(self, data: bytes) -> None:
        *requests, self.tail = (self.tail + data).split(b"\r\n\r\n")
        for _ in requests:
            self.book.note(3)
            self.answer()

    def answer(self) -> None:
        if self.kind == "hole":
            return
        if self.kind == "shut":
            self.transport.close()
        elif self.kind == "slow":
            asyncio.get_running_loop().call_later(self.delay_s, self.say, OK)
        elif self.kind == "reset" and self.book.rows[3] % RESET_EVERY == 0:
            self.transport.write(PART)
            handle = self.transport.get_extra_info("socket")
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        else:
            self.say(UNAVAILABLE if self.kind == "fail" else OK)

    def say(self, response: bytes) -> None:
        if not self.transport.is_closing():
            self.book.note(4)
            self.transport.write(response)


def main(path: str, port: int, mode: str) -> None:
    import uvloop

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    book = Book(path)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Connection(book, mode), "127.0.0.1", port, backlog=4096
        )
        book.rows[0] = server.sockets[0].getsockname()[1]
        book.rows[1] = os.getpid()
        book.write()
        await server.serve_forever()

    uvloop.run(serve())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
