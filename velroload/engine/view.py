"""The figures of the run so far, kept ready for the progress display and the abort rules.

Everything here is dense and added to once a second, so that looking costs microseconds, however
many samples there were.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from velroload.histogram import BINS, Histogram
from velroload.journal import Counter, Delta, Rows
from velroload.quantity import QUANTITIES

SECONDS_KEPT = 120
COUNTERS = 1300
"""More than the largest counter of journal.COUNTS."""
WATCHED = ("response", "generator_lag")

Int64 = NDArray[np.int64]


@dataclass(slots=True)
class Window:
    """Counts and times of some seconds.

    `counters` as in journal.COUNTS; `response` and `service` are histograms of 2 digits.
    """

    first_second: int
    last_second: int
    counters: dict[int, int] = field(default_factory=dict)
    response: Histogram = field(default_factory=lambda: Histogram(2))
    service: Histogram = field(default_factory=lambda: Histogram(2))

    @property
    def ok(self) -> int:
        return self.counters.get(Counter.OK, 0)

    @property
    def failed(self) -> int:
        return self.counters.get(Counter.FAILED, 0)

    @property
    def transport(self) -> int:
        return self.counters.get(Counter.TRANSPORT, 0)

    @property
    def sent(self) -> int:
        return self.counters.get(Counter.SENT, 0)

    @property
    def scheduled(self) -> int:
        return self.counters.get(Counter.SCHEDULED, 0)

    @property
    def finished(self) -> int:
        """Requests that ended, in whatever way."""
        return self.ok + self.failed + self.transport

    @property
    def errors(self) -> dict[int, int]:
        """By ErrorKind."""
        first, last = Counter.ERROR, Counter.ERROR + 255
        return {c - first: n for c, n in self.counters.items() if first <= c <= last}

    @property
    def statuses(self) -> dict[int, int]:
        """By HTTP status."""
        return {c: n for c, n in self.counters.items() if c < 1000}


class _Second:
    """One second of one set of endpoints."""

    __slots__ = ("counters", "times")

    def __init__(self) -> None:
        self.counters: Int64 = np.zeros(COUNTERS, np.int64)
        self.times: Int64 = np.zeros((2, BINS[2]), np.int64)


class View:
    """Adds up deltas for a set of endpoints: the last 120 seconds and the phases, one by one.

    Not thread-safe.
    """

    def __init__(self, endpoints: Collection[int]) -> None:
        self.last_second = 0
        self._endpoints = np.array(sorted(endpoints), np.int64)
        self._seconds: dict[int, _Second] = {}
        self._phases: dict[tuple[str, int], Int64] = {}

    def add(self, delta: Delta) -> None:
        """Add one second's figures, in any order."""
        counts, series = self._own(delta.counts), self._own(delta.series)
        hist = self._own(delta.hist)
        for second in np.unique(counts["second"]):
            rows = counts[counts["second"] == second]
            self._second(int(second)).counters += _summed(rows["counter"], rows["value"], COUNTERS)
        for second in np.unique(series["second"]):
            part = series[series["second"] == second]
            for quantity in (0, 1):
                rows = part[part["quantity"] == quantity]
                times = self._second(int(second)).times[quantity]
                times += _summed(rows["bin"], rows["count"], BINS[2])
        for phase in np.unique(hist["phase"]).tolist():
            part = hist[hist["phase"] == phase]
            for name in WATCHED:
                rows = part[part["quantity"] == QUANTITIES.index(name)]
                total = self._phases.setdefault((name, phase), np.zeros(BINS[3], np.int64))
                total += _summed(rows["bin"], rows["count"], BINS[3])
        while len(self._seconds) > SECONDS_KEPT:
            del self._seconds[min(self._seconds)]

    def window(self, seconds: int, until_s: int | None = None) -> Window:
        """The `seconds` (at most 120) up to and including `until_s` (default: the latest seen)."""
        last = self.last_second if until_s is None else until_s
        window = Window(max(last - seconds + 1, 0), last)
        total = _Second()
        for second, figures in self._seconds.items():
            if window.first_second <= second <= last:
                total.counters += figures.counters
                total.times += figures.times
        found = np.flatnonzero(total.counters)
        window.counters = dict(zip(found.tolist(), total.counters[found].tolist(), strict=True))
        window.response, window.service = (_histogram(times, 2) for times in total.times)
        return window

    def phase(self, quantity: str, phase: int) -> Histogram:
        """`response` or `generator_lag` of a phase so far; min and max are those of the bins."""
        return _histogram(self._phases.get((quantity, phase), np.zeros(0, np.int64)), 3)

    def _own(self, rows: Rows) -> Rows:
        return rows[np.isin(rows["endpoint"], self._endpoints)]

    def _second(self, second: int) -> _Second:
        self.last_second = max(self.last_second, second)
        return self._seconds.setdefault(second, _Second())


def _summed(keys: NDArray[np.integer], values: NDArray[np.integer], length: int) -> Int64:
    """Sum of the values of each key; exact below 2^53."""
    return np.bincount(keys.astype(np.int64), values.astype(np.float64), length).astype(np.int64)


def _histogram(counts: Int64, digits: int) -> Histogram:
    bins = np.flatnonzero(counts)
    return Histogram.from_sparse(bins, counts[bins], digits=digits)
