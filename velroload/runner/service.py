"""A few calls to the target outside of the load: JSON there and back, on one connection."""

import http.client
import json
import socket
import ssl
from dataclasses import dataclass, field
from typing import Any

from velroload.plan.mask import clean
from velroload.plan.model import Plan
from velroload.protocol.address import UNIX, Target
from velroload.protocol.tls import make_context

BASE = "/api/v1"
"""Where the operations are."""
WHY_LETTERS = 100
ANSWER_BYTES_MAX = 64 << 20


class CallError(Exception):
    """No answer, or one that is not what was asked for: why, in a few words."""


class Fixed(http.client.HTTPConnection):
    """A connection to a checked address, whatever the URL's name means now."""

    def __init__(
        self, address: tuple[str, int], secure: tuple[ssl.SSLContext, str] | None, timeout_s: float
    ) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self.address = address
        self.secure = secure

    def connect(self) -> None:
        """To the address, and no other."""
        host, port = self.address
        if host.startswith(UNIX):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(self.timeout)
            self.sock.connect(host.removeprefix(UNIX))
            return
        self.sock = socket.create_connection((host, port), self.timeout)
        if self.secure is not None:
            context, name = self.secure
            self.sock = context.wrap_socket(self.sock, server_hostname=name)


@dataclass
class Service:
    """The target's API. call() raises CallError; close() may be called twice."""

    target: Target
    address: tuple[str, int]
    timeout_s: float
    secure: tuple[ssl.SSLContext, str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._connection = Fixed(self.address, self.secure, self.timeout_s)

    @classmethod
    def of(cls, plan: Plan, address: tuple[str, int]) -> "Service":
        """The plan's target at one of its addresses."""
        target = Target.of(plan.target)
        secure = None
        if target.scheme == "https":
            secure = (make_context(plan.tls), plan.tls.server_name or target.host)
        return cls(target, address, max(30.0, plan.timeouts.request_ns / 1e9), secure)

    def url(self, path: str) -> str:
        """Where a path of the API is, below the target's own."""
        prefix = self.target.path.rstrip("/")
        return f"{prefix}{path}" if prefix.endswith(BASE) else f"{prefix}{BASE}{path}"

    def call(self, method: str, path: str, body: object = None, key: str = "") -> tuple[int, Any]:
        """(status, JSON of the answer; None when it is none)."""
        headers = {"Host": self.target.authority, "Accept": "application/json"}
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
