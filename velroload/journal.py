"""The journal: what a running measurement writes, and all that a report needs.

journal.bin is a row of records: uint32 length of the payload, uint32 CRC32 of type and payload,
uint8 type, payload; little endian. A truncated or damaged tail is cut off and said; it never costs
what stands before it. Figures travel as deltas: sparse, additive, in any order. Nothing in here is
pickled.
"""

import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from velroload.sample import SAMPLE

Rows = NDArray[np.void]
"""A structured array of one of the dtypes below."""

HIST = np.dtype(
    [
        ("phase", "u1"),
        ("outcome", "u1"),
        ("endpoint", "<u2"),
        ("quantity", "u1"),
        ("pad", "u1"),
        ("bin", "<u2"),
        ("count", "<u4"),
    ]
)
"""Bins of 3 digits; key (8 bytes) and count."""

SERIES_FIRST = 16
"""From here on a quantity of HIST and STATS is a series of values that servers named; the run's
manifest has the names, in this order."""

HIST_SUM = np.dtype([(name, HIST[name]) for name in (HIST.names or ())[:-1]] + [("count", "<i8")])
"""HIST summed over a run: the same fields, the count in 64 bits."""

STATS = np.dtype(
    [
        ("phase", "u1"),
        ("outcome", "u1"),
        ("endpoint", "<u2"),
        ("quantity", "u1"),
        ("pad", "u1", (3,)),
        ("count", "<i8"),
        ("sum", "<i8"),
        ("min", "<i8"),
        ("max", "<i8"),
    ]
)
"""Exact count, sum, min and max (ns) of the same keys; count and sum add, min and max combine."""

SERIES = np.dtype(
    [
        ("second", "<u4"),
        ("endpoint", "<u2"),
        ("quantity", "u1"),
        ("phase", "u1"),
        ("bin", "<u2"),
        ("pad", "<u2"),
        ("count", "<u4"),
    ]
)
"""Bins of 2 digits per second of the end; response (0) and service (1) of outcomes 0 and 1."""

COUNTS = np.dtype(
    [
        ("second", "<u4"),
        ("endpoint", "<u2"),
        ("counter", "<u2"),
        ("phase", "u1"),
        ("pad", "u1", (7,)),
        ("value", "<i8"),
    ]
)
"""Per second: 0–999 HTTP status of complete responses, 1000 + ErrorKind, and Counter."""


class Counter(IntEnum):
    """Counters of COUNTS beside the status codes and the error kinds."""

    ERROR = 1000  # + ErrorKind
    OK = 1256
    FAILED = 1257
    TRANSPORT = 1258
    BYTES_IN = 1259
    SENT = 1260  # in the second of sent_ns
    USER_CLOCK = 1261
    COALESCED = 1262
    PREEMPTED = 1263
    RETRIED = 1264
    NEW_CONNECTION = 1265
    KERNEL_STAMP = 1266  # complete responses whose end is the kernel's
    SCHEDULED = 1267  # in the second of scheduled_ns
    AGE = 1268  # + the age class of the connection, 0 to 3; in the second of sent_ns
    CACHE = 1272  # + CacheLayer MISS to L3; itself: asked, and not told (UNKNOWN)
    USERS = 1288  # users whose first good answer in their window of two cycles this is


class RecordKind(IntEnum):
    """The type byte of a journal record."""

    MANIFEST = 1
    DELTA = 2
    EVENT = 3
    COUNTERS = 4
    PROBE = 5
    END = 6


FAILURE = "failure"
"""The "event" of an EVENT record that shows what one failed request looked like."""

DELTA_DTYPES = (HIST, STATS, SERIES, COUNTS, SAMPLE)
HEADER = struct.Struct("<IIB")
LENGTH = struct.Struct("<I")


def _key(rows: Rows) -> NDArray[np.uint64]:
    """The key of every row in one word, so that equal keys can be found by sorting integers; of
    SERIES and COUNTS without the phase, for which there is no room."""
    if rows.dtype == SERIES:
        second = rows["second"].astype(np.uint64)
        endpoint = rows["endpoint"].astype(np.uint64)
        quantity = rows["quantity"].astype(np.uint64)
        return np.asarray(second << 32 | endpoint << 16 | quantity << 15 | rows["bin"])
    octets = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), rows.itemsize)
    key: NDArray[np.uint64] = np.ascontiguousarray(octets[:, :8]).view(np.uint64)[:, 0]
    return key


def sum_rows(rows: Rows) -> Rows:
    """One row per key, ordered by key: counts, sums and values added, min and max combined.

    HIST becomes HIST_SUM: over a long run a bin may outgrow 32 bits.
    """
    if rows.dtype == HIST:
        rows = rows.astype(HIST_SUM)
    if not len(rows):
        return rows.copy()
    key, phase = _key(rows), rows["phase"]
    apart = rows.dtype in (SERIES, COUNTS) and phase.any()
    order = np.lexsort((phase, key)) if apart else np.argsort(key, kind="stable")
    key, phase = key[order], phase[order]
    changes = (key[1:] != key[:-1]) | (phase[1:] != phase[:-1])
    first = np.flatnonzero(np.concatenate(([True], changes)))
    summed = rows[order[first]]
    for name, ufunc in (
        ("count", np.add),
        ("sum", np.add),
        ("value", np.add),
        ("min", np.minimum),
        ("max", np.maximum),
    ):
        if name in (rows.dtype.names or ()):
            summed[name] = ufunc.reduceat(rows[name][order], first)
    return summed


