"""SQLite by the standard library, in a file of a temporary folder.

Statements run on the loop's own thread: a page takes 40 µs there, an order 50 µs. On a thread of
their own (aiosqlite) they give the interpreter's lock away at every row, and a busy loop takes its
time to give it back: 3.8 ms for an order (docs/decisions.md). The file is read, not mapped: every
checkpoint of the writer unmaps it, and page faults made a page of rows twice as dear.
"""

import sqlite3
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from velroload.target.failure import DuplicateError, UnavailableError

PRAGMAS = (
    "PRAGMA journal_mode=WAL",  # readers and the writer do not wait for each other
    "PRAGMA synchronous=OFF",  # the data is made up: a power cut may have it
    "PRAGMA busy_timeout=5000",
    "PRAGMA cache_size=-16384",
)


@cache
def dialect(sql: str) -> str:
    """$1 as SQLite writes it, and transactions that do not have to be upgraded."""
    return "BEGIN IMMEDIATE" if sql == "BEGIN" else sql.replace("$", "?")


class SqliteConnection:
    """One connection; `broken` once it was terminated."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.broken = False

    async def rows(self, sql: str, arguments: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """Run one statement; its rows."""
        if self.broken:
            raise UnavailableError("database", "the database is down")
        try:
            return self._connection.execute(dialect(sql), arguments).fetchall()
        except sqlite3.IntegrityError as error:
            raise DuplicateError(str(error)) from None
        except sqlite3.OperationalError as error:
            raise UnavailableError("database", f"database: {error}") from None

    async def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for many rows."""
        try:
            self._connection.executemany(dialect(sql), rows)
        except sqlite3.IntegrityError as error:
            raise DuplicateError(str(error)) from None

    async def close(self) -> None:
        """Close it."""
        self._connection.close()

    def terminate(self) -> None:
        """Let it fail from now on; its user still gives it back, and then it is closed."""
        self.broken = True


async def connect(path: Path) -> SqliteConnection:
    """Open the file; statements are transactions of their own unless BEGIN is said."""
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=64)
    for pragma in PRAGMAS:
        connection.execute(pragma)
    return SqliteConnection(connection)
