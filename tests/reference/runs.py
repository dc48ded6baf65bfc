"""A small recorded run for tests: three deltas, an event, counters, probes and an end."""

from typing import Any

import numpy as np

from velroload import journal
from velroload._core import Merger, RingReader, RingWriter, format_segment, segment_bytes
from velroload.journal import Delta, RecordKind, Rows
from velroload.sample import SAMPLE, Kind

MANIFEST: dict[str, Any] = {
    "format": "velroload-run/1",
    "name": "café",
    "seed": 4711,
    "phases": [{"id": 0, "name": "main", "start_ns": 0, "end_ns": 3_000_000_000}],
    "endpoints": [
        {"id": 0, "name": "login", "kind": "request", "scenario": "a", "cls": "", "setup": True},
        {"id": 1, "name": "me", "kind": "request", "scenario": "a", "cls": "auth", "setup": False},
        {"id": 2, "name": "list", "kind": "request", "scenario": "a", "cls": "", "setup": False},
        {"id": 3, "name": "it", "kind": "iteration", "scenario": "a", "cls": "", "setup": False},
    ],
}
END: dict[str, Any] = {"ended_ns": 3_000_000_000, "ended": "planned", "incomplete": []}
EVENT = {"at_ns": 5, "what": "phase main began"}
COUNTERS = {"second": 1, "worker": 0, "requests_started": 700}
PROBES = [
    {"time_s": 0.5, "values": {"cpu": 12.5}},
    {"time_s": 1.5, "values": {"cpu": 13.0, "rss_bytes": 4096.0}},
]


def samples_of(second: int, n: int = 400) -> Rows:
    """Requests (1 % failed) and iterations that end within this second."""
    rng = np.random.default_rng(second)
    samples = np.zeros(n, SAMPLE)
    samples["end_ns"] = second * 10**9 + 10**8 + np.sort(rng.integers(0, 9 * 10**8, n))
    samples["sent_ns"] = samples["end_ns"] - rng.integers(10**6, 9 * 10**7, n)
    samples["scheduled_ns"] = samples["sent_ns"] - rng.integers(0, 10**5, n)
    samples["endpoint"] = rng.integers(0, 4, n)
    samples["status"] = 200
    samples["error"][::100] = 70
    samples["status"][::100] = 503
    samples["error"][7::100] = 40
    samples["flags"][samples["endpoint"] == 3] = Kind.ITERATION
    return samples


def deltas_of(*batches: Rows) -> list[Delta]:
    """One delta per batch of samples, through ring and merger."""
    slots = 1 << 12
    buffer = bytearray(segment_bytes(slots))
    format_segment(buffer, slots)
    reader, writer, merger = RingReader(buffer), RingWriter(buffer), Merger(1, 4)
    deltas = []
    for batch in batches:
        assert writer.push(batch.tobytes()) == len(batch)
        reader.drain(merger)
        deltas.append(Delta.from_parts(merger.take()))
    return deltas


def journal_of(deltas: list[Delta], *, end: bool = True) -> list[bytes]:
    """The records of a run, one by one."""
    parts = [journal.pack_json(RecordKind.MANIFEST, MANIFEST)]
    for delta in deltas:
        parts.append(journal.pack(RecordKind.DELTA, delta.encode()))
        parts.append(journal.pack_json(RecordKind.COUNTERS, COUNTERS))
    parts.append(journal.pack_json(RecordKind.EVENT, EVENT))
    parts += [journal.pack_json(RecordKind.PROBE, probe) for probe in PROBES]
    if end:
        parts.append(journal.pack_json(RecordKind.END, END))
    return parts
