"""Rows of the run folder by quantity, endpoint, phase and outcome: a report asks for thousands of
small parts of arrays with millions of rows.

An index keeps no rows. What blocks of them have in common stands once for each block, the rest in
columns of the smallest type that holds it: a row of SERIES takes 5 or 6 bytes instead of 16.
"""

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from velroload.journal import Rows

Array = NDArray[Any]
SPAN = 1 << 16
"""More than there are endpoints, quantities or counters."""
PIECE = 1 << 18
"""Rows that are read at once."""
SMALL = 1 << 32
"""What is below fits into 1, 2 or 4 bytes."""


class Index:
    """Blocks of rows in the order of what they are of, endpoint, phase, outcome; within a block
    rows stay in the order in which they were given.

    keys: what (quantity or counter), endpoint, phase and outcome of each block, int64[4, blocks];
    starts: where each begins, and the end of all; columns: the other fields of the rows; dtype:
    that of the rows.
    """

    __slots__ = ("columns", "dtype", "keys", "starts")

    def __init__(self, rows: Rows) -> None:
        self.dtype: np.dtype[Any] = rows.dtype
        order, blocks = _order(rows)
        self.starts: NDArray[np.int64] = np.append(blocks, len(rows))
        first = order[blocks]
        self.keys: NDArray[np.int64] = np.zeros((4, len(blocks)), np.int64)
        for place, name in enumerate(names_of(rows.dtype)):
            self.keys[place] = rows[name][first] if name in _fields(rows.dtype) else 0
        self.columns = {name: _compact(rows[name])[order] for name in rest_of(rows.dtype)}

    @classmethod
    def joined(cls, parts: Sequence["Index"], dtype: np.dtype[Any]) -> "Index":
        """All of several, those of a block in their order. Takes their columns away from them, one
        after the other: both together would need twice the memory."""
        made = cls(np.empty(0, dtype))
        if not parts:
            return made
        keys = np.concatenate([part.keys for part in parts], axis=1)
        owner = np.repeat(np.arange(len(parts)), [part.keys.shape[1] for part in parts])
        begins = np.concatenate([part.starts[:-1] for part in parts])
        ends = np.concatenate([part.starts[1:] for part in parts])
        order = np.lexsort((owner, *keys[::-1]))
        keys, owner, begins, ends = keys[:, order], owner[order], begins[order], ends[order]
        pieces = list(zip(owner.tolist(), begins.tolist(), ends.tolist(), strict=True))
        changes = (keys[:, 1:] != keys[:, :-1]).any(axis=0)
        first = np.flatnonzero(np.append([True] * bool(len(order)), changes))
        made.keys = keys[:, first]
        at = np.append(0, np.cumsum(ends - begins))
        made.starts = np.append(at[first], at[-1])
        for name, empty in made.columns.items():
            own = [part.columns.pop(name) for part in parts]
            found = [own[number][begin:end] for number, begin, end in pieces]
            made.columns[name] = np.concatenate(found) if found else empty
        return made

    def part(
        self,
        endpoints: Collection[int] | None = None,
        what: int | Collection[int] | None = None,
        outcomes: Collection[int] | None = None,
        phases: Collection[int] | None = None,
    ) -> "Part":
        """The rows of these endpoints, quantities (or counters), outcomes, phases; None: of all."""
        wanted = ((what,) if isinstance(what, int) else what, endpoints, phases, outcomes)
        first, end, done = 0, self.keys.shape[1], 0
        for own, values in zip(
            self.keys, wanted, strict=True
        ):  # sorted as long as one is asked for
            if values is None or len(values) != 1:
                break
            (value,) = values
            first, end = (first + np.searchsorted(own[first:end], (value, value + 1))).tolist()
            done += 1
        blocks = np.arange(first, end)
        for own, values in zip(self.keys[done:], wanted[done:], strict=True):
            if values is not None:
                blocks = blocks[among(own[blocks], values)]
        return Part(self, blocks)


class Part:
    """Some blocks of an index. part["bin"] is a column of their rows, block after block; the names
    of the keys give columns too. Columns that lie side by side are no copies: not to be written
    to. Integers may be of few bytes."""

    __slots__ = ("blocks", "index")

    def __init__(self, index: Index, blocks: NDArray[np.int64]) -> None:
        self.index = index
        self.blocks = blocks

    def where(self, chosen: NDArray[np.bool_]) -> "Part":
        """Those blocks of it."""
        return Part(self.index, self.blocks[chosen])

    def key(self, name: str) -> NDArray[np.int64]:
        """A field of the keys, block by block."""
        own = self.index.keys[names_of(self.index.dtype).index(name)]
        return np.asarray(own[self.blocks])

    def sizes(self) -> NDArray[np.int64]:
        """Rows of each block."""
        starts = self.index.starts
        return starts[self.blocks + 1] - starts[self.blocks]

    def __len__(self) -> int:
        return int(self.sizes().sum())

    def __getitem__(self, name: str) -> Array:
        if name not in self.index.columns:
            return np.repeat(self.key(name), self.sizes())
        column = self.index.columns[name]
        runs = [column[begin:end] for begin, end in self._runs()]
        return runs[0] if len(runs) == 1 else np.concatenate([column[:0], *runs])

    def pieces(self, *names: str) -> Iterator[tuple[Array, ...]]:
        """The same columns block by block: less memory than all at once."""
        starts = self.index.starts
        for block in self.blocks.tolist():
            begin, end = int(starts[block]), int(starts[block + 1])
            yield tuple(self.index.columns[name][begin:end] for name in names)

    def sums(self, name: str) -> NDArray[np.int64]:
        """The sum of a column over each block."""
        found = [int(column.sum()) for (column,) in self.pieces(name)]
        return np.array(found, np.int64)

    def rows(self) -> Rows:
        """As an array of the rows' own type."""
        made = np.zeros(len(self), self.index.dtype)
        for name in (*self.index.columns, *names_of(self.index.dtype)):
            if name in _fields(self.index.dtype):
                made[name] = self[name]
        return made

    def _runs(self) -> list[tuple[int, int]]:
        """Where the blocks lie, neighbours as one."""
        begins = self.index.starts[self.blocks].tolist()
        ends = self.index.starts[self.blocks + 1].tolist()
        runs: list[tuple[int, int]] = []
        for begin, end in zip(begins, ends, strict=True):
            if runs and runs[-1][1] == begin:
                runs[-1] = (runs[-1][0], end)
            else:
                runs.append((begin, end))
        return runs


