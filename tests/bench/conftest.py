"""What the bench's tests share: raw connections to a server of ours."""

import socket
from collections.abc import Callable, Iterator

import pytest

Dial = Callable[[int], socket.socket]


@pytest.fixture
def dial() -> Iterator[Dial]:
    """Connections to ports of 127.0.0.1, closed at the end."""
    opened: list[socket.socket] = []

    def connect(port: int) -> socket.socket:
        opened.append(socket.create_connection(("127.0.0.1", port), timeout=20))
        return opened[-1]

    yield connect
    for each in opened:
        each.close()
