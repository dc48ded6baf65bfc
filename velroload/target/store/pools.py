"""Pools of database connections: really opened, waited for, and stood in for by one another."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from velroload.target.counters import Counters
from velroload.target.failure import UnavailableError

WAIT_S = 5.0
EXHAUST_S = 3600.0
IDLE_S = 60.0
TIDY_S = 10.0


class Connection(Protocol):
    """One connection of a driver; UnavailableError where the database does not answer."""

    @property
    def broken(self) -> bool: ...

    async def rows(self, sql: str, arguments: Sequence[Any]) -> Sequence[Sequence[Any]]: ...

    async def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None: ...

    async def close(self) -> None: ...

    def terminate(self) -> None: ...


Connect = Callable[[], Awaitable[Connection]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A pool: its name, how many connections it has at least and at most, and who stands in.

    The numbers are those of all workers together, or with `each_worker` of each of them.
    """

    name: str
    least: int
    most: int
    fallback: str | None = None
    each_worker: bool = False

    def share(self, worker: int, workers: int) -> "Rule":
        """One worker's part."""
        if self.each_worker:
            return self

        def part(whole: int) -> int:
            return whole * (worker + 1) // workers - whole * worker // workers

        return Rule(self.name, part(self.least), max(1, part(self.most)), self.fallback)


POSTGRES_RULES = (
    Rule("auth", 10, 50, "read"),
    Rule("read", 20, 75, "auth"),
    Rule("write", 5, 25, "batch"),
    Rule("analytics", 5, 20, "read"),
    Rule("admin", 2, 10, "batch"),
    Rule("batch", 5, 30, "write"),
)
"""Together 47 to 210 connections."""
SQLITE_RULES = (
    Rule("read", 4, 4, each_worker=True),
    Rule("write", 1, 1, each_worker=True),
)
"""SQLite has one writer at a time."""
SQLITE_CONNECTIONS = sum(rule.most for rule in SQLITE_RULES)
"""Of one worker."""