@dataclass(frozen=True, slots=True)
class Kept:
    """What counts of a run: these phases, and of these endpoints some phases more."""

    phases: frozenset[int]
    endpoints: frozenset[int] = frozenset()
    more: frozenset[int] = frozenset()

    def of(self, part: Part) -> NDArray[np.bool_]:
        """Which blocks of a part count."""
        phases = part.key("phase")
        found = among(phases, self.phases)
        if self.endpoints:
            found |= among(part.key("endpoint"), self.endpoints) & among(phases, self.more)
        return found


def read_index(path: Path, name: str, dtype: np.dtype[Any]) -> Index:
    """The index of an array in an .npz, read piece by piece: the array itself is never in memory.

    The next piece is decompressed (zlib lets other threads run) while one is put in order.
    ValueError for an array of another layout or one that is cut off; what zipfile says else.
    """
    parts = []
    with (
        ThreadPoolExecutor(1) as ahead,
        ZipFile(path) as archive,
        archive.open(f"{name}.npy") as file,
    ):
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError("an array of another version")
        shape, by_columns, found = np.lib.format.read_array_header_1_0(file)
        if found != dtype or by_columns or len(shape) != 1:
            raise ValueError("an array of another layout")
        left = shape[0] * dtype.itemsize
        piece = PIECE * dtype.itemsize
        coming = ahead.submit(file.read, min(left, piece))
        while data := coming.result():
            left -= len(data)
            coming = ahead.submit(file.read, min(left, piece))
            parts.append(Index(np.frombuffer(data, dtype)))
        if left or file.read(1):  # reading to the end compares the checksum, too
            raise ValueError("an array is cut off")
    return Index.joined(parts, dtype)


def among(column: Array, wanted: Collection[int]) -> NDArray[np.bool_]:
    """Which numbers are wanted; one is compared, several are looked up in a table."""
    if len(wanted) == 1:
        return np.asarray(column == next(iter(wanted)))
    table = np.zeros(SPAN, np.bool_)
    table[list(wanted)] = True
    return table[column]


def names_of(dtype: np.dtype[Any]) -> tuple[str, str, str, str]:
    """The fields that blocks have in common; not every type of rows has an outcome."""
    what = "counter" if "counter" in _fields(dtype) else "quantity"
    return what, "endpoint", "phase", "outcome"


def rest_of(dtype: np.dtype[Any]) -> list[str]:
    """The fields that differ from row to row."""
    return [name for name in _fields(dtype) if name not in (*names_of(dtype), "pad")]


def _fields(dtype: np.dtype[Any]) -> tuple[str, ...]:
    return dtype.names or ()


def _order(rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(the order of the rows, where in it each block begins)."""
    names = [name for name in names_of(rows.dtype) if name in _fields(rows.dtype)]
    columns = [np.ascontiguousarray(rows[name]) for name in names]
    ranked = [_ranked(column) for column in columns]
    whole = int(np.prod([count for count, _ in ranked], dtype=object))
    small: Any = np.uint16 if whole < SPAN else np.uint64  # 16 bits sort by radix: much faster
    place = np.zeros(len(rows), small)
    for column, (count, rank) in zip(columns, ranked, strict=True):
        if count > 1:
            place *= small(count)
            place += rank.astype(small)[column]
    order = np.argsort(place, kind="stable")
    place = place[order]
    changes = place[1:] != place[:-1]
    return order, np.flatnonzero(np.append([True] * bool(len(rows)), changes))


def _ranked(column: Array) -> tuple[int, NDArray[np.int64]]:
    """How many values occur, and the rank of each value below SPAN among them."""
    seen = np.zeros(SPAN, np.bool_)
    seen[column] = True
    return max(1, int(seen.sum())), np.maximum(np.cumsum(seen) - 1, 0)


def _compact(column: Array) -> Array:
    """In the smallest unsigned type that holds it; as it is where that would be as long."""
    column = np.ascontiguousarray(column)
    signed = column.dtype.kind == "i"
    if not len(column) or (signed and column.min() < 0) or (most := int(column.max())) >= SMALL:
        return column
    return column.astype(np.min_scalar_type(most))
