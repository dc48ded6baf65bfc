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


def assert_error(answer: Answer, status: int, detail: str) -> None:
    """An error in the one shape that all of them have."""
    assert answer.status == status
    assert answer.body == {
        "detail": detail,
        "request_id": answer.headers["X-Request-ID"],
        "status_code": status,
    }


def multipart(fields: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
    """A form's body and its header."""
    parts = "".join(
        f'--frontier\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in fields.items()
    )
    body = f"{parts}--frontier--\r\n".encode()
    return body, {"Content-Type": "multipart/form-data; boundary=frontier"}


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
            raw = response.read()
            is_json = response.headers["Content-Type"] == "application/json"
            return Answer(response.status, response.headers, json.loads(raw) if is_json else raw)

    def login(self, index: int = 0) -> Answer:
        """Log in as the seeded account `index`."""
        email, password = self.target.account(index)
        return self.ask("POST", "/api/v1/auth/login", {"email": email, "password": password})

    def token(self, index: int = 0) -> str:
        """An access token of the seeded account `index`."""
        if index not in self._tokens:
            self._tokens[index] = self.login(index).body["access_token"]
        return self._tokens[index]

    def account(self, email: str) -> str:
        """An access token of a new account."""
        body = {"email": email, "password": "long enough"}
        return str(self.ask("POST", "/api/v1/auth/register", body).body["access_token"])

    def order(
        self, token: str, model_id: str = "sdxl", prompt: str = "a cat", **more: str
    ) -> Answer:
        """Order a generation."""
        body, headers = multipart({"model_id": model_id, "prompt": prompt, **more})
        return self.ask("POST", "/api/v1/generations", body, token=token, headers=headers)

    def fault(self, **words: str) -> Answer:
        """Start a fault."""
        return self.ask("POST", "/__faults", words, headers=self.fault_header())

    def end_faults(self) -> Answer:
        """End all faults."""
        return self.ask("DELETE", "/__faults", headers=self.fault_header())

    def fault_header(self) -> dict[str, str]:
        """What opens /__faults."""
        return {"X-Fault-Token": self.target.fault_token}
