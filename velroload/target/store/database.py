"""The database as the stores use it: statements with $1, a purpose, and a price."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from time import perf_counter_ns
from typing import Any

from velroload.target.breakers import Breaker
from velroload.target.failure import UnavailableError
from velroload.target.spent import Spent
from velroload.target.store.pools import Connection, Pool, Pools


class Database:
    """Runs statements on the pools, behind the database breaker.

    A purpose is the name of a pool: auth, read, write, analytics, admin or batch. `hinder`, when
    a fault sets it, is awaited while the connection is held.
    """

    def __init__(self, pools: Pools, breaker: Breaker) -> None:
        self.pools = pools
        self.breaker = breaker
        self.hinder: Callable[[], Awaitable[None]] | None = None

    async def rows(
        self, purpose: str, sql: str, arguments: Sequence[Any], spent: Spent
    ) -> Sequence[Sequence[Any]]:
        """The rows of one statement."""
        async with Lease(self, purpose, spent) as connection:
            return await connection.rows(sql, arguments)

    @asynccontextmanager
    async def transaction(self, purpose: str, spent: Spent) -> AsyncIterator[Connection]:
        """All statements in it or none."""
        async with Lease(self, purpose, spent) as connection:
            await connection.rows("BEGIN", ())
            try:
                yield connection
            except BaseException:
                with suppress(UnavailableError):  # a lost connection rolls back by itself
                    await connection.rows("ROLLBACK", ())
                raise
            await connection.rows("COMMIT", ())

    async def go_down(self) -> None:
        """Cut all connections and open none."""
        await self.pools.each(Pool.go_down)

    async def come_up(self) -> None:
        """Open again."""
        await self.pools.each(Pool.come_up)


class Lease:
    """A connection for as long as it is needed, behind the breaker; what that took is charged."""

    __slots__ = ("_began_ns", "_connection", "_database", "_pool", "_purpose", "_spent", "_turn")

    def __init__(self, database: Database, purpose: str, spent: Spent) -> None:
        self._database = database
        self._purpose = purpose
        self._spent = spent
        self._pool: Pool | None = None

    async def __aenter__(self) -> Connection:
        database = self._database
        self._began_ns = perf_counter_ns()
        self._turn = database.breaker.enter()
        try:
            self._pool, self._connection = await database.pools.acquire(self._purpose)
            if database.hinder is not None:
                await database.hinder()
        except BaseException as error:
            await self._end(error)
            raise
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        await self._end(error)

    async def _end(self, error: BaseException | None) -> None:
        try:
            if self._pool is not None:
                await self._pool.release(self._connection)
        finally:
            self._database.breaker.leave(self._turn, error)
            self._spent.db_ns += perf_counter_ns() - self._began_ns
