"""PostgreSQL by asyncpg (extra `target`), in a schema of the target's own."""

from collections.abc import Sequence
from typing import Any, cast
from urllib.parse import urlsplit

import asyncpg

from velroload.errors import ConfigError, PreflightError, VelroloadError
from velroload.target.failure import DuplicateError, UnavailableError

SCHEMA = "velroload_target"
APPLICATION = "velroload target"
CONNECT_TIMEOUT_S = 5.0
STATEMENT_TIMEOUT_S = 30.0
SESSION = {"application_name": APPLICATION, "search_path": SCHEMA}
Rows = Sequence[Sequence[Any]]  # a Record is one, which its stub does not say
LOST = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
)
"""What says that the server did not answer; all other errors are answers."""


class PostgresConnection:
    """One connection; `broken` once it is lost."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection

    @property
    def broken(self) -> bool:
        """True when no statement can be run any more."""
        return self._connection.is_closed()

    async def rows(self, sql: str, arguments: Sequence[Any]) -> Rows:
        """Run one statement; its rows."""
        try:
            return cast(Rows, await self._connection.fetch(sql, *arguments))
        except asyncpg.UniqueViolationError as error:
            raise DuplicateError(str(error)) from None
        except LOST as error:
            raise UnavailableError("database", f"database: {type(error).__name__}") from None

    async def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for many rows."""
        try:
            await self._connection.executemany(sql, rows)
        except LOST as error:
            raise UnavailableError("database", f"database: {type(error).__name__}") from None

    async def copy(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Load rows in bulk."""
        await self._connection.copy_records_to_table(table, records=rows, columns=columns)

    async def close(self) -> None:
        """Say goodbye, but not for long."""
        try:
            await self._connection.close(timeout=1.0)
        except LOST:
            self._connection.terminate()

    def terminate(self) -> None:
        """Cut it, under whatever runs on it."""
        self._connection.terminate()


async def connect(url: str) -> PostgresConnection:
    """One connection of a pool; UnavailableError when there is none to be had."""
    try:
        return PostgresConnection(
            await asyncpg.connect(
                url,
                timeout=CONNECT_TIMEOUT_S,
                command_timeout=STATEMENT_TIMEOUT_S,
                server_settings=SESSION,
            )
        )
    except LOST as error:
        raise UnavailableError("database", f"database: {type(error).__name__}") from None


async def first_connection(url: str) -> PostgresConnection:
    """The connection that sets up the schema; whatever stands in the way is one clear line."""
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S, server_settings=SESSION)
    except (TimeoutError, asyncpg.PostgresError, OSError, ValueError) as error:
        raise refused(url, error) from None
    others = await connection.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND datname ="
        " current_database() AND pid <> pg_backend_pid()",
        APPLICATION,
    )
    if others:
        await connection.close()
        raise PreflightError(
            f"--database {shown(url)}: another velroload target is using it; stop that one first"
        )
    return PostgresConnection(connection)


def refused(url: str, error: Exception) -> VelroloadError:
    """The user's line for a connection that could not be made."""
    where = f"--database {shown(url)}"
    if isinstance(
        error, asyncpg.InvalidPasswordError | asyncpg.InvalidAuthorizationSpecificationError
    ):
        return ConfigError(f"{where}: the server refuses this user and password")
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return ConfigError(f"{where}: there is no such database; create it with createdb")
    if isinstance(error, asyncpg.PostgresError):
        return PreflightError(f"{where}: {error}")
    if isinstance(error, ValueError):
        return ConfigError(f"{where}: not a PostgreSQL URL; postgresql://USER:PASSWORD@HOST/NAME")
    return PreflightError(f"{where}: nothing answers there; start PostgreSQL or leave the flag out")


def shown(url: str) -> str:
    """The URL without its password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return url.replace(f":{parts.password}@", ":***@", 1)
