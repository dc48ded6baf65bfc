"""What a Redis server tells of itself (INFO). Source: https://redis.io/commands/info"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from velroload.plan.probe import Probe
from velroload.probe.source import Figure, MissingError, Named, Reading

if TYPE_CHECKING:
    from redis.asyncio import Redis

FIELDS = {
    "clients": ("connected_clients", Figure("count", "connections of clients, ours included")),
    "clients_blocked": ("blocked_clients", Figure("count", "clients in a blocking call")),
    "memory_bytes": ("used_memory", Figure("bytes", "memory of its data")),
    "memory_resident_bytes": ("used_memory_rss", Figure("bytes", "its resident memory")),
    "memory_max_bytes": ("maxmemory", Figure("bytes", "maxmemory; 0: no limit")),
    "hits": ("keyspace_hits", Figure("count", "look-ups of keys that were there, so far")),
    "misses": ("keyspace_misses", Figure("count", "look-ups of keys that were not, so far")),
    "evicted": ("evicted_keys", Figure("count", "keys evicted for want of memory, so far")),
    "expired": ("expired_keys", Figure("count", "keys that came to their end, so far")),
    "commands": ("total_commands_processed", Figure("count", "commands executed, so far")),
    "connections": ("total_connections_received", Figure("count", "connections so far")),
    "rejected": ("rejected_connections", Figure("count", "connections over maxclients, so far")),
    "received_bytes": ("total_net_input_bytes", Figure("bytes", "received, so far")),
    "sent_bytes": ("total_net_output_bytes", Figure("bytes", "sent, so far")),
    "cpu_user_s": ("used_cpu_user", Figure("s", "its CPU time, so far")),
    "cpu_system_s": ("used_cpu_sys", Figure("s", "its CPU time in the kernel, so far")),
}
"""Our name → INFO's, and what it is."""
ROLES = {"redis_hits": "hits", "redis_misses": "misses"}


class RedisSource(Named):
    """One connection, kept; one INFO a second."""

    def __init__(self, probe: Probe) -> None:
        super().__init__(probe, {name: figure for name, (_, figure) in FIELDS.items()}, ROLES)
        self._url = probe.where
        self._client: Redis | None = None

    async def read(self) -> Reading:
        """All figures that this version of Redis tells."""
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
        from redis.exceptions import RedisError

        try:
            if self._client is None:
                self._client = Redis.from_url(self._url, retry=Retry(NoBackoff(), 0))
            info: dict[str, Any] = await self._client.info()
        except BaseException as error:
            await self._drop()
            if isinstance(error, RedisError | ValueError):
                raise MissingError(str(error)) from None
            raise
        values = {
            name: float(info[field])
            for name, (field, _) in FIELDS.items()
            if isinstance(info.get(field), int | float)
        }
        if not values:
            raise MissingError("INFO tells none of the figures")
        return Reading(values)

    async def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                await client.aclose()

    async def close(self) -> None:
        """End the connection; may be called twice."""
        await self._drop()
