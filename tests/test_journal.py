"""velroload/journal.py: deltas add, records survive anything that happens behind them."""

import random
import struct
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reference.runs import MANIFEST, deltas_of, journal_of, samples_of
from velroload import journal
from velroload.journal import (
    COUNTS,
    HIST,
    HIST_SUM,
    SERIES,
    STATS,
    Delta,
    RecordKind,
    slowest,
    sum_rows,
)
from velroload.sample import SAMPLE


def same(one: Delta, other: Delta) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one.arrays, other.arrays, strict=True))


def test_row_sizes_are_those_of_the_core() -> None:
    assert [d.itemsize for d in (HIST, STATS, SERIES, COUNTS, SAMPLE)] == [12, 40, 16, 24, 64]


def test_delta_round_trip() -> None:
    (delta,) = deltas_of(samples_of(1))
    assert all(len(array) for array in delta.arrays)
    assert same(Delta.decode(delta.encode()), delta)
    assert same(Delta.decode(Delta().encode()), Delta())


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "delta: 0 arrays instead of 5."),
        (Delta().encode()[:-1], "delta: bytes are left over."),
        (Delta().encode() + b"x", "delta: bytes are left over."),
        (struct.pack("<I", 5) + b"1234", "delta: an array is cut off."),
        (Delta().encode() * 2, "delta: 10 arrays instead of 5."),
    ],
)
def test_foreign_delta_is_refused(payload: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=r"^delta: ") as caught:
        Delta.decode(payload)
    assert str(caught.value) == message


def test_half_a_row_is_refused() -> None:
    with pytest.raises(ValueError, match="buffer size must be a multiple of element size"):
        Delta.from_parts([b"x" * 13, b"", b"", b"", b""])


rows_of_counts = st.tuples(
    st.integers(0, 3), st.integers(0, 2), st.integers(0, 3), st.integers(0, 2),
    st.integers(-5, 1 << 40),
)  # fmt: skip


@given(st.lists(rows_of_counts, max_size=50))
def test_sum_of_counts_equals_a_dictionary(rows: list[tuple[int, ...]]) -> None:
    expected = Counter[tuple[int, ...]]()
    for *key, value in rows:
        expected[*key] += value
    pad = (0,) * 7
    array = np.array([(*key, pad, value) for *key, value in rows], dtype=COUNTS)
    names = ["second", "endpoint", "counter", "phase"]
    summed = sum_rows(array)
    keys = [tuple(row) for row in summed[names].tolist()]
    assert dict(zip(keys, summed["value"].tolist(), strict=True)) == expected
    assert len(summed) == len(expected)


rows_of_series = st.tuples(
    st.integers(0, 2), st.integers(0, 2), st.integers(0, 1), st.integers(0, 3), st.integers(0, 2),
    st.integers(1, 9),
)  # fmt: skip


@given(st.lists(rows_of_series, max_size=50))
def test_sum_of_series_is_ordered_by_key(rows: list[tuple[int, ...]]) -> None:
    expected = Counter[tuple[int, ...]]()
    for row in rows:
        expected[row[:5]] += row[5]
    array = np.array([(a, b, c, p, d, 0, n) for a, b, c, d, p, n in rows], dtype=SERIES)
    summed = [(a, b, c, d, p, n) for a, b, c, p, d, _, n in sum_rows(array).tolist()]
    assert summed == [(*key, n) for key, n in sorted(expected.items())]


def test_sum_of_stats_adds_and_combines() -> None:
    key = (0, 1, 2, 3, (0, 0, 0))
    rows = np.array([(*key, 2, 30, 10, 20), (*key, 1, 5, 5, 5), (*key, 1, 99, 99, 99)], dtype=STATS)
    (row,) = sum_rows(rows)
    assert [int(row[name]) for name in ("count", "sum", "min", "max")] == [4, 134, 5, 99]


