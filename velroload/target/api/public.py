"""What needs no token: health and models."""

import orjson

from velroload.target.router import Call, Route
from velroload.target.store.rows import MODELS, now

MODELS_BODY = orjson.dumps({"models": MODELS})


def routes(base: str) -> list[Route]:
    """The operations."""
    return [
        Route("GET", "/health", health),
        Route("GET", f"{base}/health", health),
        Route("GET", f"{base}/models", models),
    ]


async def health(call: Call) -> bytes:
    """Alive, and the time."""
    return orjson.dumps({"status": "healthy", "timestamp": now()})


async def models(call: Call) -> bytes:
    """The models there are."""
    return MODELS_BODY
