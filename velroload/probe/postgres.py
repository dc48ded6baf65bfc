"""What a PostgreSQL server tells of itself: pg_stat_activity, pg_stat_database, pg_locks.

Source: https://www.postgresql.org/docs/current/monitoring-stats.html
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from velroload.plan.probe import Probe
from velroload.probe.source import Figure, MissingError, Named, Reading

if TYPE_CHECKING:
    import asyncpg

FIGURES = {
    "connections": Figure("count", "sessions of clients in this database, ours left out"),
    "connections_all": Figure("count", "sessions of clients in all databases"),
    "connections_max": Figure("count", "the server's max_connections"),
    "connections_share": Figure("share", "sessions of clients over max_connections"),
    "active": Figure("count", "sessions that execute a statement"),
    "idle": Figure("count", "sessions that wait for a statement"),
    "idle_in_transaction": Figure("count", "the same with a transaction open"),
    "hidden": Figure("count", "sessions whose state this user may not see (role pg_monitor may)"),
    "waiting_lock": Figure("count", "active sessions that wait for a lock"),
    "waiting_io": Figure("count", "active sessions that wait for the disk"),
    "waiting_other": Figure("count", "active sessions that wait for something else"),
    "locks": Figure("count", "locks held in this database"),
    "locks_waiting": Figure("count", "locks that are waited for"),
    "commits": Figure("count", "transactions committed, so far"),
    "rollbacks": Figure("count", "transactions rolled back, so far"),
    "blocks_hit": Figure("count", "blocks found in shared buffers, so far"),
    "blocks_read": Figure("count", "blocks read from outside them, so far"),
    "rows_returned": Figure("count", "rows that scans returned, so far"),
    "deadlocks": Figure("count", "deadlocks, so far"),
    "temporary_bytes": Figure("bytes", "written to temporary files, so far"),
}
ROLES = {
    "db_connections": "connections",
    "db_in_use": "active",
    "db_waiting": "waiting_lock",
    "db_max": "connections_max",
}
QUERY = """
WITH own AS (
  SELECT state, wait_event_type AS wait, datname = current_database() AS here
  FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
), sessions AS (
  SELECT count(*) AS connections_all,
         count(*) FILTER (WHERE here) AS connections,
         count(*) FILTER (WHERE here AND state = 'active') AS active,
         count(*) FILTER (WHERE here AND state = 'idle') AS idle,
         count(*) FILTER (WHERE here AND state LIKE 'idle in transaction%')
           AS idle_in_transaction,
         count(*) FILTER (WHERE here AND state IS NULL) AS hidden,
         count(*) FILTER (WHERE here AND state = 'active' AND wait = 'Lock') AS waiting_lock,
         count(*) FILTER (WHERE here AND state = 'active' AND wait = 'IO') AS waiting_io,
         count(*) FILTER (WHERE here AND state = 'active' AND wait NOT IN ('Lock', 'IO'))
           AS waiting_other
  FROM own
), held AS (
  SELECT count(*) FILTER (WHERE granted) AS locks,
         count(*) FILTER (WHERE NOT granted) AS locks_waiting
  FROM pg_locks
  WHERE pid <> pg_backend_pid() AND (database IS NULL OR database =
        (SELECT oid FROM pg_database WHERE datname = current_database()))
)
SELECT sessions.*, held.*, current_setting('max_connections')::int AS connections_max,
       xact_commit AS commits, xact_rollback AS rollbacks, blks_hit AS blocks_hit,
       blks_read AS blocks_read, tup_returned AS rows_returned, deadlocks,
       temp_bytes AS temporary_bytes
FROM sessions, held, pg_stat_database WHERE datname = current_database()
"""


class PostgresSource(Named):
    """One session, kept; one query a second."""

    def __init__(self, probe: Probe) -> None:
        super().__init__(probe, FIGURES, ROLES)
        self._url = probe.where
        self._session: asyncpg.Connection[Any] | None = None

    async def read(self) -> Reading:
        """All figures."""
        import asyncpg

        try:
            if self._session is None:
                self._session = await asyncpg.connect(
                    self._url,
                    timeout=self.timeout_ns / 1e9,
                    statement_cache_size=0,  # poolers in between forget prepared statements
                    server_settings={"application_name": "velroload-probe"},
                )
            row = await self._session.fetchrow(QUERY)
        except BaseException as error:
            self._drop()
            if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError | ValueError):
                raise MissingError(str(error).partition("\n")[0]) from None
            raise
        values = {name: float(value) for name, value in dict(row or {}).items()}
        if values.get("connections_max"):
            values["connections_share"] = values["connections_all"] / values["connections_max"]
        return Reading(values)

    def _drop(self) -> None:
        if self._session is not None:
            with contextlib.suppress(Exception):
                self._session.terminate()
        self._session = None

    async def close(self) -> None:
        """End the session; may be called twice."""
        self._drop()
