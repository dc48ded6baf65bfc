"""Nanoseconds per sample of the ring and of the merger: push, drain with every figure, take.

    python bench/micro_ring.py [--repeat 5]

The samples look like a real run's: 10 endpoints, 3 phases, log-normal service times, 1 % failed,
three seconds at once. Times are CPU times of the one thread that works. Prints the build and the
file it measured; medians and the best of --repeat.
"""

import argparse
import mmap
import statistics
import time

import numpy as np

from velroload import _core
from velroload.sample import SAMPLE

SLOTS = 1 << 18


def samples(n: int, endpoints: int = 10) -> np.ndarray:
    """Plausible samples in the order in which they ended."""
    rng = np.random.default_rng(4711)
    made = np.zeros(n, SAMPLE)
    end_ns = np.sort(rng.integers(1_000_000_000, 4_000_000_000, n))
    service_ns = rng.lognormal(np.log(8e6), 0.6, n).astype(np.int64)
    made["end_ns"] = end_ns
    made["sent_ns"] = end_ns - service_ns
    made["scheduled_ns"] = made["sent_ns"] - rng.integers(2_000, 80_000, n)
    made["first_byte_us"] = service_ns // 1000
    made["read_lag_ns"] = rng.integers(3_000, 60_000, n)
    made["bytes_in"] = 350
    made["endpoint"] = rng.integers(0, endpoints, n)
    made["status"] = 200
    failed = rng.random(n) < 0.01
    made["status"][failed] = 503
    made["error"][failed] = 70
    made["phase"] = 1
    return made[made["scheduled_ns"] >= 0]


def push_ns(buffer: mmap.mmap) -> float:
    writer = _core.RingWriter(buffer)
    try:
        return writer.bench_push(20 * SLOTS)
    finally:
        writer.close()


def drain_ns(buffer: mmap.mmap, made: bytes) -> tuple[float, float]:
    """Nanoseconds per drained sample, and milliseconds of one take of 20 laps."""
    _core.format_segment(buffer, SLOTS)
    writer, reader = _core.RingWriter(buffer), _core.RingReader(buffer)
    merger = _core.Merger(3, 10)
    spent = drained = 0
    for lap in range(21):
        writer.push(made)
        before = time.thread_time_ns()
        n = reader.drain(merger)
        if lap:  # the first one gets its pages from the kernel
            spent += time.thread_time_ns() - before
            drained += n
    before = time.thread_time_ns()
    merger.take()
    take_ms = (time.thread_time_ns() - before) / 1e6
    for thing in (writer, reader, merger):
        thing.close()
    return spent / drained, take_ms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    print(f"build {_core.BUILD}  file {_core.__file__}")
    buffer = mmap.mmap(-1, _core.segment_bytes(SLOTS), flags=mmap.MAP_SHARED | mmap.MAP_POPULATE)
    _core.format_segment(buffer, SLOTS)
    pushes = [push_ns(buffer) for _ in range(repeat)]
    made = samples(SLOTS).tobytes()
    drains = [drain_ns(buffer, made) for _ in range(repeat)]
    spent = [ns for ns, _ in drains]
    print(f"push           {statistics.median(pushes):6.1f} ns  best {min(pushes):.1f}")
    print(
        f"drain + merge  {statistics.median(spent):6.1f} ns  best {min(spent):.1f}"
        f"  = {1e3 / statistics.median(spent):.1f} million/s"
    )
    print(f"take           {statistics.median(ms for _, ms in drains):6.2f} ms")
    buffer.close()


if __name__ == "__main__":
    main()
