"""What counts: the phases that are holds. Ramp and cool-down are in the run folder, and never in
a figure, a threshold or a verdict.

Log-ins and the like happen once per user, most of them in the ramp: the rows of the setup are of
the whole run. A suite has phases of several names: `name` asks for one of them, and of_phase()
gives a view of the run in which there is no other.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from velroload.analysis.cells import seconds_of
from velroload.journal import Rows
from velroload.load.phases import HOLD
from velroload.runfolder import RunData

SECOND_NS = 1_000_000_000


def of_phase(data: RunData, name: str) -> RunData:
    """The same run, its manifest naming the ramp, hold and cool-down of this phase only."""
    return replace(data, manifest=data.manifest | {"phases": phase_rows(data, name)})


def phase_rows(data: RunData, name: str | None = None) -> list[dict[str, Any]]:
    """The manifest's phases, of one name where it is given."""
    found: list[dict[str, Any]] = data.manifest.get("phases") or []
    return [row for row in found if name is None or row.get("name") == name]


def in_hold(data: RunData, name: str | None = None) -> RunData:
    """The run with the figures of its holds only (of the phase `name`); manifest, end and events
    as they are."""
    phases = phase_rows(data, name)
    own = [phase["id"] for phase in phases]
    holds = [phase["id"] for phase in phases if phase.get("kind") == HOLD]
    seen = _phases_in(data.counts) | _phases_in(data.hist)
    if seen <= set(holds) or (not holds and name is None):
        return data
    setup = [e["id"] for e in data.manifest.get("endpoints", []) if e.get("setup")]

    def kept(rows: Rows) -> Rows:
        wanted = _table(holds, 1 << 8)[rows["phase"]]
        if setup:
            of_setup = _table(setup, 1 << 16)[rows["endpoint"]]
            wanted |= of_setup & _table(own, 1 << 8)[rows["phase"]]
        found: Rows = rows[wanted]
        return found

    return replace(
        data,
        hist=kept(data.hist),
        stats=kept(data.stats),
        series=kept(data.series),
        counts=kept(data.counts),
        tail=kept(data.tail),
    )


def _phases_in(rows: Rows) -> set[int]:
    seen = np.zeros(1 << 8, np.bool_)
    seen[rows["phase"]] = True
    return set(np.flatnonzero(seen).tolist())


def _table(wanted: list[int], size: int) -> NDArray[np.bool_]:
    """Which numbers are wanted: looking them up is quicker than searching."""
    table = np.zeros(size, np.bool_)
    table[wanted] = True
    return table


def hold_windows(data: RunData, name: str | None = None) -> tuple[tuple[int, int], ...]:
    """(start, end) of each hold in ns since the epoch, cut where the run ended: of no length where
    it ended before. The whole run where the manifest names no hold. `data`: the whole run's."""
    last = max(0, ended_ns(data))
    holds = [phase for phase in phase_rows(data, name) if phase.get("kind") == HOLD]
    if not holds and name is None:
        return ((0, last),)
    ends = [last if row["end_ns"] is None else min(row["end_ns"], last) for row in holds]
    return tuple(
        (row["start_ns"], max(row["start_ns"], end)) for row, end in zip(holds, ends, strict=True)
    )


def hold_window(data: RunData, name: str | None = None) -> tuple[int, int]:
    """From the start of the first hold to the end of the last; see hold_windows."""
    windows = hold_windows(data, name)
    return (windows[0][0], windows[-1][1]) if windows else (0, 0)


def hold_ns(data: RunData, name: str | None = None) -> int:
    """How long the holds are together."""
    return sum(end - start for start, end in hold_windows(data, name))


def held_seconds(data: RunData, name: str | None = None) -> tuple[range, ...]:
    """Seconds that lie wholly in a hold, a range for each hold that has any."""
    found = (
        range(-(-start // SECOND_NS), end // SECOND_NS) for start, end in hold_windows(data, name)
    )
    return tuple(seconds for seconds in found if seconds)


def whole_seconds(data: RunData, name: str | None = None) -> tuple[int, int]:
    """Those of a run with one hold, as (first, one after the last); (0, 0) without any."""
    found = held_seconds(data, name)
    return (found[0].start, found[-1].stop) if found else (0, 0)


def ended_ns(data: RunData) -> int:
    """When the run ended; for one without an end, where its figures do."""
    ended = (data.end or {}).get("ended_ns")
    return seconds_of(data) * SECOND_NS if ended is None else int(ended)
