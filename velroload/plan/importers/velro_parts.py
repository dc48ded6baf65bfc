"""The pieces that plans made of the predecessor's scenario files consist of."""

import re
from typing import Any

from velroload.plan.importers.velro_keys import Keys

OWN = "generations/${accounts.generation}"
REQUESTS: dict[str, list[dict[str, Any]]] = {
    "authentication_check": [
        {"GET /api/v1/auth/me": {"name": "authentication_check", "class": "authentication",
                                 "probability": 1}},
    ],
    "authorization_check": [
        {f"GET /api/v1/{OWN}": {"name": "authorization_check", "class": "authorization",
                                "probability": 1}},
    ],
    "generation_list": [
        {"GET /api/v1/generations": {"name": "generation_list", "class": "generation_access",
                                     "query": {"limit": 20}, "probability": 1}},
    ],
    "model_access": [
        {"GET /api/v1/models": {"name": "model_access", "class": "models", "probability": 1}},
    ],
    "generation_create": [
        {"POST /api/v1/generations": {"name": "generation_create", "class": "generation_create",
                                      "multipart": {"model_id": "sdxl", "prompt": "a lighthouse"},
                                      "probability": 1}},
    ],
    "media_url_access": [
        {f"GET /api/v1/{OWN}/media-urls": {"name": "media_url_access", "class": "media_url",
                                           "probability": 1}},
    ],
}  # fmt: skip
"""Kind of request → its steps; a phase's mix replaces the probability."""

ACCOUNTS: dict[str, Any] = {
    "count": 0,
    "token": "minted",
    "secret": "${env:VELRO_JWT_SECRET:-the embedded target signs with its own}",
    "creations": 60,
    "hot_each": 1,
}
SESSION: dict[str, Any] = {
    "login": "minted",
    "steps": [{"set": {"token": "${accounts.token}"}}],
    "headers": {"Authorization": "Bearer ${token}"},
    "renew": {
        "at": "50..90% of token.exp",
        "POST": "/api/v1/auth/refresh",
        "name": "refresh",
        "json": {"refresh_token": "${accounts.refresh}"},
        "capture": {"token": "$.access_token"},
    },
}
FEATURES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("breaker", {"fault": "trip_breaker", "with": {"breaker": "generation"},
                 "name": "breaker_tripped"}),
    ("invalidat", {"fault": "flush_cache", "with": {"layer": "all"}, "name": "cache_flushed"}),
    ("failover", {"fault": "database_down", "name": "database_down", "lasting_s": 10}),
    ("degradation", {"fault": "redis_down", "name": "redis_down", "lasting_s": 20}),
    ("spike", {"spike": 1.5, "name": "spike", "lasting_s": 20}),
    ("burst", {"spike": 1.5, "name": "burst", "lasting_s": 20}),
)  # fmt: skip
"""A part of a feature's name → the event that it becomes."""
_PATTERN = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(:-[^}]*)?\}")


def target_of(url: Any) -> str:
    """base_url without /api/v1, which stands in the paths; its ${VAR:-default} stays one."""
    if not url:
        return "${VELRO_API_URL:-embedded}"
    text = str(url).strip()
    found = _PATTERN.fullmatch(text)
    if found:
        default = (found[2] or "").removeprefix(":-").rstrip("/").removesuffix("/api/v1")
        return f"${{{found[1]}:-{default or 'embedded'}}}"
    return text.rstrip("/").removesuffix("/api/v1")


def secret_of(key: Any, keys: Keys) -> str:
    """A service key as a reference to the environment, never as itself."""
    found = _PATTERN.fullmatch(str(key or "").strip())
    name = found[1] if found else "SUPABASE_SERVICE_KEY"
    if key and not found:
        keys.notes.append(
            f"test_environment.service_key: set {name} to it: a plan holds no secrets"
        )
    return f"${{env:{name}:-the embedded target has its own}}"


def event_of(flag: str) -> dict[str, Any] | None:
    """What a feature becomes on a phase's time line; None when nothing is known."""
    return next((dict(event) for part, event in FEATURES if part in flag), None)


def seconds(value: float) -> str:
    """30.0 → 30s."""
    return f"{value:g}s" if value < 1e6 else f"{value:.0f}s"


def percent(value: float) -> str:
    """0.95 and 95 → 95%."""
    return f"{round(100 * value, 6):g}%" if value <= 1 else f"{value:g}%"


def error_share(value: float) -> str:
    """1.0 and more are percent; below it is a share: nobody allows every request to fail."""
    return f"{round(100 * value, 6):g}%" if value < 1 else f"{value:g}%"
