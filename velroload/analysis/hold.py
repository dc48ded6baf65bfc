"""What counts: the phases that are holds. Ramp and cool-down are in the run folder, and never in
a figure, a threshold or a verdict.

Log-ins and the like happen once per user, most of them in the ramp: the rows of the setup are of
the whole run. A suite has phases of several names: `name` asks for one of them, and of_phase()
gives a view of the run in which there is no other.
"""

from typing import Any

from velroload.analysis.cells import seconds_of
from velroload.index import Kept, among
from velroload.load.phases import HOLD
from velroload.rundata import RunData

SECOND_NS = 1_000_000_000


def of_phase(data: RunData, name: str) -> RunData:
    """The same run, its manifest naming the ramp, hold and cool-down of this phase only."""
    return data.view(data.manifest | {"phases": phase_rows(data, name)})


def phase_rows(data: RunData, name: str | None = None) -> list[dict[str, Any]]:
    """The manifest's phases, of one name where it is given."""
    found: list[dict[str, Any]] = data.manifest.get("phases") or []
    return [row for row in found if name is None or row.get("name") == name]


def in_hold(data: RunData, name: str | None = None) -> RunData:
    """A view of the run with the figures of its holds only (of the phase `name`); manifest, end and
    events as they are."""
    phases = phase_rows(data, name)
    own = frozenset(phase["id"] for phase in phases)
    holds = frozenset(phase["id"] for phase in phases if phase.get("kind") == HOLD)
    seen = {id_ for n in ("counts", "hist") for id_ in data.part(n, None).key("phase").tolist()}
    if seen <= holds or (not holds and name is None):
        return data
    setup = frozenset(e["id"] for e in data.manifest.get("endpoints", []) if e.get("setup"))
    made = data.view(kept=Kept(holds, setup, own))
    wanted = among(data.tail["phase"], holds)
    if setup:
        wanted |= among(data.tail["endpoint"], setup) & among(data.tail["phase"], own)
    made.tail = data.tail[wanted]
    return made


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
