"""Failures that came all at once, and under which event or in which phase they began."""

import numpy as np

from velroload.analysis.answers import under
from velroload.analysis.burst import ErrorBurst
from velroload.analysis.cells import seconds_of
from velroload.analysis.chance import Floats, poisson_chance
from velroload.analysis.failures import KINDS
from velroload.analysis.hold import SECOND_NS
from velroload.analysis.marks import Mark, marks
from velroload.index import Part
from velroload.journal import Counter
from velroload.ledger import error_name
from velroload.rundata import RunData

DONE = (Counter.OK, Counter.FAILED, Counter.TRANSPORT)
CHANCE = 0.01
"""That any second of the run is called a burst though failures come at random."""
LEAST = 5
"""Failures in a second that can be the beginning of a burst."""
GAP = 2
"""Seconds without that do not end a burst."""
MOST_SECONDS = 0.5
"""What lasts for more than half of the run is no burst but its way."""
ROUNDS = 5
"""The usual share is that outside of the bursts: a few rounds until it stands still."""


def bursts(data: RunData) -> tuple[ErrorBurst, ...]:
    """Every burst of every kind of failure at every endpoint, in order of time.

    A second belongs to a burst where so many failures would come by chance (Poisson, at the share
    that is usual outside of bursts) in CHANCE of all runs.
    """
    length = seconds_of(data)
    failing = data.part("counts", None, KINDS)
    if not length or not len(failing):
        return ()
    keys = failing.key("endpoint") << 16 | failing.key("counter")
    known, tests = marks(data), length * len(np.unique(keys))
    names = {entry["id"]: entry["name"] for entry in data.manifest.get("endpoints", [])}
    found: list[ErrorBurst] = []
    for key in np.unique(keys).tolist():
        endpoint, counter = key >> 16, key & 0xFFFF
        if endpoint not in names:
            continue
        failed = _per_second(failing.where(keys == key), length)
        asked = _per_second(data.part("counts", (endpoint,), DONE), length)
        for first, last, usual in _stretches(failed, asked, tests):
            count, of = failed[first : last + 1].sum(), asked[first : last + 1].sum()
            begin = first * SECOND_NS
            mark = under(known, begin)
            found.append(
                ErrorBurst(
                    kind=error_name(counter - Counter.ERROR),
                    endpoint=names[endpoint],
                    first_s=first,
                    last_s=last,
                    count=int(count),
                    share=float(count / max(of, count)),
                    usual=usual,
                    phase=_phase(data, begin),
                    mark=None if mark is None else mark.name,
                    after_s=None if mark is None else _after(mark, begin),
                )
            )
    return tuple(sorted(found, key=lambda each: (each.first_s, -each.count, each.endpoint)))


def _after(mark: Mark, at_ns: int) -> float:
    """Seconds from an event's begin; a burst's second may have begun before it."""
    return max(0.0, (at_ns - mark.at_ns) / SECOND_NS)


def _per_second(rows: Part, length: int) -> Floats:
    seconds, values = rows["second"].astype(np.int64), rows["value"].astype(np.float64)
    return np.bincount(seconds, values, length).astype(np.float64)[:length]


def _stretches(failed: Floats, asked: Floats, tests: int) -> list[tuple[int, int, float]]:
    """(first second, last second, usual share outside) of every burst."""
    hot = np.zeros(len(failed), np.bool_)
    usual = 0.0
    for _ in range(ROUNDS):
        rest = ~hot
        usual = float(failed[rest].sum() / max(1.0, asked[rest].sum()))
        rare = poisson_chance(failed, usual * asked) < CHANCE / tests
        again = rare & (failed >= LEAST)
        if (again == hot).all():
            break
        hot = again
    places = np.flatnonzero(hot)
    if not len(places) or hot.sum() > MOST_SECONDS * max(1, int(np.count_nonzero(asked))):
        return []
    breaks = np.flatnonzero(np.diff(places) > GAP + 1) + 1
    return [(int(part[0]), int(part[-1]), usual) for part in np.split(places, breaks)]


def _phase(data: RunData, at_ns: int) -> str | None:
    """The name of the phase at an instant."""
    for phase in data.manifest.get("phases") or []:
        if phase["start_ns"] <= at_ns and (phase["end_ns"] is None or at_ns < phase["end_ns"]):
            return str(phase["name"])
    return None
