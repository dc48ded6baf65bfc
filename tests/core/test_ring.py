"""core/ring.pxi and reader.pxi: against the plain twin, across processes, in damaged memory."""

import mmap
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference.ring import Ring
from velroload import _core
from velroload._core import Merger, RingReader, RingWriter, format_segment, segment_bytes
from velroload.engine.segment import Segment
from velroload.journal import Delta, Rows
from velroload.sample import SAMPLE, Kind


def segment(slots: int = 8) -> bytearray:
    buffer = bytearray(segment_bytes(slots))
    format_segment(buffer, slots)
    return buffer


def requests(first: int, n: int) -> Rows:
    samples = np.zeros(n, SAMPLE)
    samples["iteration"] = np.arange(first, first + n)
    samples["end_ns"] = samples["sent_ns"] = samples["scheduled_ns"] = 1_000_000
    return samples


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=40))
def test_ring_equals_the_twin(turns: list[tuple[int, int]]) -> None:
    buffer, twin, merger = segment(), Ring(8), Merger(1, 1)
    writer, reader = RingWriter(buffer), RingReader(buffer)
    order: list[int] = []
    for pushes, limit in turns:
        samples = requests(twin.pushed + twin.lost, pushes)
        assert writer.push(samples.tobytes()) == sum(twin.push(s.tobytes()) for s in samples)
        before = len(order)
        order += [int(np.frombuffer(item, SAMPLE)["iteration"][0]) for item in twin.drain(limit)]
        assert reader.drain(merger, limit) == len(order) - before
    kept = np.frombuffer(merger.reservoir(), SAMPLE)["iteration"]
    assert kept.tolist() == order
    counted = (reader.pushed, reader.drained, reader.counters()["lost_requests"], reader.high_water)
    assert counted == (twin.pushed, twin.drained, twin.lost, twin.high_water)
    assert reader.requests_by_error() == ({0: twin.drained} if twin.drained else {})


def test_full_ring_counts_what_it_loses_by_kind() -> None:
    buffer = segment()
    writer, reader, merger = RingWriter(buffer), RingReader(buffer), Merger(1, 1)
    samples = requests(0, 20)
    samples["flags"][10:] = Kind.ITERATION
    assert writer.push(samples.tobytes()) == 8
    counters = reader.counters()
    assert (counters["lost_requests"], counters["lost_iterations"]) == (2, 10)
    assert (reader.drain(merger), reader.kinds(), reader.high_water) == (8, [8, 0, 0, 0], 8)


def test_counters_and_stalls_are_read_by_name() -> None:
    buffer = segment()
    writer, reader = RingWriter(buffer), RingReader(buffer)
    for name, index in _core.COUNTER_INDEX.items():
        if name != "stalls":
            writer.count(name, index + 1)
    for n in range(130):
        writer.stall(n, 50_000_000 + n)
    expected = {name: index + 1 for name, index in _core.COUNTER_INDEX.items()} | {"stalls": 130}
    assert reader.counters() == expected
    assert reader.stalls() == [(n, 50_000_000 + n) for n in range(2, 130)]
    assert sorted(_core.COUNTER_INDEX.values()) == list(range(len(_core.COUNTER_INDEX)))


def test_least_and_choice_of_idle_closes() -> None:
    buffer = segment()
    writer, reader = RingWriter(buffer), RingReader(buffer)
    assert reader.idle_closes() == []
    for n in range(1, 257):
        writer.idle_close(n * 1_000)
    assert reader.idle_closes() == [n * 1_000 for n in range(1, 257)]
    for n in range(257, 10_001):
        writer.idle_close(n * 1_000)
    kept = reader.idle_closes()
    counters = reader.counters()
    assert (counters["idle_closes"], counters["idle_close_least"]) == (10_000, 1_000)
    assert len(set(kept)) == len(kept) == 256
    assert 4_000_000 < sorted(kept)[128] < 6_000_000  # 5,000,000 with a deviation of 310,000


