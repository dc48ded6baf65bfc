"""Values of the second rings become figures; nothing in the rings is believed."""

import struct

import numpy as np
from numpy.typing import NDArray

from velroload import _core, journal
from velroload._core import ValueReader, format_segment, segment_bytes
from velroload.engine.values import VALUE, Values
from velroload.histogram import Histogram
from velroload.rundata import RunData

SLOTS, VALUES = 8, 1 << 14
BASE = segment_bytes(SLOTS)


class Ring:
    """A second ring, written as a worker does, or as no worker would."""

    def __init__(self, *names: bytes) -> None:
        self.memory = bytearray(segment_bytes(SLOTS, VALUES))
        format_segment(self.memory, SLOTS, VALUES)
        self.reader = ValueReader(self.memory)
        self.head = 0
        for number, name in enumerate(names):
            at = BASE + 256 + 64 * number
            self.memory[at : at + 1 + len(name)] = bytes([len(name)]) + name
        struct.pack_into("<Q", self.memory, BASE + 128, len(names))

    def push(self, rows: NDArray[np.void]) -> None:
        for row in rows:
            at = BASE + 4096 + self.head % VALUES * 32
            self.memory[at : at + 32] = row.tobytes()
            self.head += 1
        struct.pack_into("<Q", self.memory, BASE, self.head)


def some(n: int, **fields: int) -> NDArray[np.void]:
    rows = np.zeros(n, VALUE)
    rows["value_ns"] = np.arange(n) * 1_000_000 + 5
    for name, value in fields.items():
        rows[name] = value
    return rows


def test_the_layout_is_the_cores() -> None:
    assert VALUE.itemsize == _core.VALUE_BYTES == 32


def test_series_of_two_workers_are_joined_by_name() -> None:
    rings = [Ring(b"db", b"app"), Ring(b"app")]
    values = Values([ring.reader for ring in rings], phases=1, endpoints=2)
    rings[0].push(some(1000, series=0, endpoint=1))
    rings[0].push(some(10, series=1))
    rings[1].push(some(30, series=0))
    assert [values.drain(0), values.drain(1), values.drain(0)] == [1010, 30, 0]
    assert values.names == ["db", "app"]
    hist, stats = values.take()
    assert (hist.dtype, stats.dtype) == (journal.HIST, journal.STATS)

    def figures(series: int, endpoint: int) -> Histogram:
        quantity = journal.SERIES_FIRST + series
        return RunData(hist=hist, stats=stats).histogram(quantity, endpoints=endpoint)

    db = figures(0, 1)
    assert db == Histogram.of(some(1000)["value_ns"])
    assert (db.count, db.min, db.max) == (1000, 5, 999_000_005)
    assert figures(1, 0).count == 40
    assert [len(rows) for rows in values.take()] == [0, 0]
    assert values.corrupt == [0, 0]


def test_what_makes_no_sense_enters_no_figure() -> None:
    ring = Ring(b"db", b"not a name", b"\x1b[31m", b"")
    values = Values([ring.reader], phases=1, endpoints=2)
    bad = [
        some(1, endpoint=2),
        some(1, phase=1),
        some(1, series=1),
        some(1, series=2),
        some(1, series=3),
        some(1, series=4),
        some(1, series=65_535),
        some(1, value_ns=-1),
        some(1, value_ns=2**62),
    ]
    for rows in bad:
        ring.push(rows)
    ring.push(some(3))
    assert values.drain(0) == len(bad) + 3
    assert values.corrupt == [len(bad)]
    assert values.names == ["db"]
    hist, stats = values.take()
    assert int(hist["count"].sum()) == 3
    assert stats["count"].tolist() == [3]


def test_names_of_all_workers_together_are_bounded() -> None:
    rings = [Ring(*(b"w%d-%d" % (worker, i) for i in range(32))) for worker in range(2)]
    values = Values([ring.reader for ring in rings], phases=1, endpoints=1)
    for index, ring in enumerate(rings):
        for series in range(32):
            ring.push(some(1, series=series))
        values.drain(index)
    assert len(values.names) == 32
    assert values.corrupt == [0, 32]
