"""Messages between the workers of one target: what one of them changes, all of them must know."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any

import orjson

from velroload.target.counters import Counters

HEARD_STEP_S = 0.002
HEARD_LIMIT_S = 2.0
LINE_LIMIT = 1 << 24


class Bus:
    """One stream between each two workers, a JSON line per message; alone it is silent.

    Make it before the fork, `attach()` after it, `listen()` within the loop. Handlers are called
    in the order of `tell()`s of one worker. What is told before `listen()` is lost.
    """

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._pairs: dict[tuple[int, int], tuple[socket.socket, socket.socket]] = {
            (low, high): socket.socketpair()
            for high in range(counters.workers)
            for low in range(high)
        }
        self._ends: list[socket.socket] = []
        self._writers: list[asyncio.StreamWriter] = []
        self._readers: list[asyncio.Task[None]] = []
        self._handlers: dict[str, Callable[[Any], object]] = {}
        self.told_place = self.heard_place = 0

    def attach(self) -> None:
        """Keep this worker's ends, close the others'."""
        self.told_place = self._counters.place("bus told")
        self.heard_place = self._counters.place("bus heard")
        worker = self._counters.worker
        for (low, high), (low_end, high_end) in self._pairs.items():
            for owner, end in ((low, low_end), (high, high_end)):
                if owner == worker:
                    self._ends.append(end)
                else:
                    end.close()
        self._pairs.clear()

    def on(self, topic: str, handle: Callable[[Any], object]) -> None:
        """Call `handle` with each message of another worker on that topic."""
        self._handlers[topic] = handle

    async def listen(self) -> None:
        """Start to hear and to be heard."""
        for end in self._ends:
            reader, writer = await asyncio.open_connection(sock=end, limit=LINE_LIMIT)
            self._writers.append(writer)
            self._readers.append(asyncio.create_task(self._hear(reader)))

    def tell(self, topic: str, message: Any) -> None:
        """Send to all other workers."""
        if self._writers:
            line = orjson.dumps([topic, message]) + b"\n"
            for writer in self._writers:
                writer.write(line)
            self._counters.mine[self.told_place] += 1

    async def heard(self) -> None:
        """Wait until all workers have handled what this one has told, at most 2 s."""
        if not self._writers:
            return
        others = self._counters.total(self.told_place)
        wanted = [
            others - self._counters.of(worker, self.told_place)
            for worker in range(self._counters.workers)
        ]
        for _ in range(int(HEARD_LIMIT_S / HEARD_STEP_S)):
            heard = self._counters.each(self.heard_place)
            if all(got >= due for got, due in zip(heard, wanted, strict=True)):
                return
            await asyncio.sleep(HEARD_STEP_S)

    async def close(self) -> None:
        """Hang up."""
        for task in self._readers:
            task.cancel()
        for writer in self._writers:
            writer.transport.abort()  # who does not listen any more need not hear the rest
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        for end in self._ends:
            end.close()

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            topic, message = orjson.loads(line)
            self._handlers[topic](message)
            self._counters.mine[self.heard_place] += 1
