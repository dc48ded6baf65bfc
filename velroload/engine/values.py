"""Values that servers named in their answers, from the workers' second rings into figures.

They become rows of the same histograms as times: a series is a quantity of its own, counted from
journal.SERIES_FIRST. Nothing that a worker's memory says is believed unchecked.
"""

import re
from collections.abc import Sequence

import numpy as np

from velroload._core import ValueReader
from velroload.histogram import bins_of
from velroload.journal import HIST, SERIES_FIRST, STATS, Rows, sum_rows

VALUE = np.dtype(
    [
        ("at_ns", "<i8"),
        ("value_ns", "<i8"),
        ("endpoint", "<u2"),
        ("series", "<u2"),
        ("phase", "u1"),
        ("pad", "V11"),
    ]
)
SERIES_MAX = 32
VALUE_LIMIT_NS = 1 << 60
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,63}|cache L[123]")


class Values:
    """Reads the second ring of every worker; `names` are the series, in the order of their first
    use, over all workers. `corrupt` counts by worker what made no sense."""

    def __init__(self, readers: Sequence[ValueReader], *, phases: int, endpoints: int) -> None:
        self.readers = list(readers)
        self.names: list[str] = []
        self.corrupt = [0] * len(self.readers)
        self._phases = phases
        self._endpoints = endpoints
        self._taken: list[Rows] = []

    def drain(self, index: int) -> int:
        """Take out what waits in one ring: how many values. ValueError when it is damaged."""
        reader = self.readers[index]
        rows = np.frombuffer(reader.read(), VALUE)
        if not len(rows):
            return 0
        numbers = np.array([self._number(name) for name in reader.names()] + [-1], np.int64)
        local = np.minimum(rows["series"].astype(np.int64), len(numbers) - 1)
        known = numbers[local]
        sane = (
            (known >= 0)
            & (rows["endpoint"] < self._endpoints)
            & (rows["phase"] < self._phases)
            & (rows["value_ns"] >= 0)
            & (rows["value_ns"] <= VALUE_LIMIT_NS)
        )
        self.corrupt[index] += int(len(rows) - sane.sum())
        kept = rows[sane].copy()
        kept["series"] = known[sane]
        self._taken.append(kept)
        return len(rows)

    def take(self) -> tuple[Rows, Rows]:
        """Rows of journal.HIST and STATS for everything since the last take."""
        if not self._taken:
            return np.empty(0, HIST), np.empty(0, STATS)
        rows = np.concatenate(self._taken)
        self._taken.clear()
        return histograms(rows), statistics(rows)

    def _number(self, name: bytes) -> int:
        """The number of a series over all workers; -1 for what is no name, or one too many."""
        if not _NAME.fullmatch(name):
            return -1
        text = name.decode()
        if text not in self.names:
            if len(self.names) == SERIES_MAX:
                return -1
            self.names.append(text)
        return self.names.index(text)


def histograms(rows: Rows) -> Rows:
    """How many values fell into each bin."""
    found = np.zeros(len(rows), HIST)
    found["bin"] = bins_of(rows["value_ns"])
    return sum_rows(keyed(found, rows)).astype(HIST)


def statistics(rows: Rows) -> Rows:
    """Exact count, sum, min and max of each phase, endpoint and series."""
    found = np.zeros(len(rows), STATS)
    for name in ("sum", "min", "max"):
        found[name] = rows["value_ns"]
    return sum_rows(keyed(found, rows))


def keyed(found: Rows, rows: Rows) -> Rows:
    """One row for each value, under its phase, endpoint and series."""
    found["phase"], found["endpoint"] = rows["phase"], rows["endpoint"]
    found["quantity"] = SERIES_FIRST + rows["series"]
    found["count"] = 1
    return found
