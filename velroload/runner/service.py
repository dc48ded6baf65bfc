"""A few calls to the target outside of the load: JSON there and back, on one connection."""

import http.client
import json
from dataclasses import dataclass
from typing import Any

from velroload.plan.mask import clean
from velroload.plan.model import Plan
from velroload.runner.call import Address, Connection, Place

BASE = "/api/v1"
"""Where the operations are."""
WHY_LETTERS = 100
ANSWER_BYTES_MAX = 64 << 20


class CallError(Exception):
    """No answer, or one that is not what was asked for: why, in a few words."""


@dataclass
class Service:
    """The target's API. call() raises CallError; close() may be called twice."""

    place: Place
    timeout_s: float

    def __post_init__(self) -> None:
        self._connection = Connection(self.place, self.timeout_s)

    @classmethod
    def of(cls, plan: Plan, address: Address) -> "Service":
        """The plan's target at one of its addresses."""
        place = Place.of(plan, plan.target, address, plan.tls.server_name)
        return cls(place, max(30.0, plan.timeouts.request_ns / 1e9))

    def url(self, path: str) -> str:
        """Where a path of the API is, below the target's own."""
        prefix = self.place.target.path.rstrip("/")
        return f"{prefix}{path}" if prefix.endswith(BASE) else f"{prefix}{BASE}{path}"

    def call(self, method: str, path: str, body: object = None, key: str = "") -> tuple[int, Any]:
        """(status, JSON of the answer; None when it is none)."""
        headers = {"Host": self.place.target.authority, "Accept": "application/json"}
        if key:
            headers |= {"Authorization": f"Bearer {key}", "apikey": key}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        try:
            self._connection.request(method, self.url(path), data, headers)
            answer = self._connection.getresponse()
            text = answer.read(ANSWER_BYTES_MAX + 1)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            words = clean(" ".join(str(why).split()).lower())
            raise CallError(f"no answer ({words[:WHY_LETTERS]})") from None
        if len(text) > ANSWER_BYTES_MAX:
            self.close()
            raise CallError(f"an answer of more than {ANSWER_BYTES_MAX >> 20} MiB")
        try:
            return answer.status, json.loads(text)
        except (ValueError, RecursionError):
            return answer.status, None

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        self._connection.close()
