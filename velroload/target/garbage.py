"""When Python looks for circular garbage: often, briefly, and not through what has come to stay.

Python's own schedule walks the young objects of 15,000 connections for 80 ms at a time, and every
so often all that have outlived that for half a second, in which nobody is answered. Requests leave
no circles behind, so what survives its first moment is taken out of the collector's sight, and
looked at again only when memory has doubled since the last look.
"""

import asyncio
import gc
from collections.abc import Callable
from pathlib import Path

TICK_S = 0.1
LOOK_S = 1.0
"""How often memory is asked after."""
GROWN = 2.0
"""Times the memory at the last whole collection, and the next is due."""
NEW_LEAST = 1000
"""New objects, less those freed, that are worth a look: 4,000 requests/s leave 200 in a tick."""


def resident_pages() -> int:
    """Of this process, from /proc/self/statm (Documentation/filesystems/proc.rst)."""
    return int(Path("/proc/self/statm").read_bytes().split()[1])


class Collector:
    """The collections of one worker, while it serves. Not for two at once in a process: what the
    garbage collector sees is one thing for all of it."""

    def __init__(self, memory: Callable[[], int] = resident_pages) -> None:
        self._memory = memory
        self._known = 0

    def __enter__(self) -> "Collector":
        gc.disable()
        self.whole()
        return self

    def __exit__(self, *_: object) -> None:
        gc.unfreeze()
        gc.enable()

    async def run(self) -> None:
        """Collect until cancelled."""
        while True:
            for _ in range(round(LOOK_S / TICK_S)):
                await asyncio.sleep(TICK_S)
                self.young()
            self.look()

    def young(self) -> None:
        """Collect what is new, if that is more than a few; what is still in use then is not looked
        at again. To walk what only took the place of others costs 5 % of a busy core."""
        if gc.get_count()[0] >= NEW_LEAST:
            gc.collect(0)
        gc.freeze()

    def look(self) -> None:
        """Collect everything, if there is much more of it than the last time."""
        if self._memory() >= GROWN * self._known:
            self.whole()

    def whole(self) -> None:
        """Collect everything there is."""
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self._known = self._memory()