PRODUCER = """
import sys
import numpy as np
from velroload._core import RingWriter
from velroload.engine.segment import Segment
from velroload.sample import SAMPLE
segment = Segment.attach(int(sys.argv[1]))
writer = RingWriter(segment.memory)
total, pushed = int(sys.argv[2]), 0
samples = np.zeros(total, SAMPLE)
samples["iteration"] = np.arange(total)
samples["end_ns"] = np.arange(total) * 1_000
samples["user_address"] = samples["iteration"] ^ 0xABCDEF
while pushed < total:
    pushed += writer.push(samples[pushed : pushed + 100].tobytes())
    # what did not fit is pushed again: the order shows that nothing was torn or overtaken
writer.close()
segment.close()
"""


def test_two_processes_over_a_memfd() -> None:
    total, segment_ = 200_000, Segment.create(4_096)
    merger, reader = Merger(1, 1), segment_.reader
    command = [sys.executable, "-c", PRODUCER, str(segment_.fd), str(total)]
    seen: list[Rows] = []
    with subprocess.Popen(command, pass_fds=[segment_.fd]) as process:
        while reader.drained < total:
            assert process.poll() in (None, 0)
            if reader.drain(merger, 500):
                seen.append(Delta.from_parts(merger.take()).tail)
        assert process.wait(30) == 0
    assert (reader.pushed, reader.drained, reader.corrupt) == (total, total, 0)
    kept = np.frombuffer(merger.reservoir(), SAMPLE)
    assert np.array_equal(kept["user_address"], kept["iteration"] ^ 0xABCDEF)
    merged = np.concatenate(seen)
    assert np.array_equal(merged["user_address"], merged["iteration"] ^ 0xABCDEF)
    segment_.close()


def test_samples_of_a_killed_producer_survive() -> None:
    segment_ = Segment.create(4_096)
    child = PRODUCER.replace("writer.close()", "import os, signal; os.kill(os.getpid(), 9)")
    command = [sys.executable, "-c", child, str(segment_.fd), "1000"]
    assert subprocess.run(command, pass_fds=[segment_.fd], check=False).returncode == -9
    assert segment_.reader.drain(Merger(1, 1)) == 1_000
    segment_.close()


HEADS = [1, 9, 1 << 32, 1 << 63, (1 << 64) - 1]


@pytest.mark.parametrize("head", [h for h in HEADS if h > 8])
def test_impossible_head_is_refused_in_one_line(head: int) -> None:
    buffer = segment()
    reader, merger = RingReader(buffer), Merger(1, 1)
    buffer[128:136] = head.to_bytes(8, "little")
    with pytest.raises(ValueError, match=r"^ring: ") as caught:
        reader.drain(merger)
    assert str(caught.value) == (
        f"ring: its head went from 0 to {head} with the tail at 0 of 8 slots: "
        "the worker's memory is damaged."
    )


def test_head_that_goes_back_is_refused() -> None:
    buffer = segment()
    reader, merger = RingReader(buffer), Merger(1, 1)
    RingWriter(buffer).push(requests(0, 6).tobytes())
    assert reader.drain(merger, 2) == 2
    buffer[128:136] = (4).to_bytes(8, "little")
    with pytest.raises(
        ValueError, match=r"^ring: its head went from 6 to 4 with the tail at 2 of "
    ):
        reader.drain(merger)


def test_tail_that_the_worker_changes_is_not_believed() -> None:
    buffer = segment()
    reader, merger = RingReader(buffer), Merger(1, 1)
    RingWriter(buffer).push(requests(0, 3).tobytes())
    buffer[192:200] = (1 << 40).to_bytes(8, "little")
    assert reader.drain(merger) == 3


HEADER = {
    "magic": (0, 1, "segment: it does not begin with velroload's magic number."),
    "version": (8, 3, "segment: layout version 3, but this velroload has 2."),
    "sample": (24, 32, "segment: sample size 32, but this velroload has 64."),
    "counters": (
        32,
        7,
        f"segment: counters 7, but this velroload has {len(_core.COUNTER_INDEX)}.",
    ),
    "no slots": (
        16,
        0,
        "segment: a ring of 0 slots does not fit 74240 bytes or is no power of two.",
    ),
    "odd slots": (
        16,
        6,
        "segment: a ring of 6 slots does not fit 74240 bytes or is no power of two.",
    ),
    "too many slots": (
        16,
        16,
        "segment: a ring of 16 slots does not fit 74240 bytes or is no power of two.",
    ),
    "overflowing slots": (
        16,
        1 << 63,
        f"segment: a ring of {1 << 63} slots does not fit 74240 bytes or is no power of two.",
    ),
}