def test_sum_of_histograms_outgrows_32_bits() -> None:
    rows = np.array([(0, 0, 0, 0, 0, 7, (1 << 32) - 1)] * 3, dtype=HIST)
    summed = sum_rows(rows)
    assert summed.dtype == HIST_SUM
    assert summed["count"].tolist() == [3 * ((1 << 32) - 1)]


def test_sum_does_not_depend_on_grouping() -> None:
    parts = deltas_of(samples_of(1), samples_of(2), samples_of(1))
    left = parts[0] + parts[1] + parts[2]
    right = parts[2] + (parts[0] + parts[1])
    for one, other in zip(left.arrays[:4], right.arrays[:4], strict=True):
        assert np.array_equal(sum_rows(one), sum_rows(other))
    again = sum_rows(sum_rows(left.hist))
    assert np.array_equal(again, sum_rows(left.hist))


def test_slowest_of_each_phase_and_endpoint() -> None:
    samples = samples_of(1, 3_000)
    found = slowest(samples, 10)
    for endpoint in range(4):
        mine = samples[samples["endpoint"] == endpoint]
        response_ns = np.sort(mine["end_ns"] - mine["scheduled_ns"])[::-1]
        kept = found[found["endpoint"] == endpoint]
        assert (kept["end_ns"] - kept["scheduled_ns"]).tolist() == response_ns[:10].tolist()
    assert len(slowest(samples[:0])) == 0


def read(data: bytes) -> tuple[list[Any], list[str]]:
    found = list(journal.records(data))
    notes = [record for record in found if isinstance(record, str)]
    return [record for record in found if not isinstance(record, str)], notes


def test_journal_cut_at_every_byte_keeps_what_stands_before() -> None:
    parts = journal_of(deltas_of(samples_of(0, 3)))
    data = b"".join(parts)
    ends = [sum(len(part) for part in parts[:n]) for n in range(len(parts) + 1)]
    for cut in range(len(data) + 1):
        records, notes = read(data[:cut])
        whole = max(n for n, end in enumerate(ends) if end <= cut)
        assert len(records) == whole
        left = cut - ends[whole]
        assert notes == (
            [
                f"journal.bin: the record at byte {ends[whole]} is cut off: "
                f"{left} bytes were left out."
            ]
            if left
            else []
        )


def test_damaged_byte_ends_the_journal_there() -> None:
    parts = journal_of(deltas_of(samples_of(0, 3)))
    data = b"".join(parts)
    start, length = len(parts[0]), len(parts[1])
    for at in range(start + 4, start + length):  # checksum, type and payload of the second record
        damaged = bytearray(data)
        damaged[at] ^= 0x40
        records, notes = read(bytes(damaged))
        assert len(records) == 1
        assert notes == [
            f"journal.bin: the record at byte {start} is damaged: "
            f"{len(data) - start} bytes were left out."
        ]


def test_right_checksum_does_not_make_nonsense_a_record() -> None:
    for record in (
        journal.pack(RecordKind.EVENT, b"[1]"),
        journal.pack(RecordKind.EVENT, b"not json"),
        journal.pack(RecordKind.EVENT, b"[" * 100_000),
        journal.pack(RecordKind.EVENT, b"\xff"),
        journal.pack(RecordKind.DELTA, b"x"),
        struct.pack("<IIB", 2, 0x92F99A1E, 77) + b"{}",
    ):
        records, notes = read(record)
        assert (records, len(notes)) == ([], 1)


def test_noise_is_no_journal() -> None:
    noise = random.Random(4711)
    for _ in range(200):
        records, notes = read(noise.randbytes(noise.randrange(1, 200)))
        assert (records, len(notes)) == ([], 1)


def test_records_come_back_in_order() -> None:
    deltas = deltas_of(samples_of(0), samples_of(1))
    records, notes = read(b"".join(journal_of(deltas)))
    assert notes == []
    assert [kind for kind, _ in records] == [1, 2, 4, 2, 4, 3, 5, 5, 6]
    assert records[0][1] == MANIFEST
    assert same(records[1][1], deltas[0])
