"""velroload/engine/node.py: several rings, one delta."""

import numpy as np

from tests.reference.runs import samples_of
from velroload._core import RingReader, RingWriter, format_segment, segment_bytes
from velroload.engine.node import Node
from velroload.journal import sum_rows
from velroload.rundata import RunData
from velroload.runfolder import set_figures

SLOTS = 1 << 10


def rings(n: int) -> tuple[list[bytearray], list[RingWriter], list[RingReader]]:
    buffers = [bytearray(segment_bytes(SLOTS)) for _ in range(n)]
    for buffer in buffers:
        format_segment(buffer, SLOTS)
    return buffers, [RingWriter(b) for b in buffers], [RingReader(b) for b in buffers]


def test_several_rings_equal_one() -> None:
    samples = samples_of(1, 900)
    figures = []
    for n in (1, 3):
        _, writers, readers = rings(n)
        for shard, writer in enumerate(writers):
            writer.push(samples[shard::n].tobytes())
        node = Node(readers, phases=1, endpoints=4)
        assert node.drain_all() == 900
        data = RunData()
        set_figures(data, [node.take()])
        figures.append(data)
        node.close()
    for name in ("hist", "stats", "series", "counts"):
        assert np.array_equal(getattr(figures[0], name), getattr(figures[1], name)), name


def test_damaged_ring_does_not_stop_the_others() -> None:
    buffers, writers, readers = rings(2)
    node = Node(readers, phases=1, endpoints=4)
    buffers[0][128:136] = (1 << 50).to_bytes(8, "little")
    writers[1].push(samples_of(1, 5).tobytes())
    assert node.drain_all() == 5
    assert node.damaged == {
        0: f"ring: its head went from 0 to {1 << 50} with the tail at 0 of {SLOTS} slots: "
        "the worker's memory is damaged."
    }
    writers[1].push(samples_of(2, 7).tobytes())
    assert node.drain() == 7
    assert int(sum_rows(node.take().counts)["value"].sum()) > 0
    assert len(node.reservoir()) == int(sum(sum(r.kinds()[:2]) for r in readers))
