"""velroload/engine/segment.py: size, seals and ownership."""

import fcntl
import os

import pytest

from velroload._core import Merger, RingWriter, segment_bytes
from velroload.engine.segment import CLOSED_PEAK_PER_S, Segment, slots_for


@pytest.mark.parametrize(
    ("peak_per_s", "workers", "slots"),
    [
        (0, 1, 4_096),
        (2_048, 1, 4_096),
        (2_049, 1, 8_192),
        (CLOSED_PEAK_PER_S, 1, 524_288),  # 32 MiB
        (10_000_000, 1, 524_288),
        (CLOSED_PEAK_PER_S, 8, 524_288),  # 256 MiB together
        (CLOSED_PEAK_PER_S, 9, 262_144),
        (CLOSED_PEAK_PER_S, 64, 65_536),
        (CLOSED_PEAK_PER_S, 100_000, 4_096),
    ],
)
def test_slots(peak_per_s: float, workers: int, slots: int) -> None:
    assert slots_for(peak_per_s, workers) == slots


def test_fresh_segment_is_formatted_and_sealed() -> None:
    segment = Segment.create(4_096)
    assert segment.reader.capacity == 4_096
    assert segment.reader is segment.reader
    for size in (0, 1 << 24):
        with pytest.raises(PermissionError):
            os.ftruncate(segment.fd, size)
    with pytest.raises(PermissionError):
        fcntl.fcntl(segment.fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
    assert not os.get_inheritable(segment.fd)
    segment.close()


def test_both_sides_see_the_same_ring() -> None:
    ours = Segment.create(8)
    theirs = Segment.attach(os.dup(ours.fd))
    writer = RingWriter(theirs.memory)
    assert writer.push(bytes(64)) == 1
    writer.close()
    theirs.close()
    assert ours.reader.drain(Merger(1, 1)) == 1
    ours.close()


def test_unsealed_memory_is_refused() -> None:
    fd = os.memfd_create("test", os.MFD_ALLOW_SEALING)
    with pytest.raises(ValueError, match=r"^segment: its memory is not sealed against resizing\.$"):
        Segment.attach(fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_close_may_be_called_twice_and_leaves_nothing() -> None:
    segment = Segment.create(8)
    fd, memory = segment.fd, segment.memory
    segment.close()
    segment.close()
    assert memory.closed
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_foreign_memory_is_refused_when_it_is_read() -> None:
    fd = os.memfd_create("test", os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, segment_bytes(8))
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    segment = Segment.attach(fd)
    message = r"^segment: it does not begin with velroload's magic number\.$"
    with pytest.raises(ValueError, match=message):
        _ = segment.reader
    segment.close()
