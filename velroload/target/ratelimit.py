"""Rate limiting: so many requests per window and caller, off by default."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from velroload.target.failure import Failure

WINDOWS_S = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests within a window."""

    requests: int
    window_s: int


class RateLimit:
    """Counts per caller in windows that all begin at the same instants.

    `take()` gives the headers that an answer within the limit bears, and raises Failure 429 with
    them and Retry-After beyond it. `clock` gives seconds since 1970. Of one worker: a caller's
    connections may lie in several.
    """

    def __init__(self, limit: Limit, clock: Callable[[], float] = time.time) -> None:
        self._limit = limit
        self._clock = clock
        self._window = 0
        self._counts: dict[str, int] = {}

    def take(self, caller: str) -> dict[str, str]:
        """Count one request of a caller."""
        limit, now_s = self._limit, self._clock()
        window = int(now_s // limit.window_s)
        if window != self._window:
            self._window = window
            self._counts.clear()
        count = self._counts[caller] = self._counts.get(caller, 0) + 1
        reset_s = (window + 1) * limit.window_s
        headers = {
            "X-RateLimit-Limit": str(limit.requests),
            "X-RateLimit-Remaining": str(max(0, limit.requests - count)),
            "X-RateLimit-Reset": str(reset_s),
        }
        if count > limit.requests:
            after_s = max(1, int(reset_s - now_s + 0.999))
            raise Failure(429, "Too many requests", {**headers, "Retry-After": str(after_s)})
        return headers
