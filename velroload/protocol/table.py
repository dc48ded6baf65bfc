"""Rows of a data set where workers read them: sealed memory that all of the machine share.

The layout is that of core/cells.pxi. Rows stream through: no more than a block of them is held.

Rows that a plan's file does not have, but a run makes, become a table in the same way:

    accounts = Table.of("accounts", ("id", "email"), [("1", "a@b.test"), …])
    program = compile_program(plan, target, addresses, tables=(accounts,))
    jobs = make_jobs(Work.of(plan), program, cpus, spin=False)
    workers = Workers(jobs, program.files, program.tables)

`${accounts.email}` is then a slot like any other, in requests, conditions and checks. `pick`, `per`
and `at_end` mean what plan/data.py says; left out, each user has the row of its number, and from
the first row on again where users are more than rows. A table of the name of a plan's data set is
read instead of it.
"""

import fcntl
import os
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Self

import numpy as np
from numpy.typing import NDArray

from velroload.errors import ConfigError

MAGIC = 0x31574F52564C4F41
HEAD = struct.Struct("<4Q32x")
BLOCK_ROWS = 1024
BLOCK_BYTES_MAX = 2**32 - 1
CELL_BYTES_MAX = 64 << 10
ROWS_MAX = 2**32 - 2
COLUMNS_MAX = 4095
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Row = Sequence[str]


class BadRow(ConfigError):
    """A row that cannot be taken in: its place among the rows, from 0, and what is wrong."""

    def __init__(self, index: int, what: str, name: str = "") -> None:
        super().__init__(f"data {name}: row {index + 1}: {what}")
        self.index = index
        self.what = what


@dataclass
class Memory:
    """A sealed memfd; close() may be called twice."""

    fd: int

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __del__(self) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Table:
    """A data set ready to be used. rows: how many. widths: bytes of the longest cell per column.
    unfit: per column the first row, from 0, with a cell that no path can have; None without one."""

    name: str
    columns: tuple[str, ...]
    rows: int
    widths: tuple[int, ...]
    unfit: tuple[int | None, ...]
    memory: Memory = field(repr=False)
    pick: str = "unique"
    at_end: str = "repeat"
    per: str = "user"

    @classmethod
    def of(
        cls,
        name: str,
        columns: Sequence[str],
        rows: Iterable[Row],
        pick: str = "unique",
        at_end: str = "repeat",
        per: str = "user",
    ) -> Self:
        """Write the rows down, texts in the order of the columns. ConfigError for a row that has
        another number of cells or a cell that no slot can hold, and when there is no row."""
        if not 1 <= len(columns) <= COLUMNS_MAX:
            raise ConfigError(f"data {name}: 1 to {COLUMNS_MAX} columns are possible")
        fd = os.memfd_create("velroload-data", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        memory = Memory(fd)
        try:
            count, widths, unfit = _write(fd, len(columns), iter(rows))
        except BadRow as bad:
            memory.close()
            raise BadRow(bad.index, bad.what, name) from None
        except BaseException:
            memory.close()
            raise
        if not count:
            memory.close()
            raise ConfigError(f"data {name}: it has no row")
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
        widest = tuple(map(int, widths))
        return cls(name, tuple(columns), count, widest, tuple(unfit), memory, pick, at_end, per)

    @property
    def size(self) -> int:
        """Bytes of its memory."""
        return os.fstat(self.memory.fd).st_size

    def close(self) -> None:
        """Let go of the memory: workers that have it keep it. May be called twice."""
        self.memory.close()


def _write(
    fd: int, columns: int, rows: Iterator[Row]
) -> tuple[int, NDArray[np.uint32], list[int | None]]:
    """Blocks, index and head; how many rows there were, and what is said of their columns."""
    widths = np.zeros(columns, "<u4")
    unfit: list[int | None] = [None] * columns
    index: list[int] = []
    at, count = HEAD.size, 0
    with os.fdopen(os.dup(fd), "wb") as file:
        file.write(bytes(HEAD.size))
        while block := list(islice(rows, BLOCK_ROWS)):
            lengths, texts = _block(block, columns, count)
            np.maximum(widths, lengths.max(axis=0), out=widths)
            ends = np.cumsum(lengths.ravel(), dtype="<u8")
            wrong = _unfit(ends, texts).reshape(-1, columns)
            for column in np.flatnonzero(wrong.any(axis=0)):
                if unfit[column] is None:
                    unfit[column] = count + int(wrong[:, column].argmax())
            if ends[-1] > BLOCK_BYTES_MAX:
                raise BadRow(count, f"{BLOCK_ROWS:,} rows from here on have more than 4 GiB")
            index.append(at)
            file.write(ends.astype("<u4").tobytes())
            file.write(texts)
            padding = -(4 * len(ends) + len(texts)) % 8
            file.write(bytes(padding))
            at += 4 * len(ends) + len(texts) + padding
            count += len(block)
            if count > ROWS_MAX:
                raise BadRow(count, "there are too many rows")
        file.write(np.array(index, "<u8").tobytes())
        file.seek(0)
        file.write(HEAD.pack(MAGIC, count, columns, at))
    return count, widths, unfit


def _block(block: list[Row], columns: int, first: int) -> tuple[NDArray[np.uint32], bytes]:
    """The lengths of the cells, a row per row, and their texts."""
    for index, row in enumerate(block) if set(map(len, block)) != {columns} else ():
        if len(row) != columns:
            raise BadRow(first + index, f"{len(row)} cells, {columns} columns")
    cells = list(chain.from_iterable(block))
    text = "".join(cells)
    try:
        texts = text.encode()
        if _CONTROL.search(text):
            raise ValueError
    except ValueError:
        raise _bad_cell(cells, columns, first) from None
    sizes = map(len, cells) if len(texts) == len(text) else (len(c.encode()) for c in cells)
    lengths = np.fromiter(sizes, "<u4", len(cells))
    if lengths.max() > CELL_BYTES_MAX:
        place, column = divmod(int(lengths.argmax()), columns)
        raise BadRow(
            first + place,
            f"cell {column + 1} has {int(lengths.max()):,} bytes, {CELL_BYTES_MAX:,} are possible",
        )
    return lengths.reshape(-1, columns), texts


def _bad_cell(cells: list[str], columns: int, first: int) -> BadRow:
    """The first cell that is no text, or that could end a header's line."""
    for index, cell in enumerate(cells):
        row, column = divmod(index, columns)
        try:
            cell.encode()
        except UnicodeEncodeError:
            return BadRow(first + row, f"cell {column + 1} is not UTF-8")
        if _CONTROL.search(cell):
            return BadRow(first + row, f"cell {column + 1} has a line break or control character")
    raise AssertionError("one of the cells was bad")


def _unfit(ends: NDArray[np.uint64], texts: bytes) -> NDArray[np.bool_]:
    """Per cell: it has what a path cannot have, that is all but visible ASCII, and #."""
    data = np.frombuffer(texts, np.uint8)
    seen = np.zeros(len(texts) + 1, "<u4")
    np.cumsum((data <= 32) | (data >= 127) | (data == 35), out=seen[1:])
    return np.diff(seen[ends], prepend=np.uint32(0)) > 0
