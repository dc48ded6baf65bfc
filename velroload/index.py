"""Rows of the run folder by endpoint and quantity: a report asks for thousands of small parts of
arrays with millions of rows."""

from collections.abc import Collection
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from velroload.journal import Rows

SPAN = 1 << 16
"""More than there are endpoints, quantities or counters."""


class Index:
    """Rows in the order of quantity (or counter), endpoint and outcome where they have one, else as
    they were. A copy of them: the order of the rows that were given stays.

    ranks: of quantities, endpoints and outcomes: value → its place among those that occur; starts:
    where each combination begins, the outcome varying quickest, and the end of all.
    """

    __slots__ = ("ranks", "rows", "starts")

    def __init__(self, rows: Rows) -> None:
        names = rows.dtype.names or ()
        columns = [rows["counter" if "counter" in names else "quantity"], rows["endpoint"]]
        columns.append(rows["outcome"] if "outcome" in names else np.zeros(1, np.uint8))
        known, ranks = zip(*(_ranked(column) for column in columns), strict=True)
        sizes = [max(1, len(each)) for each in known]
        whole = sizes[0] * sizes[1] * sizes[2]
        small: Any = np.uint16 if whole < SPAN else np.uint32  # 16 bits sort by radix: much faster
        place: NDArray[Any] = np.zeros(len(rows), small)
        for column, rank, size in zip(columns, ranks, sizes, strict=True):
            if size > 1:
                place *= np.array(size, small)
            place += rank.astype(small)[column]
        order = np.argsort(place, kind="stable")
        self.rows: Rows = rows[order]
        counts = np.bincount(place, minlength=whole)
        self.starts: list[int] = [0, *np.cumsum(counts).tolist()]
        self.ranks = [dict(zip(each.tolist(), range(len(each)), strict=True)) for each in known]

    def part(
        self,
        endpoints: Collection[int] | None,
        what: int | None = None,
        outcomes: Collection[int] | None = None,
    ) -> Rows:
        """The rows of these endpoints, this quantity or counter, these outcomes; None: of all."""
        wanted = (None if what is None else (what,), endpoints, outcomes)
        chosen = [
            sorted(ranks.values() if each is None else {ranks[k] for k in each if k in ranks})
            for ranks, each in zip(self.ranks, wanted, strict=True)
        ]
        size, last = len(self.ranks[1]), len(self.ranks[2])
        places = [(q * size + e) * last + o for q, e, o in product(*chosen)]
        if places and len(places) == places[-1] - places[0] + 1:  # they lie side by side
            return self.rows[self.starts[places[0]] : self.starts[places[-1] + 1]]
        parts = [self.rows[self.starts[place] : self.starts[place + 1]] for place in places]
        return np.concatenate([self.rows[:0], *parts])


def _ranked(column: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The values that occur, ascending, and the rank of each value below SPAN."""
    seen = np.zeros(SPAN, np.bool_)
    seen[column] = True
    return np.flatnonzero(seen), np.maximum(np.cumsum(seen) - 1, 0)
