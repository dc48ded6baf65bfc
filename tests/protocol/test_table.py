"""Tables: rows in sealed memory, read back by the layout that core/cells.pxi reads."""

import os
import struct
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from velroload.errors import ConfigError
from velroload.protocol.table import BLOCK_ROWS, CELL_BYTES_MAX, Table

CELLS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=9)


def cells_of(table: Table) -> list[tuple[str, ...]]:
    """Every row, as the layout says."""
    data = os.pread(table.memory.fd, table.size, 0)
    magic, rows, columns, index_at = struct.unpack_from("<4Q", data)
    assert (magic, rows, columns) == (0x31574F52564C4F41, table.rows, len(table.columns))
    found = []
    for row in range(rows):
        (at,) = struct.unpack_from("<Q", data, index_at + row // BLOCK_ROWS * 8)
        in_block = min(rows - row // BLOCK_ROWS * BLOCK_ROWS, BLOCK_ROWS)
        ends = np.frombuffer(data, "<u4", in_block * columns, at)
        first = row % BLOCK_ROWS * columns
        texts = at + 4 * len(ends)
        begins = [0 if i == 0 else int(ends[i - 1]) for i in range(first, first + columns)]
        pairs = zip(begins, ends[first : first + columns], strict=True)
        found.append(tuple(data[texts + a : texts + b].decode() for a, b in pairs))
    return found


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 4).flatmap(lambda n: st.lists(st.tuples(*[CELLS] * n), min_size=1)))
def test_what_was_put_in_comes_out(rows: list[tuple[str, ...]]) -> None:
    columns = tuple("abcd"[: len(rows[0])])
    table = Table.of("d", columns, rows)
    assert cells_of(table) == rows
    assert table.widths == tuple(
        max(len(c.encode()) for c in column) for column in zip(*rows, strict=True)
    )
    for place, column in enumerate(zip(*rows, strict=True)):
        unfit = [any(not "!" <= ch <= "~" or ch == "#" for ch in cell) for cell in column]
        assert table.unfit[place] == (unfit.index(True) if any(unfit) else None)
    table.close()


@pytest.mark.parametrize("n", [BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1, 3 * BLOCK_ROWS])
def test_the_edges_of_blocks(n: int) -> None:
    rows = [(str(i), "é" * (i % 3)) for i in range(n)]
    table = Table.of("d", ("id", "x"), rows)
    assert cells_of(table) == rows


def test_its_memory_is_sealed() -> None:
    table = Table.of("d", ("a",), [("1",)])
    with pytest.raises(PermissionError):
        os.pwrite(table.memory.fd, b"x", 0)
    with pytest.raises(PermissionError):
        os.ftruncate(table.memory.fd, 0)
    table.close()
    table.close()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "data d: it has no row"),
        ([("1", "2"), ("1",)], "data d: row 2: 1 cells, 2 columns"),
        (
            [("1", "2"), ("1", "a\nb")],
            "data d: row 2: cell 2 has a line break or control character",
        ),
        ([("\x7f", "2")], "data d: row 1: cell 1 has a line break or control character"),
        ([("1", "\udc80")], "data d: row 1: cell 2 is not UTF-8"),
        ([("1", "x" * 65_537)], "data d: row 1: cell 2 has 65,537 bytes, 65,536 are possible"),
    ],
)
def test_rows_that_no_slot_can_hold(rows: list[tuple[str, ...]], said: str) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ConfigError) as caught:
        Table.of("d", ("a", "b"), rows)
    assert str(caught.value) == said
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_longest_cell() -> None:
    table = Table.of("d", ("a",), [("x" * CELL_BYTES_MAX,)])
    assert table.widths == (CELL_BYTES_MAX,)
    assert cells_of(table) == [("x" * CELL_BYTES_MAX,)]


def test_rows_stream_through() -> None:
    """40,000 rows of 1 KiB: never more than a few blocks of them are held."""

    def rows() -> Iterator[tuple[str, ...]]:
        for i in range(40_000):
            yield (f"{i:01024}",)

    tracemalloc.start()
    try:
        table = Table.of("d", ("a",), rows())
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert table.size > 40_000 * 1024
    assert most < table.size * 0.6
