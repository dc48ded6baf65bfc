"""The service-time log: one binary record per answer, to hold a load tool's figures against."""

import asyncio
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RECORD = struct.Struct("<qqHHBBH")
"""received_ns, sent_ns, endpoint, status, layer, worker, 0. Little endian, 24 bytes."""
FIELDS = ("received_ns", "sent_ns", "endpoint", "status", "layer", "worker", "pad")
FORMATS = ("<i8", "<i8", "<u2", "<u2", "u1", "u1", "<u2")
FLUSH_S = 0.1


class ServiceLog:
    """Appends to one file that all workers share; CLOCK_MONOTONIC.

    received = the request's last bytes were read; sent = the answer's last were given to the
    kernel. Records are written every 100 ms and when the target ends.
    """

    def __init__(self, path: Path, worker: int) -> None:
        self.path = path
        self._worker = worker
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._buffer = bytearray()
        self.records = 0

    def write(self, received_ns: int, sent_ns: int, endpoint: int, status: int, layer: int) -> None:
        """Note one answer."""
        self._buffer += RECORD.pack(received_ns, sent_ns, endpoint, status, layer, self._worker, 0)
        self.records += 1

    def flush(self) -> None:
        """Hand what is noted to the kernel, in one piece."""
        if self._buffer:
            os.write(self._file, self._buffer)
            self._buffer.clear()

    async def run(self) -> None:
        """Flush for ever."""
        while True:
            await asyncio.sleep(FLUSH_S)
            self.flush()

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        os.close(self._file)

    def as_json(self, endpoints: Sequence[str]) -> dict[str, Any]:
        """Where it is and how it is read: numpy.dtype({"names": …, "formats": …})."""
        return {
            "path": str(self.path.resolve()),
            "names": FIELDS,
            "formats": FORMATS,
            "endpoints": endpoints,
        }
