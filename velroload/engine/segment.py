"""The memory that a worker shares with the coordinator: a sealed memfd with counters and a ring.

It has no name to guess, leaves nothing behind and survives its worker's death. It is sealed against
resizing, so that no process can make the other one fault by shrinking it.
"""

import fcntl
import mmap
import os

from velroload import _core
from velroload._core import RingReader, ValueReader

SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL

SECONDS_HELD = 2
SLOTS_MIN = 4_096
SLOTS_MAX = (32 << 20) // _core.SAMPLE_BYTES
TOTAL_BYTES_MAX = 256 << 20
CLOSED_PEAK_PER_S = 150_000
"""Samples per second and worker to plan for where the load model has no rate (closed models)."""


def slots_for(peak_per_s: float, workers: int = 1) -> int:
    """Slots of each worker's ring: 2 s of its planned peak of samples, as a power of two.

    At least 4,096; at most 32 MiB per worker and 256 MiB for all.
    """
    share = TOTAL_BYTES_MAX // _core.SAMPLE_BYTES // workers
    limit = max(min(SLOTS_MAX, 1 << (share.bit_length() - 1)), SLOTS_MIN)
    wanted = max(int(peak_per_s * SECONDS_HELD), 1)
    return min(max(1 << (wanted - 1).bit_length(), SLOTS_MIN), limit)


class Segment:
    """One worker's segment. The side that calls create() formats it; attach() maps a given one.

    `fd` is close-on-exec: hand it over with pass_fds. close() may be called twice; it closes the
    reader, the mapping and the descriptor.
    """

    def __init__(self, fd: int, size: int) -> None:
        self.fd = fd
        self.closed = False
        self._reader: RingReader | None = None
        self._values: ValueReader | None = None
        try:
            self.memory = mmap.mmap(fd, size)  # its worker takes the pages, near its own CPU
        except BaseException:
            os.close(fd)
            raise

    @classmethod
    def create(cls, slots: int, name: str = "velroload-ring", *, values: int = 0) -> "Segment":
        """A fresh segment with a ring of `slots` (a power of two), and one of `values` that servers
        name (a power of two, or none). OSError without memory."""
        fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        size = _core.segment_bytes(slots, values)
        try:
            os.ftruncate(fd, size)
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
        except BaseException:
            os.close(fd)
            raise
        segment = cls(fd, size)
        try:
            _core.format_segment(segment.memory, slots, values)
        except BaseException:
            segment.close()
            raise
        return segment

    @classmethod
    def attach(cls, fd: int) -> "Segment":
        """Map a segment that was handed over; takes over the descriptor. ValueError unless it is
        sealed: a segment that may shrink can kill whoever reads it."""
        if fcntl.fcntl(fd, fcntl.F_GET_SEALS) & SEALS != SEALS:
            os.close(fd)
            raise ValueError("segment: its memory is not sealed against resizing.")
        return cls(fd, os.fstat(fd).st_size)

    @property
    def reader(self) -> RingReader:
        """The consumer of this segment's ring; one per segment."""
        if self._reader is None:
            self._reader = RingReader(self.memory)
        return self._reader

    @property
    def values(self) -> ValueReader:
        """The consumer of its ring of values; one per segment."""
        if self._values is None:
            self._values = ValueReader(self.memory)
        return self._values

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        if self._values is not None:
            self._values.close()
        if self._reader is not None:
            self._reader.close()
        self.memory.close()
        os.close(self.fd)
