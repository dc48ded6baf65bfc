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
        self._breaker = breaker
        self.hinder: Callable[[], Awaitable[None]] | None = None

    async def rows(
        self, purpose: str, sql: str, arguments: Sequence[Any], spent: Spent
    ) -> Sequence[Sequence[Any]]:
        """The rows of one statement."""
        async with self._connection(purpose, spent) as connection:
            return await connection.rows(sql, arguments)

    @asynccontextmanager
    async def transaction(self, purpose: str, spent: Spent) -> AsyncIterator[Connection]:
        """All statements in it or none."""
        async with self._connection(purpose, spent) as connection:
            await connection.rows("BEGIN", ())
            try:
                yield connection
            except BaseException:
                with suppress(UnavailableError):  # a lost connection rolls back by itself
                    await connection.rows("ROLLBACK", ())
                raise
            await connection.rows("COMMIT", ())

    @asynccontextmanager
    async def _connection(self, purpose: str, spent: Spent) -> AsyncIterator[Connection]:
        began_ns = perf_counter_ns()
        try:
            with self._breaker.guard():
                pool, connection = await self.pools.acquire(purpose)
                try:
                    if self.hinder is not None:
                        await self.hinder()
                    yield connection
                finally:
                    await pool.release(connection)
        finally:
            spent.db_ns += perf_counter_ns() - began_ns

    async def go_down(self) -> None:
        """Cut all connections and open none."""
        await self.pools.each(Pool.go_down)

    async def come_up(self) -> None:
        """Open again."""
        await self.pools.each(Pool.come_up)
