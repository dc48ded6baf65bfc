"""L2: Redis by redis-py (extra `target`), or nothing at all."""

from collections.abc import Awaitable, Callable
from typing import Any, cast
from urllib.parse import urlsplit

from velroload.errors import ConfigError, PreflightError
from velroload.target.breakers import Breaker
from velroload.target.failure import UnavailableError

PREFIX = "velro:l2:"
TIMEOUT_S = 2.0
CONNECTIONS_MAX = 64
BATCH = 1000


class L2:
    """Bytes by key in Redis; what Redis does not answer is a miss, and the breaker counts it.

    Without a URL it is off: every look-up passes it by, and nothing is counted.
    """

    def __init__(self, url: str | None, breaker: Breaker) -> None:
        self._breaker = breaker
        self._down = False
        self.hinder: Callable[[], Awaitable[None]] | None = None
        self._client: Any = None
        if url is not None:
            import redis.asyncio

            self._client = redis.asyncio.Redis(
                connection_pool=redis.asyncio.BlockingConnectionPool.from_url(
                    url,
                    max_connections=CONNECTIONS_MAX,
                    timeout=TIMEOUT_S,
                    socket_timeout=TIMEOUT_S,
                    socket_connect_timeout=TIMEOUT_S,
                )
            )

    @property
    def state(self) -> str:
        """off | up | down."""
        return "off" if self._client is None else "down" if self._down else "up"

    async def get(self, key: str) -> bytes | None:
        """The value; None when there is none, or nobody answers."""
        found = await self._try(self._client.get, PREFIX + key)
        return cast("bytes | None", found)

    async def put(self, key: str, value: bytes, life_s: int) -> None:
        """Keep a value for `life_s` seconds, if Redis answers."""
        if self._client is not None:
            await self._try(self._client.set, PREFIX + key, value, life_s)

    async def put_all(self, values: dict[str, bytes], life_s: int) -> None:
        """Keep many values: the warm-up."""
        if self._client is None:
            return
        keys = list(values)
        for at in range(0, len(keys), BATCH):
            async with self._client.pipeline(transaction=False) as pipeline:
                for key in keys[at : at + BATCH]:
                    pipeline.set(PREFIX + key, values[key], life_s)
                await pipeline.execute()

    async def drop(self, *keys: str) -> None:
        """Forget values, if Redis answers."""
        if self._client is not None and keys:
            await self._try(self._client.delete, *(PREFIX + key for key in keys))

    async def flush(self) -> None:
        """Forget everything under our prefix; other keys are not ours."""
        if self._client is None:
            return
        batch = [key async for key in self._client.scan_iter(match=PREFIX + "*", count=BATCH)]
        for at in range(0, len(batch), BATCH):
            await self._client.delete(*batch[at : at + BATCH])

    async def go_down(self) -> None:
        """Cut the connections and make none until `come_up()`."""
        self._down = True
        if self._client is not None:
            await self._client.connection_pool.disconnect()

    async def come_up(self) -> None:
        """Connect again when next asked."""
        self._down = False

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose(close_connection_pool=True)

    async def _try(self, command: Any, *arguments: Any) -> object:
        from redis.exceptions import RedisError

        try:
            with self._breaker.guard():
                try:
                    if self._down:
                        raise UnavailableError("redis", "redis is down")
                    if self.hinder is not None:
                        await self.hinder()
                    return await cast("Awaitable[object]", command(*arguments))
                except (RedisError, OSError, TimeoutError) as error:
                    raise UnavailableError("redis", f"redis: {type(error).__name__}") from None
        except UnavailableError:
            return None


def check(url: str) -> None:
    """Ask Redis once, before anything starts; what stands in the way is one clear line."""
    import redis

    parts = urlsplit(url)
    shown = url if parts.password is None else url.replace(f":{parts.password}@", ":***@", 1)
    try:
        with redis.Redis.from_url(
            url, socket_connect_timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S
        ) as client:
            client.ping()
    except ValueError:
        raise ConfigError(f"--redis {shown}: not a Redis URL; redis://HOST:PORT/0") from None
    except (redis.AuthenticationError, redis.exceptions.AuthorizationError):
        raise ConfigError(f"--redis {shown}: the server refuses this password") from None
    except (redis.RedisError, OSError):
        raise PreflightError(
            f"--redis {shown}: nothing answers there; start Redis or leave the flag out"
        ) from None
