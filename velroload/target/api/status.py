"""The status pages: pools, caches, breakers, and all of it for Prometheus."""

from typing import Any

import orjson

from velroload.target.metrics import CONTENT_TYPE, Metrics
from velroload.target.router import Call, Route


class StatusApi:
    """Read-only pages; their numbers are of all workers together."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def routes(self, base: str) -> list[Route]:
        """The pages, with and without the API's base."""
        pages = {
            "/metrics": self.prometheus,
            "/enterprise-pools/metrics": self.pools,
            "/monitoring/metrics/detailed": self.detailed,
            "/monitoring/circuit-breakers": self.breakers,
        }
        return [
            Route("GET", f"{prefix}{path}", handler)
            for path, handler in pages.items()
            for prefix in ("", base)
        ]

    async def prometheus(self, call: Call) -> bytes:
        """Prometheus's text."""
        call.content_type = CONTENT_TYPE
        return self._metrics.text()

    async def pools(self, call: Call) -> bytes:
        """The connection pools."""
        return dump(self._metrics.pools())

    async def detailed(self, call: Call) -> bytes:
        """The cache, layer by layer and kind by kind."""
        return dump(self._metrics.detailed())

    async def breakers(self, call: Call) -> bytes:
        """The circuit breakers."""
        return dump({"circuit_breakers": self._metrics.breakers()})


def dump(answer: dict[str, Any]) -> bytes:
    """JSON."""
    return orjson.dumps(answer)
