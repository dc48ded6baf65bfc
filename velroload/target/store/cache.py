"""The look-up chain: L1, then L2 (its finds go to L1), then the source (goes to both)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, Generic, TypeVar

import orjson

from velroload.target.bus import Bus
from velroload.target.counters import Counters
from velroload.target.failure import UnavailableError
from velroload.target.spent import LAYERS, Spent
from velroload.target.store.l1 import L1
from velroload.target.store.l2 import L2
from velroload.target.store.rows import Generation, Project, User

Value = TypeVar("Value")

OUTCOMES = ("L1 hits", "L1 misses", "L2 hits", "L2 misses", "L3 hits", "L3 misses", "joined")
"""What is counted for each kind. A look-up that waits for another one of its key has joined it."""
(L1_HITS, L1_MISSES, L2_HITS, L2_MISSES, L3_HITS, L3_MISSES, JOINED) = range(len(OUTCOMES))
KIND_NAMES = ("token", "user", "permission", "generation", "project", "media")


@dataclass(frozen=True, slots=True)
class Kind(Generic[Value]):
    """A sort of values: lives in L1 and L2, and how it is made from its JSON."""

    name: str
    l1_s: int
    l2_s: int
    decode: Callable[[Any], Value]


USER: Kind[User] = Kind("user", 300, 900, lambda parts: User(*parts))
PERMISSION: Kind[str] = Kind("permission", 300, 900, str)
GENERATION: Kind[Generation] = Kind("generation", 180, 600, lambda parts: Generation(*parts))
PROJECT: Kind[Project] = Kind("project", 900, 3600, lambda parts: Project(*parts))
MEDIA: Kind[dict[str, Any]] = Kind("media", 60, 300, lambda parts: parts)


class Cache:
    """L1 and L2 of one worker, kept in step with the other workers' by the bus."""

    def __init__(self, l1: L1, l2: L2, counters: Counters, bus: Bus) -> None:
        self.l1 = l1
        self.l2 = l2
        self.counters = counters
        self.flights: dict[str, asyncio.Future[tuple[Any, int]]] = {}
        self._bus = bus
        self.times_place = counters.place("cache time ns", len(LAYERS))
        self.places = {name: counters.place(f"cache {name}", len(OUTCOMES)) for name in KIND_NAMES}
        bus.on("drop", self._forget)
        bus.on("flush", lambda _: self._forget_all())

    def shelf(self, kind: Kind[Value]) -> "Shelf[Value]":
        """The part of the cache that holds one kind."""
        return Shelf(self, kind)

    async def drop(self, *keys: str) -> None:
        """Invalidate keys in every layer and every worker."""
        self._forget(list(keys))
        self._bus.tell("drop", list(keys))
        await self.l2.drop(*keys)

    async def flush(self, layer: str = "all") -> None:
        """Empty L1, L2 or "all" of them, in every worker."""
        if layer in ("L1", "all"):
            self._forget_all()
            self._bus.tell("flush", None)
        if layer in ("L2", "all"):
            await self.l2.flush()

    def outcomes(self, kind: str | None = None) -> dict[str, int]:
        """What was counted for one kind, or all of them; all workers together."""
        names = KIND_NAMES if kind is None else (kind,)
        rows = [self.counters.totals(self.places[name], len(OUTCOMES)) for name in names]
        return dict(zip(OUTCOMES, map(sum, zip(*rows, strict=True)), strict=True))

    def _forget(self, keys: list[str]) -> None:
        for key in keys:
            self.l1.drop(key)
            self.flights.pop(key, None)  # what it brings is out of date, and will not be kept

    def _forget_all(self) -> None:
        self.l1.flush()
        self.flights.clear()


class Shelf(Generic[Value]):
    """Look-ups of one kind."""

    def __init__(self, cache: Cache, kind: Kind[Value]) -> None:
        self._cache = cache
        self._kind = kind
        self._place = cache.places[kind.name]
        self._mine = cache.counters.mine

    async def look_up(
        self, key: str, load: Callable[[Spent], Awaitable[Value | None]], spent: Spent
    ) -> Value | None:
        """The value of a key, from the first layer that has it; None when even `load` has none.

        What is in L1 is returned without a turn of the loop.
        """
        began_ns = perf_counter_ns()
        value: Value | None = self._cache.l1.get(key)
        if value is not None:
            self._mine[self._place + L1_HITS] += 1
            self._charge(1, began_ns, spent)
            return value
        self._mine[self._place + L1_MISSES] += 1
        flight = self._cache.flights.get(key)
        if flight is not None:
            self._mine[self._place + JOINED] += 1
            value, layer = await asyncio.shield(flight)
            spent.looked_up(layer, began_ns)
            return value
        value, layer = await self._fly(key, load, spent)
        self._charge(layer, began_ns, spent)
        return value

    async def put(self, key: str, value: Value) -> None:
        """Keep a value in L1 and L2."""
        self._cache.l1.put(key, value, self._kind.l1_s)
        if self._cache.l2.state != "off":
            await self._cache.l2.put(key, encode(value), self._kind.l2_s)

    async def warm(self, values: dict[str, Value], shared: bool) -> None:
        """Keep many values in L1, and in L2 too if `shared`."""
        for key, value in values.items():
            self._cache.l1.put(key, value, self._kind.l1_s)
        if shared:
            encoded = {key: encode(value) for key, value in values.items()}
            await self._cache.l2.put_all(encoded, self._kind.l2_s)

    def peek(self, key: str) -> Value | None:
        """What L1 has, uncounted."""
        found: Value | None = self._cache.l1.get(key)
        return found

    def _charge(self, layer: int, began_ns: int, spent: Spent) -> None:
        spent.looked_up(layer, began_ns)
        self._mine[self._cache.times_place + layer] += perf_counter_ns() - began_ns

    async def _fly(
        self, key: str, load: Callable[[Spent], Awaitable[Value | None]], spent: Spent
    ) -> tuple[Value | None, int]:
        flights = self._cache.flights
        flight: asyncio.Future[tuple[Any, int]] = asyncio.get_running_loop().create_future()
        flights[key] = flight
        try:
            value, layer = await self._fetch(key, load, spent)
            if value is not None and flights.get(key) is flight:
                self._cache.l1.put(key, value, self._kind.l1_s)
                if layer == 3 and self._cache.l2.state != "off":
                    await self._cache.l2.put(key, encode(value), self._kind.l2_s)
        except BaseException as error:
            given_up = not isinstance(error, Exception)
            flight.set_exception(
                UnavailableError("cache", "look-up given up") if given_up else error
            )
            flight.exception()  # retrieved: perhaps nobody has joined
            raise
        finally:
            if flights.get(key) is flight:
                del flights[key]
        flight.set_result((value, layer))
        return value, layer

    async def _fetch(
        self, key: str, load: Callable[[Spent], Awaitable[Value | None]], spent: Spent
    ) -> tuple[Value | None, int]:
        if self._cache.l2.state != "off":
            raw = await self._cache.l2.get(key)
            if raw is not None:
                self._mine[self._place + L2_HITS] += 1
                return self._kind.decode(orjson.loads(raw)), 2
            self._mine[self._place + L2_MISSES] += 1
        value = await load(spent)
        self._mine[self._place + (L3_MISSES if value is None else L3_HITS)] += 1
        return value, 3


def encode(value: Any) -> bytes:
    """A value as L2 keeps it; orjson writes no named tuples."""
    return orjson.dumps(tuple(value) if isinstance(value, tuple) else value)
