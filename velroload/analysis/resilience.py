"""What an event did to the target and how long it took to be as before.

The figures of the seconds before the event give a band: the rate of good answers, the share that
failed, and the p95 of the response time. A second outside it is disturbed. The event's `onset` is
its first disturbed second, and it is over with the first of SETTLE_S seconds in a row that are not.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from velroload.analysis.cells import counter_series, seconds_of, slices
from velroload.analysis.hold import SECOND_NS, held_seconds
from velroload.analysis.marks import mark_of, marks
from velroload.analysis.result import Quantity
from velroload.journal import Counter
from velroload.rundata import RunData

Floats = NDArray[np.float64]

BASELINE_MOST_S = 30
BASELINE_LEAST_S = 3
"""So many steady seconds before an event are needed to say what was usual."""
SETTLE_S = 3
ONSET_MOST_S = 30
"""What begins later is not laid at the event's door, unless the event still lasts."""
SPREAD = 1.4826 * 3.0
"""Three standard deviations, by the median absolute deviation (of a normal law)."""
RATE_SHARE, FAILED_SHARE, TIME_SHARE, TIME_NS = 0.10, 0.01, 0.25, 1e6
"""The band is at least so wide: of the rate, of the failed share, of the p95."""
FAILED_LEAST = 3
"""Fewer failures in a second are one client's bad luck; where few answers fail because there are
few, the good ones that are missing tell."""