class Pool:
    """Connections of one purpose, of one worker.

    Who finds none free waits in line, at most WAIT_S. What is idle for IDLE_S beyond `least`
    is closed by `tidy()`.
    """

    def __init__(
        self,
        rule: Rule,
        connect: Connect,
        counters: Counters,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rule = rule
        self._connect = connect
        self._counters = counters
        self._clock = clock
        self._idle: deque[tuple[Connection, float]] = deque()
        self._used: set[Connection] = set()
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._held: list[Connection] = []
        self._size = 0  # those being opened included
        self._down = False
        name = rule.name
        self.size_place = counters.place(f"pool {name} size")
        self.used_place = counters.place(f"pool {name} in use")
        self.waiting_place = counters.place(f"pool {name} waiting")
        self.failovers_place = counters.place(f"pool {name} failovers")
        self.opened_place = counters.place(f"pool {name} opened")
        self.given_up_place = counters.place(f"pool {name} given up")

    @property
    def free(self) -> bool:
        """True when a caller would not have to wait in line."""
        return not self._waiters and (bool(self._idle) or self._size < self.rule.most)

    async def open(self) -> None:
        """Open the least number of connections."""
        await asyncio.gather(*(self._add() for _ in range(self.rule.least - self._size)))

    async def acquire(self, wait_s: float = WAIT_S) -> Connection:
        """A connection; UnavailableError when none becomes free in time, or none can be opened."""
        deadline_s = self._clock() + wait_s
        waited = False
        while True:
            if self._down:
                raise UnavailableError("database", "the database is down")
            if waited or not self._waiters:
                connection = self._take_idle()
                if connection is None and self._size < self.rule.most:
                    connection = await self._grow()
                if connection is not None:
                    self._used.add(connection)
                    self._counters.mine[self.used_place] += 1
                    return connection
            await self._wait(deadline_s, waited)
            waited = True

    async def release(self, connection: Connection) -> None:
        """Give a connection back; a broken one is closed."""
        if connection not in self._used:  # closed with the pool
            return
        self._used.discard(connection)
        self._counters.mine[self.used_place] -= 1
        if connection.broken or self._down:
            await self._drop(connection)
        else:
            self._idle.append((connection, self._clock()))
        self._wake()

    async def tidy(self) -> None:
        """Close what nobody has needed for a while."""
        while (
            self._size > self.rule.least
            and self._idle
            and self._clock() - self._idle[0][1] > IDLE_S
        ):
            await self._drop(self._idle.popleft()[0])

    async def go_down(self) -> None:
        """Cut every connection and open none until `come_up()`."""
        self._down = True
        for connection in tuple(self._used):
            connection.terminate()
        while self._idle:
            await self._drop(self._idle.popleft()[0])
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def come_up(self) -> None:
        """Open again."""
        self._down = False
        with contextlib.suppress(UnavailableError):
            await self.open()

    async def exhaust(self) -> None:
        """Take every connection there can be and keep it, in line with everybody else."""

        async def take() -> None:
            self._held.append(await self.acquire(EXHAUST_S))

        await asyncio.gather(*(take() for _ in range(self.rule.most)))

    async def relieve(self) -> None:
        """Give back what `exhaust()` took."""
        while self._held:
            await self.release(self._held.pop())

    async def close(self) -> None:
        """Close every connection, in use or not."""
        self._down = True
        for connection in (*(each for each, _ in self._idle), *self._used):
            await self._drop(connection)
        self._idle.clear()
        self._used.clear()

    def _take_idle(self) -> Connection | None:
        while self._idle:
            connection, _ = self._idle.pop()
            if not connection.broken:
                return connection
            self._forget()
        return None

    async def _grow(self) -> Connection:
        self._size += 1
        try:
            connection = await self._connect()
        except BaseException:
            self._size -= 1
            self._wake()
            raise
        self._counters.mine[self.size_place] += 1
        self._counters.mine[self.opened_place] += 1
        return connection

    async def _add(self) -> None:
        self._idle.append((await self._grow(), self._clock()))

    async def _drop(self, connection: Connection) -> None:
        self._forget()
        await connection.close()

    def _forget(self) -> None:
        self._size -= 1
        self._counters.mine[self.size_place] -= 1

    async def _wait(self, deadline_s: float, first: bool) -> None:
        waiter = asyncio.get_running_loop().create_future()
        (self._waiters.appendleft if first else self._waiters.append)(waiter)
        self._counters.mine[self.waiting_place] += 1
        try:
            async with asyncio.timeout(max(0.0, deadline_s - self._clock())):
                await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._wake()  # it was our turn, which now is the next one's
            raise
        except TimeoutError:
            self._counters.mine[self.given_up_place] += 1
            raise UnavailableError(
                "database", f"pool {self.rule.name}: no connection became free in time"
            ) from None
        finally:
            self._counters.mine[self.waiting_place] -= 1
            with contextlib.suppress(ValueError):
                self._waiters.remove(waiter)

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


class Pools:
    """The pools of one worker by purpose; a purpose without a pool of its own uses `otherwise`."""

    def __init__(self, rules: Iterable[Rule], connect: Connect, counters: Counters) -> None:
        self._counters = counters
        self._rules = tuple(rules)
        shares = (rule.share(counters.worker, counters.workers) for rule in self._rules)
        self._pools = {rule.name: Pool(rule, connect, counters) for rule in shares}

    def named(self, name: str) -> Pool:
        """The pool of that name; with SQLite everything but "write" reads."""
        pool = self._pools.get(name)
        if pool is None:
            writes = name in ("admin", "batch")
            pool = self._pools["write" if writes else "read"]
        return pool

    async def open(self) -> None:
        """Open all pools; UnavailableError when the database does not answer."""
        for pool in self._pools.values():
            await pool.open()

    async def acquire(self, name: str) -> tuple[Pool, Connection]:
        """A connection for a purpose, from the pool that stands in when its own has none."""
        pool = self.named(name)
        if not pool.free and pool.rule.fallback is not None:
            other = self._pools[pool.rule.fallback]
            if other.free:
                self._counters.mine[pool.failovers_place] += 1
                pool = other
        return pool, await pool.acquire()

    async def each(self, act: Callable[[Pool], Awaitable[None]]) -> None:
        """Do something with every pool."""
        for pool in self._pools.values():
            await act(pool)

    async def close(self) -> None:
        """Close all of them."""
        await self.each(Pool.close)

    async def keep_tidy(self) -> None:
        """Close idle connections for ever."""
        while True:
            await asyncio.sleep(TIDY_S)
            await self.each(Pool.tidy)

    def as_json(self) -> dict[str, Any]:
        """The answer of /enterprise-pools/metrics, all workers together."""
        pools = {rule.name: self._tell(rule) for rule in self._rules}
        keys = ("size", "in_use", "idle", "waiting", "min", "max", "failovers")
        return {
            "pools": pools,
            "total": {key: sum(pool[key] for pool in pools.values()) for key in keys},
        }

    def _tell(self, rule: Rule) -> dict[str, Any]:
        pool, total = self._pools[rule.name], self._counters.total
        size, used, waiting = (
            total(place) for place in (pool.size_place, pool.used_place, pool.waiting_place)
        )
        times = self._counters.workers if rule.each_worker else 1
        least, most = rule.least * times, rule.most * times
        state = "exhausted" if waiting or used >= most else "healthy" if size else "down"
        return {
            "size": size,
            "in_use": used,
            "idle": size - used,
            "waiting": waiting,
            "min": least,
            "max": most,
            "state": state,
            "fallback": rule.fallback,
            "failovers": total(pool.failovers_place),
            "opened": total(pool.opened_place),
            "given_up": total(pool.given_up_place),
        }
