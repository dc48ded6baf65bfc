"""What coordinator and worker say to each other, and how the program is handed over.

Messages are JSON objects behind a four-byte length, over a socket pair. The program travels in a
memfd of its own: a JSON header behind its length, then the arrays it names. No pickle anywhere.
Workers import this: standard library only.

coordinator → worker  {"go": epoch_ns, "spin_ns": n} · {"stop": "drain" | "now"}
worker → coordinator  {"ready": true, "pinned": bool, "wake_up_p99_ns": n}
                      {"short_of": number of a data set}
                      {"done": true, "site": {…}, "starved": [users of each data set]}
                      {"error": "one line"}
"""

import json
import os
import struct
from collections.abc import Mapping
from typing import Any

Message = dict[str, Any]

PROGRAM_VERSION = 1
MESSAGE_BYTES_MAX = 1 << 20
_LENGTH = struct.Struct("=I")


class Decoder:
    """Cuts a byte stream into messages."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """Messages completed by `data`. ValueError for one that is too long or not an object."""
        self._pending += data
        messages: list[Message] = []
        while len(self._pending) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._pending)
            if length > MESSAGE_BYTES_MAX:
                raise ValueError(f"a control message of {length} bytes")
            if len(self._pending) < _LENGTH.size + length:
                break
            message = json.loads(bytes(self._pending[_LENGTH.size : _LENGTH.size + length]))
            del self._pending[: _LENGTH.size + length]
            if not isinstance(message, dict):
                raise ValueError("a control message that is not an object")
            messages.append(message)
        return messages


def encode(message: Message) -> bytes:
    """One message, ready to be sent."""
    text = json.dumps(message).encode()
    return _LENGTH.pack(len(text)) + text


def write_program(settings: Mapping[str, Any], arrays: Mapping[str, bytes]) -> int:
    """Put settings and arrays into a fresh sealed memfd; returns its descriptor."""
    import fcntl

    header = json.dumps(
        {
            "version": PROGRAM_VERSION,
            "settings": settings,
            "arrays": {name: len(data) for name, data in arrays.items()},
        }
    ).encode()
    fd = os.memfd_create("velroload-program", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with os.fdopen(os.dup(fd), "wb") as file:
        file.write(_LENGTH.pack(len(header)) + header)
        for data in arrays.values():
            file.write(data)
    seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


def read_program(fd: int) -> tuple[dict[str, Any], dict[str, bytes]]:
    """(settings, arrays) of write_program. ValueError when it is of another version."""
    with os.fdopen(os.dup(fd), "rb") as file:
        file.seek(0)
        (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
        header = json.loads(file.read(length))
        if header["version"] != PROGRAM_VERSION:
            raise ValueError(f"program version {header['version']}, not {PROGRAM_VERSION}")
        arrays = {name: file.read(size) for name, size in header["arrays"].items()}
    return header["settings"], arrays