@pytest.mark.parametrize(("at", "value", "message"), HEADER.values(), ids=HEADER.keys())
def test_foreign_header_is_refused(at: int, value: int, message: str) -> None:
    buffer = segment()
    buffer[at : at + 8] = value.to_bytes(8, "little")
    for side in (RingReader, RingWriter):
        with pytest.raises(ValueError, match=r"^segment: ") as caught:
            side(buffer)
        assert str(caught.value) == message


def test_short_and_unaligned_memory_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"^segment: 100 bytes are less than its header of 73728\.$"
    ):
        RingReader(bytearray(100))
    with pytest.raises(ValueError, match=r"^segment: its memory is not aligned to 8 bytes\.$"):
        RingReader(memoryview(segment())[1:])


def test_read_only_memory_is_refused() -> None:
    with pytest.raises(BufferError):
        RingReader(bytes(segment()))


def test_random_memory_never_crashes() -> None:
    """Header valid, everything else noise: a drain ends in figures, in `corrupt` or in one line."""
    noise = random.Random(4711)
    clean = bytes(segment(64))
    for round_ in range(300):
        buffer = bytearray(noise.randbytes(len(clean)))
        buffer[:40] = clean[:40]
        if round_ % 2:  # a head that is believed, so that the noise in the slots is read
            tail = int.from_bytes(buffer[192:200], "little")
            head = (tail + noise.randrange(65)) & ((1 << 64) - 1)
            buffer[128:136] = head.to_bytes(8, "little")
        reader, merger = RingReader(buffer), Merger(3, 50)
        if round_ % 2:
            reader.drain(merger)
        else:
            with pytest.raises(ValueError, match=r"^ring: its head went from "):
                reader.drain(merger)
        assert reader.drained <= 64
        assert sum(reader.kinds()) + reader.corrupt == reader.drained
        reader.counters()
        assert len(reader.stalls()) <= 128
        Delta.from_parts(merger.take())
        reader.close()


def test_random_headers_are_refused() -> None:
    noise = random.Random(1)
    for _ in range(300):
        with pytest.raises(ValueError, match=r"^segment: "):
            RingReader(bytearray(noise.randbytes(segment_bytes(8))))


def test_take_that_is_overdue_is_refused() -> None:
    buffer = segment()
    reader, merger = RingReader(buffer), Merger(1, 1)
    RingWriter(buffer).push(requests(0, 5).tobytes())
    reader.drain(merger)
    with pytest.raises(
        ValueError, match=r"^RingReader: 5 samples were merged since the last take"
    ) as e:
        reader.drain(merger, (1 << 32) - 5)
    assert str(e.value) == (
        "RingReader: 5 samples were merged since the last take(): "
        "4294967291 more could overflow a bin."
    )


@pytest.mark.parametrize("slots", [0, 3, 12])
def test_slots_must_be_a_power_of_two(slots: int) -> None:
    with pytest.raises(ValueError, match=f"^segment: {slots} slots are no power of two\\.$"):
        format_segment(bytearray(1 << 16), slots)


def test_slots_must_fit() -> None:
    with pytest.raises(ValueError, match=r"^segment: 8200 bytes cannot hold 8 slots\.$"):
        format_segment(bytearray(8_200), 8)


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^RingWriter: 65 bytes are not whole samples\.$"):
        RingWriter(segment()).push(b"x" * 65)


def test_close_releases_the_mapping_and_may_be_called_twice() -> None:
    memory = mmap.mmap(-1, segment_bytes(8))
    format_segment(memory, 8)
    reader, writer, merger = RingReader(memory), RingWriter(memory), Merger(1, 1)
    for end in (reader, writer):
        end.close()
        end.close()
    memory.close()
    with pytest.raises(ValueError, match=r"^RingReader: it is closed\.$"):
        reader.drain(merger)
    with pytest.raises(ValueError, match=r"^RingWriter: it is closed\.$"):
        writer.push(b"")


@pytest.mark.timing
def test_push_is_cheap() -> None:
    memory = mmap.mmap(-1, segment_bytes(4_096), flags=mmap.MAP_SHARED | mmap.MAP_POPULATE)
    format_segment(memory, 4_096)
    writer = RingWriter(memory)
    assert min(writer.bench_push(200_000) for _ in range(10)) <= 15
    writer.close()
    memory.close()
