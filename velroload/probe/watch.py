"""Watches all sources once a second, in one task that waits for none of them.

A source that fails is missing: its values are absent, never 0. Why is said once, and so is that it
is back. A source that is slow is asked again when it has answered.
"""

import asyncio
import contextlib
import os
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from velroload.probe.source import STATE_NAMES, MissingError, Reading, Source
from velroload.protocol.tls import refusal

SECOND_NS = 1_000_000_000
EDGE_S = 1.0
"""The first and the last reading may hold the run up for so long."""
GATHER_S = 0.2
"""Answers within this time stand in one record; later ones have records of their own."""
BREAKER = "breaker_"
"""Roles of circuit breakers begin like this."""

Row = dict[str, Any]


class Watch:
    """begin() reads all once, go() starts the task, end() reads all once more and closes them.

    `record` gets {"time_s", "values"} rows, `mark` events without their phase. Instants are ns
    since the run's epoch, readings before it negative.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        record: Callable[[Row], None],
        mark: Callable[[Row], None],
    ) -> None:
        self.sources = list(sources)
        self._record = record
        self._mark = mark
        self._epoch_ns: int | None = None
        self._early: list[tuple[Callable[[Row], None], str, int, Row]] = []
        self._task: asyncio.Task[None] | None = None
        self._reads: dict[str, asyncio.Task[None]] = {}
        self._fresh: dict[str, float] = {}
        self._since_ns: int | None = None  # while a round gathers: when it began
        self._missing: set[str] = set()
        self._states: dict[str, int] = {}

    async def begin(self) -> None:
        """The first reading: what counters stood at before the run."""
        await self._round(EDGE_S)

    def go(self, epoch_ns: int) -> None:
        """From this instant (CLOCK_MONOTONIC) on once a second."""
        self._epoch_ns = epoch_ns
        for tell, key, at_ns, row in self._early:
            self._tell(tell, key, at_ns, row)
        self._early.clear()
        self._task = asyncio.create_task(self._run(epoch_ns))

    async def end(self, *, at_once: bool = False) -> None:
        """The last reading, unless `at_once`; no source is asked afterwards."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if not at_once and self._epoch_ns is not None:
            await self._round(EDGE_S)
        left = list(self._reads.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for source in self.sources:
            with contextlib.suppress(Exception):
                await source.close()

    async def _run(self, epoch_ns: int) -> None:
        turn = 0
        while True:
            now_ns = time.monotonic_ns() - epoch_ns
            turn = max(turn + 1, now_ns // SECOND_NS)
            await asyncio.sleep(max(0.0, (turn * SECOND_NS - now_ns) / 1e9))
            await self._round(GATHER_S)

    async def _round(self, wait_s: float) -> None:
        """Ask all that are not being asked; record what comes within the time."""
        began_ns = self._since_ns = time.monotonic_ns()
        for source in self.sources:
            if source.name not in self._reads:
                task = asyncio.create_task(self._read(source))
                self._reads[source.name] = task
        try:
            if self._reads:
                await asyncio.wait(self._reads.values(), timeout=wait_s)
        finally:
            self._since_ns = None
            self._write_down(began_ns, self._fresh)
            self._fresh = {}

    def _write_down(self, began_ns: int, values: dict[str, float]) -> None:
        """One record, in the middle of the time that the asking took."""
        if values:
            middle_ns = (began_ns + time.monotonic_ns()) // 2
            self._tell(self._record, "time_s", middle_ns, {"values": values})

    async def _read(self, source: Source) -> None:
        try:
            await self._ask(source)
        finally:
            self._reads.pop(source.name, None)

    async def _ask(self, source: Source) -> None:
        began_ns = time.monotonic_ns()
        try:
            async with asyncio.timeout(source.timeout_ns / 1e9):
                reading = await source.read()
        except Exception as error:  # whatever it is, the other sources and the run go on
            self._lost(source.name, reason(error, source.timeout_ns))
            return
        self._found(source.name)
        for name, why in reading.absent.items():
            self._lost(f"{source.name}.{name}", why)
        values = {f"{source.name}.{name}": value for name, value in reading.values.items()}
        for name in values:
            self._found(name)
        self._breakers(source, reading)
        if self._since_ns is not None and began_ns >= self._since_ns:
            self._fresh |= values
        else:  # it was asked before this round, and its time is its own
            self._write_down(began_ns, values)

    def _lost(self, name: str, why: str) -> None:
        if name not in self._missing:
            self._missing.add(name)
            self._say(name, "probe", "missing", why)

    def _found(self, name: str) -> None:
        if name in self._missing:
            self._missing.discard(name)
            self._say(name, "probe", "back", None)

    def _breakers(self, source: Source, reading: Reading) -> None:
        """Marks for breakers that changed since the last reading; one that is open from the start
        is one."""
        for name, before, now in changes(source.roles, reading.values, self._states):
            detail = None if before is None else f"{STATE_NAMES[before]} → {STATE_NAMES[now]}"
            self._say(name, "breaker", STATE_NAMES[now], detail)

    def _say(self, name: str, kind: str, what: str, detail: str | None) -> None:
        row = {"event": "mark", "name": name, "kind": kind, "what": what, "detail": detail}
        self._tell(self._mark, "at_ns", time.monotonic_ns(), row)

    def _tell(self, tell: Callable[[Row], None], key: str, at_ns: int, row: Row) -> None:
        """Hand a row over with its instant; what comes before the run's epoch waits for it."""
        if self._epoch_ns is None:
            self._early.append((tell, key, at_ns, row))
            return
        since_ns = at_ns - self._epoch_ns
        tell({key: since_ns / 1e9 if key == "time_s" else since_ns, **row})


def changes(
    roles: Mapping[str, str], values: Mapping[str, float], states: dict[str, int]
) -> list[tuple[str, int | None, int]]:
    """(breaker, state before, state now) of those that changed; `states` is brought up to date."""
    found = []
    for role, value in roles.items():
        state = values.get(value) if role.startswith(BREAKER) else None
        if state not in (0.0, 1.0, 2.0):
            continue
        name, now = role.removeprefix(BREAKER), int(state)
        before = states.get(name)
        states[name] = now
        if before != now and (before is not None or now != 0):
            found.append((name, before, now))
    return found


def reason(error: Exception, timeout_ns: int) -> str:
    """Why a reading failed, in a line."""
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout_ns / 1e9:g} s"
    if isinstance(error, MissingError):
        return str(error)
    if isinstance(error, ssl.SSLError):
        return refusal(error, "this host")
    if isinstance(error, OSError):
        number = error.errno or 0  # those of getaddrinfo are below 0
        known = os.strerror(number) if number > 0 else error.strerror
        return (known or str(error) or type(error).__name__).lower()
    return f"{type(error).__name__}: {error}".partition("\n")[0]
