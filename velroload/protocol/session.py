"""How long a token lives, as workers read it: from seconds, or from what a JWT says of itself."""

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable

SECOND_NS = 1_000_000_000
LIFE_MOST_S = 365 * 86_400

Life = Callable[[str, bool], tuple[int, int]]


def life_of(text: str, is_jwt: bool, clock: Callable[[], float] = time.time) -> tuple[int, int]:
    """(ns since it was issued, ns that it lives from then) of a token.

    `text` is seconds, or a JWT, whose exp and iat are read without looking at the signature: it is
    ours, and the server judges it. ValueError when it says nothing that makes sense, or has ended.
    """
    if not is_jwt:
        life_s = float(text)
        if not 0 < life_s <= LIFE_MOST_S:
            raise ValueError(f"a life of {life_s:g} s")
        return 0, round(life_s * SECOND_NS)
    now_s = clock()
    claims = claims_of(text)
    ends_s = number(claims.get("exp"))
    begun_s = number(claims.get("iat", now_s))
    begun_s = min(begun_s, now_s)
    if not (now_s < ends_s and 0 < ends_s - begun_s <= LIFE_MOST_S):
        raise ValueError("exp lies behind us, or too far ahead")
    return round((now_s - begun_s) * SECOND_NS), round((ends_s - begun_s) * SECOND_NS)


def claims_of(token: str) -> dict[str, object]:
    """The payload of a JWT (RFC 7519 section 7.2), unverified. ValueError when it has none."""
    parts = token.split(".")
    if len(parts) != 3:
        raise ValueError("not a JWT")
    payload = parts[1].encode("ascii")
    try:
        claims = json.loads(urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    except RecursionError:
        raise ValueError("not a JWT") from None
    if not isinstance(claims, dict):
        raise ValueError("not a JWT")
    return claims


def number(value: object) -> float:
    """A NumericDate (RFC 7519 section 2)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a number of seconds")
    return float(value)