def slowest(samples: Rows, limit: int = 1000) -> Rows:
    """The `limit` slowest samples by response time of each phase × endpoint, slowest first."""
    response_ns = samples["end_ns"] - samples["scheduled_ns"]
    group = samples["phase"].astype(np.int64) << 16 | samples["endpoint"]
    order = np.lexsort((-response_ns, group))
    group = group[order]
    starts = np.flatnonzero(np.concatenate(([True], group[1:] != group[:-1]))[: len(group)])
    rank = np.arange(len(group)) - np.repeat(starts, np.diff(np.append(starts, len(group))))
    return samples[order[rank < limit]]


@dataclass(slots=True)
class Delta:
    """What one node counted since its last delta. All five arrays add, in any order."""

    hist: Rows = field(default_factory=lambda: np.empty(0, HIST))
    stats: Rows = field(default_factory=lambda: np.empty(0, STATS))
    series: Rows = field(default_factory=lambda: np.empty(0, SERIES))
    counts: Rows = field(default_factory=lambda: np.empty(0, COUNTS))
    tail: Rows = field(default_factory=lambda: np.empty(0, SAMPLE))

    @classmethod
    def from_parts(cls, parts: Sequence[bytes]) -> "Delta":
        """From the bytes of the five arrays. ValueError unless each holds whole rows."""
        if len(parts) != len(DELTA_DTYPES):
            raise ValueError(f"delta: {len(parts)} arrays instead of {len(DELTA_DTYPES)}.")
        return cls(*(np.frombuffer(p, d) for p, d in zip(parts, DELTA_DTYPES, strict=True)))

    @property
    def arrays(self) -> tuple[Rows, ...]:
        """hist, stats, series, counts, tail."""
        return (self.hist, self.stats, self.series, self.counts, self.tail)

    def encode(self) -> bytes:
        """The payload of a journal record of type DELTA."""
        parts = [array.tobytes() for array in self.arrays]
        return b"".join(LENGTH.pack(len(part)) + part for part in parts)

    @classmethod
    def decode(cls, payload: bytes) -> "Delta":
        """The inverse of encode(). ValueError when the payload is not a delta."""
        parts = []
        at = 0
        while at + LENGTH.size <= len(payload):
            (length,) = LENGTH.unpack_from(payload, at)
            at += LENGTH.size
            if length > len(payload) - at:
                raise ValueError("delta: an array is cut off.")
            parts.append(payload[at : at + length])
            at += length
        if at != len(payload):
            raise ValueError("delta: bytes are left over.")
        return cls.from_parts(parts)

    def __add__(self, other: "Delta") -> "Delta":
        """Both, exactly: rows are appended, and whoever reads them adds equal keys."""
        pairs = zip(self.arrays, other.arrays, strict=True)
        return Delta(*(np.concatenate(pair) for pair in pairs))


def pack(kind: RecordKind, payload: bytes) -> bytes:
    """One record."""
    checksum = zlib.crc32(payload, zlib.crc32(bytes([kind])))
    return HEADER.pack(len(payload), checksum, kind) + payload


def pack_json(kind: RecordKind, value: Any) -> bytes:
    """One record of JSON."""
    return pack(kind, json.dumps(value, separators=(",", ":"), allow_nan=False).encode())


def records(data: bytes) -> Iterator[tuple[RecordKind, Any] | str]:
    """The records of a journal: (kind, Delta or parsed JSON); last, a note when a tail was cut off.

    A damaged record ends the journal: lengths after it cannot be trusted.
    """
    at = 0
    while at < len(data):
        problem = "is cut off"
        record: tuple[RecordKind, Any] | None = None
        if at + HEADER.size <= len(data):
            length, checksum, kind = HEADER.unpack_from(data, at)
            payload = data[at + HEADER.size : at + HEADER.size + length]
            if len(payload) == length:
                problem = "is damaged"
                if checksum == zlib.crc32(payload, zlib.crc32(bytes([kind]))):
                    record = _parse(kind, payload)
        if record is None:
            left = len(data) - at
            yield f"journal.bin: the record at byte {at} {problem}: {left} bytes were left out."
            return
        yield record
        at += HEADER.size + length


def _parse(kind: int, payload: bytes) -> tuple[RecordKind, Any] | None:
    """A record whose checksum is right, or None when it makes no sense all the same."""
    try:
        known = RecordKind(kind)
        value = Delta.decode(payload) if known == RecordKind.DELTA else json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if known != RecordKind.DELTA and not isinstance(value, dict):
        return None
    return known, value
