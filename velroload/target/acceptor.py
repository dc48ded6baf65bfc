"""Accepts connections in batches.

libuv accepts one connection per turn of its loop. Under load a turn takes milliseconds, so a ramp
of thousands of users would overflow the kernel's queue and run into connect time-outs.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable

logger = logging.getLogger("velroload.target")

BATCH = 1024
"""Connections per turn, about 100 ms of work: what is not accepted in time is lost."""
REST_S = 0.5
"""Pause when the process is out of descriptors."""


class Acceptor:
    """Accepts on a listening socket, which it owns, and makes a protocol for each connection."""

    def __init__(
        self,
        listener: socket.socket,
        make: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._listener = listener
        self._make = make
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._connecting: set[asyncio.Task[None]] = set()
        self._resting: asyncio.TimerHandle | None = None
        listener.setblocking(False)

    def start(self) -> None:
        """Accept from now on."""
        self._resting = None
        self._loop.add_reader(self._listener.fileno(), self._accept)

    def close(self) -> None:
        """Accept no more, and let go of the socket."""
        if self._resting is not None:
            self._resting.cancel()
        self._loop.remove_reader(self._listener.fileno())
        self._listener.close()
        for task in self._connecting:
            task.cancel()

    def _accept(self) -> None:
        for _ in range(BATCH):
            try:
                sock, _ = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                logger.warning("cannot accept: %s", error.strerror)
                self._loop.remove_reader(self._listener.fileno())
                self._resting = self._loop.call_later(REST_S, self.start)
                return
            sock.setblocking(False)
            task = self._loop.create_task(self._connect(sock))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    async def _connect(self, sock: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make, sock, ssl=self._tls)
        except (OSError, ssl.SSLError):  # the client left, or speaks no TLS
            sock.close()
