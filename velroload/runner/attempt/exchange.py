"""What went over the wire, as exchanges: one request and what came back."""

import time
from dataclasses import dataclass, field
from typing import Any

from velroload.protocol.judge import Judge

KEPT_BYTES = 1 << 20
"""Of each direction of one exchange; the rest is counted."""
EXCHANGES_MAX = 200
"""A flow that goes round for ever is not kept for ever."""


@dataclass
class Exchange:
    """step: its number in the program. before: what the slots held when it was sent. asked: what
    the step's captures and checks were given, one entry per call."""

    step: int
    sent_ns: int
    before: tuple[str, ...]
    sent: bytearray = field(default_factory=bytearray)
    sent_bytes: int = 0
    received: bytearray = field(default_factory=bytearray)
    received_bytes: int = 0
    asked: list[tuple[Any, ...]] = field(default_factory=list)


class Trace:
    """Called by the engine (_core.pyi, Engine: "trace"); collects exchanges in their order."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.left_out = 0

    def __call__(
        self, sent: bool, offset: int, step: int, data: bytes, texts: tuple[str, ...]
    ) -> None:
        if sent and offset == 0:
            if len(self.exchanges) < EXCHANGES_MAX:
                self.exchanges.append(Exchange(step, time.monotonic_ns(), texts))
            else:
                self.left_out += 1
        if not self.exchanges or self.left_out:
            return
        last = self.exchanges[-1]
        if sent:
            last.sent_bytes += len(data)
            last.sent += data[: KEPT_BYTES - len(last.sent)]
        else:
            last.received_bytes += len(data)
            last.received += data[: KEPT_BYTES - len(last.received)]

    def looking_at(self, judge: Judge) -> Judge:
        """The same judge; what it is asked belongs to the last exchange."""

        def look(*arguments: Any) -> Any:
            if self.exchanges and not self.left_out:
                self.exchanges[-1].asked.append(arguments)
            return judge(*arguments)

        return look


def split(data: bytes) -> tuple[bytes, bytes]:
    """Head and body, of what came first; interim answers (1xx) stay in the head."""
    at = 0
    while True:
        end = data.find(b"\r\n\r\n", at)
        if end < 0:
            return data, b""
        interim = data[at : at + 10].startswith((b"HTTP/1.1 1", b"HTTP/1.0 1"))
        if not interim:
            return data[:end], data[end + 4 :]
        at = end + 4


def header(head: bytes, name: str) -> str:
    """The value of a header in a head, "" without one."""
    for line in head.decode("latin-1").split("\r\n")[1:]:
        key, _, value = line.partition(":")
        if key.strip().lower() == name:
            return value.strip()
    return ""


def unchunked(body: bytes) -> bytes:
    """The data of chunks (RFC 9112 section 7.1), as far as they are there."""
    found, at = b"", 0
    while True:
        end = body.find(b"\r\n", at)
        if end < 0:
            return found
        try:
            size = int(body[at:end].partition(b";")[0], 16)
        except ValueError:
            return found + body[at:]
        if size <= 0:
            return found
        found += body[end + 2 : end + 2 + size]
        at = end + 2 + size + 2
