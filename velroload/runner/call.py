"""HTTP outside of the load, to an address that was checked. It blocks: give it a thread."""

import http.client
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from velroload.plan.model import Plan
from velroload.protocol.address import UNIX, Target
from velroload.protocol.tls import make_context

TIMEOUT_S = 10.0
ANSWER_BYTES = 4096
"""So much of an answer's body is read."""

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Place:
    """A server: its URL taken apart, the address that may be connected to, and for https how its
    certificate is checked, and against which name."""

    target: Target
    address: Address
    context: ssl.SSLContext | None = field(default=None, repr=False)
    server_name: str | None = None

    @classmethod
    def of(cls, plan: Plan, url: str, address: Address, server_name: str | None = None) -> "Place":
        """A URL at an address, its certificate checked as the plan wants."""
        target = Target.of(url)
        context = make_context(plan.tls) if target.scheme == "https" else None
        return cls(target, address, context, server_name)


class Connection(http.client.HTTPConnection):
    """Connects where it is told, whatever the name says."""

    def __init__(self, place: Place, timeout_s: float) -> None:
        super().__init__(place.target.host or "localhost", place.target.port, timeout=timeout_s)
        self._place = place

    def connect(self) -> None:
        host, port = self._place.address
        if host.startswith(UNIX):
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(self.timeout)
            self.sock.connect(host.removeprefix(UNIX))
            return
        self.sock = socket.create_connection((host, port), timeout=self.timeout)
        if self._place.context is not None:
            name = self._place.server_name or self._place.target.host
            self.sock = self._place.context.wrap_socket(self.sock, server_hostname=name)


def call(
    place: Place,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes | None,
    timeout_s: float = TIMEOUT_S,
) -> tuple[int, bytes]:
    """(status, the beginning of the body). OSError or http.client.HTTPException when there was no
    answer. Redirects are not followed."""
    connection = Connection(place, timeout_s)
    try:
        sent = {"Host": place.target.authority, "Connection": "close", **headers}
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        return answer.status, answer.read(ANSWER_BYTES)
    finally:
        connection.close()