@dataclass(frozen=True, slots=True)
class Usual:
    """The band: at least so many good answers per second, failed and slow at most so much."""

    good_per_s: float
    least_good_per_s: float
    most_failed_share: float
    most_p95_ns: float | None
    seconds: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Per second from `first` on: good and failed answers, p95 in ns (NaN: too few for one)."""

    first: int
    good: Floats
    failed: Floats
    p95_ns: Floats

    @property
    def stop(self) -> int:
        return self.first + len(self.good)


@dataclass(frozen=True, slots=True)
class Recovery:
    """What became of the figures after an event; times in seconds from its begin.

    onset_s: to its first disturbed second, None: there was none. back_s: until all was as before
    (0 without a disturbance), None: not while it was watched, or not known (then `why` says it).
    depth: the largest share of the usual good answers that was missing in a second. lost: good
    answers that were missing until then, failed: answers that failed. watched_s: from the begin to
    the end of the figures.
    """

    event: str
    at_s: float
    onset_s: float | None = None
    back_s: float | None = None
    depth: float = 0.0
    lost: int = 0
    failed: int = 0
    watched_s: float = 0.0
    usual: Usual | None = None
    why: str | None = None


def usual(figures: Figures, begin_s: float) -> Usual | None:
    """The band of the seconds before an event; None where there are too few."""
    end = int(begin_s) - figures.first
    start = max(0, end - BASELINE_MOST_S)
    if end - start < BASELINE_LEAST_S:
        return None
    good, failed = figures.good[start:end], figures.failed[start:end]
    share = _share(good, failed)
    p95 = figures.p95_ns[start:end]
    p95 = p95[~np.isnan(p95)]
    centre = float(np.median(good))
    slow = None
    if len(p95) >= BASELINE_LEAST_S:
        middle = float(np.median(p95))
        slow = middle + max(SPREAD * _deviation(p95), TIME_SHARE * middle, TIME_NS)
    return Usual(
        good_per_s=centre,
        least_good_per_s=centre - max(SPREAD * _deviation(good), RATE_SHARE * centre),
        most_failed_share=float(np.median(share)) + max(SPREAD * _deviation(share), FAILED_SHARE),
        most_p95_ns=slow,
        seconds=end - start,
    )


def disturbed(figures: Figures, band: Usual) -> NDArray[np.bool_]:
    """Per second, whether it lies outside the band. A p95 above it alone has to last: two seconds
    in a row."""
    out = figures.good < band.least_good_per_s
    share = _share(figures.good, figures.failed)
    out |= (share > band.most_failed_share) & (figures.failed >= FAILED_LEAST)
    if band.most_p95_ns is not None:
        slow = np.nan_to_num(figures.p95_ns, nan=0.0) > band.most_p95_ns
        pairs = slow[1:] & slow[:-1]
        slow[:] = False
        slow[1:] |= pairs
        slow[:-1] |= pairs
        out |= slow
    return np.asarray(out)


def until_next(figures: Figures, begin_s: float, begins_s: Iterable[float]) -> Figures:
    """The seconds before the next event: from then on nobody can tell whose doing it is. Seconds
    are the grain: what begins in the same one as this event (`begin_s`) is the same disturbance."""
    later = [int(other_s) for other_s in begins_s if int(other_s) > int(begin_s)]
    most = max(0, min(later) - figures.first) if later else len(figures.good)
    return Figures(figures.first, figures.good[:most], figures.failed[:most], figures.p95_ns[:most])


def recover(event: str, figures: Figures, begin_s: float, for_s: float = 0.0) -> Recovery:
    """What became of the figures after an event that began at `begin_s` and lasted `for_s`.

    Its consequences are over when they stay away: what is disturbed again while the event lasts, or
    within SETTLE_S of its end, is still its doing.
    """
    watched_s = max(0.0, figures.stop - begin_s)
    if not figures.first <= begin_s < figures.stop:
        return Recovery(event, begin_s, why="it did not happen within the hold")
    band = usual(figures, begin_s)
    if band is None:
        why = f"fewer than {BASELINE_LEAST_S} s of the hold lie before it"
        return Recovery(event, begin_s, watched_s=watched_s, why=why)
    out = disturbed(figures, band)
    begin = int(begin_s) - figures.first
    latest = min(len(out), round(begin + max(for_s, ONSET_MOST_S)) + 1)
    hits = np.flatnonzero(out[begin:latest])
    if not len(hits):
        settled = watched_s >= for_s + SETTLE_S
        return Recovery(
            event, begin_s, back_s=0.0 if settled else None, watched_s=watched_s, usual=band
        )
    onset = begin + int(hits[0])
    back = _settled(out, onset, round(begin + for_s) + SETTLE_S)
    until = len(out) if back is None else back
    missing = np.maximum(0.0, band.good_per_s - figures.good[onset:until])
    return Recovery(
        event=event,
        at_s=begin_s,
        onset_s=max(0.0, figures.first + onset - begin_s),
        back_s=None if back is None else max(0.0, figures.first + back - begin_s),
        depth=float(missing.max() / band.good_per_s) if band.good_per_s else 0.0,
        lost=round(float(missing.sum())),
        failed=round(float(figures.failed[onset:until].sum())),
        watched_s=watched_s,
        usual=band,
    )


def _settled(out: NDArray[np.bool_], onset: int, stop: int) -> int | None:
    """The first second after which nothing is disturbed, for SETTLE_S and up to `stop`."""
    at = onset
    while True:
        quiet = [
            second
            for second in range(at, len(out) - SETTLE_S + 1)
            if not out[second : second + SETTLE_S].any()
        ]
        if not quiet:
            return None
        later = np.flatnonzero(out[quiet[0] : stop])
        if not len(later):
            return quiet[0]
        at = quiet[0] + int(later[0])


def figures_of(
    data: RunData, endpoints: Collection[int], phase: str | None = None
) -> Figures | None:
    """The seconds of a phase's hold (None: of the run's first); None where there are none."""
    parts = held_seconds(data, phase)
    if not parts:
        return None
    seconds, length = parts[0], seconds_of(data)
    good = counter_series(data, endpoints, Counter.OK, length)
    failed = counter_series(data, endpoints, Counter.FAILED, length)
    failed = failed + counter_series(data, endpoints, Counter.TRANSPORT, length)
    times = slices(data, Quantity.RESPONSE, endpoints)
    p95 = np.full(length, np.nan)
    for second in seconds:
        part = times.between(second, second + 1)
        column = part.column(0.95) if part.totals().sum() >= 20 else None
        p95[second : second + 1] = np.nan if column is None else part.upper_ns(column) or np.nan
    chosen = slice(seconds.start, min(seconds.stop, length))
    return Figures(seconds.start, good[chosen], failed[chosen], p95[chosen])


def recovery_of(
    data: RunData, event: str, endpoints: Collection[int], phase: str | None = None
) -> Recovery:
    """What became of the figures of some endpoints after an event of the plan, as it was recorded;
    `why` says why it is not known."""
    mark = mark_of(data, event, phase)
    if mark is None:
        return Recovery(event, 0.0, why="it did not happen")
    begin_s = mark.at_ns / SECOND_NS
    if mark.failed is not None:
        return Recovery(event, begin_s, why=failed_because(mark.failed))
    figures = figures_of(data, endpoints, mark.phase or phase)
    if figures is None:
        return Recovery(event, begin_s, why="the run did not come to the hold")
    figures = until_next(figures, begin_s, [other.at_ns / SECOND_NS for other in marks(data)])
    return recover(event, figures, begin_s, mark.for_s)


def failed_because(why: str) -> str:
    """What is said of an event that could not be carried out."""
    return f"the event failed: {why}" if why else "the event failed"


def _share(good: Floats, failed: Floats) -> Floats:
    return np.asarray(failed / np.maximum(good + failed, 1.0))


def _deviation(values: Floats) -> float:
    """Median absolute deviation."""
    return float(np.median(np.abs(values - np.median(values))))
