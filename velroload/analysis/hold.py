"""What counts: the phases that are holds. Ramp and cool-down are in the run folder, and never in
a figure, a threshold or a verdict.

Log-ins and the like happen once per user, most of them in the ramp: the rows of the setup are of
the whole run.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from velroload.analysis.cells import seconds_of
from velroload.journal import Rows
from velroload.load.phases import HOLD
from velroload.runfolder import RunData

SECOND_NS = 1_000_000_000


def in_hold(data: RunData) -> RunData:
    """The run with the figures of its holds only; manifest, end and events as they are."""
    phases = _phases(data)
    holds = [phase["id"] for phase in phases if phase.get("kind") == HOLD]
    if len(holds) in (0, len(phases)):
        return data
    setup = [e["id"] for e in data.manifest.get("endpoints", []) if e.get("setup")]

    def kept(rows: Rows) -> Rows:
        return rows[np.isin(rows["phase"], holds) | np.isin(rows["endpoint"], setup)]

    return replace(
        data,
        hist=kept(data.hist),
        stats=kept(data.stats),
        series=kept(data.series),
        counts=kept(data.counts),
        tail=kept(data.tail),
    )


def hold_window(data: RunData) -> tuple[int, int]:
    """Start and end of the hold in ns since the epoch, cut where the run ended: of no length where
    it ended before. The whole run where the manifest names no hold. `data`: the whole run's."""
    holds = [phase for phase in _phases(data) if phase.get("kind") == HOLD]
    last = max(0, ended_ns(data))
    if not holds:
        return 0, last
    start = min(phase["start_ns"] for phase in holds)
    ends = [phase["end_ns"] for phase in holds]
    end = last if None in ends else min(max(ends), last)
    return start, max(start, end)


def whole_seconds(data: RunData) -> tuple[int, int]:
    """Seconds that lie wholly in the hold, as (first, one after the last); (0, 0) without any."""
    start, end = hold_window(data)
    first, last = -(-start // SECOND_NS), end // SECOND_NS
    return (first, last) if last > first else (0, 0)


def ended_ns(data: RunData) -> int:
    """When the run ended; for one without an end, where its figures do."""
    ended = (data.end or {}).get("ended_ns")
    return seconds_of(data) * SECOND_NS if ended is None else int(ended)


def _phases(data: RunData) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = data.manifest.get("phases") or []
    return found
