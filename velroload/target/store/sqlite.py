"""SQLite by aiosqlite: a file in a temporary folder, one thread per connection."""

import sqlite3
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import aiosqlite

from velroload.target.failure import DuplicateError, UnavailableError

PRAGMAS = (
    "PRAGMA journal_mode=WAL",  # readers and the writer do not wait for each other
    "PRAGMA synchronous=OFF",  # the data is made up: a power cut may have it
    "PRAGMA busy_timeout=5000",
    "PRAGMA cache_size=-16384",
    "PRAGMA mmap_size=268435456",
)


@cache
def dialect(sql: str) -> str:
    """$1 as SQLite writes it."""
    return sql.replace("$", "?")


class SqliteConnection:
    """One connection; `broken` once it was terminated."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self.broken = False

    async def rows(self, sql: str, arguments: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """Run one statement; its rows."""
        if self.broken:
            raise UnavailableError("database", "the database is down")
        try:
            return list(await self._connection.execute_fetchall(dialect(sql), arguments))
        except sqlite3.IntegrityError as error:
            raise DuplicateError(str(error)) from None
        except sqlite3.OperationalError as error:
            raise UnavailableError("database", f"database: {error}") from None

    async def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for many rows."""
        await self._connection.executemany(dialect(sql), rows)

    async def close(self) -> None:
        """Close it and end its thread."""
        await self._connection.close()

    def terminate(self) -> None:
        """Let it fail from now on; its user still gives it back, and then it is closed."""
        self.broken = True


async def connect(path: Path) -> SqliteConnection:
    """Open the file; statements are transactions of their own unless BEGIN is said."""
    connection = await aiosqlite.connect(path, isolation_level=None, cached_statements=64)
    for pragma in PRAGMAS:
        await connection.execute_fetchall(pragma)
    return SqliteConnection(connection)
