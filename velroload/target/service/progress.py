"""What happens to generations after they were ordered: pending → processing → completed."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable

from velroload.target.failure import UnavailableError
from velroload.target.spent import Spent
from velroload.target.store.cache import Cache
from velroload.target.store.generations import Generations
from velroload.target.store.rows import now

logger = logging.getLogger("velroload.target")

STEP_S = 0.1
PENDING_S = 0.5
PROCESSING_S = 1.5


class Progress:
    """Moves what is due every 100 ms, all of it in one transaction."""

    def __init__(
        self,
        generations: Generations,
        cache: Cache,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._generations = generations
        self._cache = cache
        self._clock = clock
        self._pending: deque[tuple[float, str]] = deque()
        self._processing: deque[tuple[float, str]] = deque()

    def add(self, generation_id: str) -> None:
        """A generation that has just been ordered."""
        self._pending.append((self._clock() + PENDING_S, generation_id))

    async def step(self) -> None:
        """Move all that is due; what the database does not take stays due."""
        started = self._due(self._pending)
        ended = self._due(self._processing)
        if not started and not ended:
            return
        at = now()
        moves = [
            *(("processing", at, None, each) for _, each in started),
            *(("completed", at, at, each) for _, each in ended),
        ]
        try:
            await self._generations.move_all(moves, Spent())
        except UnavailableError:
            self._pending.extendleft(reversed(started))
            self._processing.extendleft(reversed(ended))
            return
        due_s = self._clock() + PROCESSING_S
        self._processing.extend((due_s, each) for _, each in started)
        await self._cache.drop(*(f"gen:{each}" for _, each in (*started, *ended)))

    async def run(self) -> None:
        """Step for ever."""
        while True:
            await asyncio.sleep(STEP_S)
            try:
                await self.step()
            except Exception:
                logger.exception("generations could not be moved on")

    def _due(self, queue: deque[tuple[float, str]]) -> list[tuple[float, str]]:
        now_s = self._clock()
        due = []
        while queue and queue[0][0] <= now_s:
            due.append(queue.popleft())
        return due
