"""A small client for tests against the target: one request, one connection, nothing hidden."""

import contextlib
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

from velroload.target.process import TargetProcess


@dataclass(frozen=True)
class Answer:
    """Status, headers and the JSON of the body."""

    status: int
    headers: Message
    body: Any


class Client:
    """Asks one target; `token` of account 0 by a real login, once."""

    def __init__(self, target: TargetProcess) -> None:
        self.target = target
        self._tokens: dict[int, str] = {}

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request; `body` goes as JSON unless it is bytes."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.target.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, raw, sent)
            response = connection.getresponse()
            return Answer(response.status, response.headers, json.loads(response.read()))

    def login(self, index: int = 0) -> Answer:
        """Log in as the seeded account `index`."""
        email, password = self.target.account(index)
        return self.ask("POST", "/api/v1/auth/login", {"email": email, "password": password})

    def token(self, index: int = 0) -> str:
        """An access token of the seeded account `index`."""
        if index not in self._tokens:
            self._tokens[index] = self.login(index).body["access_token"]
        return self._tokens[index]
