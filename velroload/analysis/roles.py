"""What probes saw, by role: whatever a service calls its figures, analysis finds them here.

Values are absent where nothing was read, never 0.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from velroload.analysis.hold import SECOND_NS
from velroload.runfolder import RunData

GENERATOR = "generator"
"""The probe that watches ourselves: nothing of it is the target's."""


@dataclass(frozen=True, slots=True)
class Readings:
    """One value over time: seconds since the epoch, ascending, and what was read; where it stands
    in probes.npz."""

    time_s: NDArray[np.float64]
    values: NDArray[np.float64]
    name: str

    def between(self, start_ns: int, end_ns: int) -> "Readings":
        """Those of a span."""
        inside = (self.time_s * SECOND_NS >= start_ns) & (self.time_s * SECOND_NS <= end_ns)
        return Readings(self.time_s[inside], self.values[inside], self.name)


def roles_of(data: RunData) -> dict[str, list[str]]:
    """Role → the columns "<probe>.<value>" that have it, the generator's left out."""
    found: dict[str, list[str]] = {}
    for probe in _probes(data):
        for role, value in (probe.get("roles") or {}).items():
            if probe.get("name") != GENERATOR:
                found.setdefault(str(role), []).append(f"{probe['name']}.{value}")
    return found


def readings(data: RunData, role: str) -> list[Readings]:
    """Every series that has a role; several machines of a target have one each."""
    return [
        found for name in roles_of(data).get(role, []) if len((found := _column(data, name)).values)
    ]


def _probes(data: RunData) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = data.manifest.get("probes") or []
    return found


def _column(data: RunData, name: str) -> Readings:
    rows = [
        (float(row["time_s"]), float(row["values"][name]))
        for row in data.probes
        if name in (row.get("values") or {})
    ]
    table = np.array(sorted(rows), dtype=np.float64).reshape(len(rows), 2)
    return Readings(table[:, 0], table[:, 1], name)


def counted(found: Readings, start_ns: int, end_ns: int) -> float | None:
    """By how much a cumulative counter grew in a span: from the last reading before it to the last
    within. A counter that fell began again from 0. None without two readings."""
    before = np.flatnonzero(found.time_s * SECOND_NS <= start_ns)
    inside = np.flatnonzero(found.time_s * SECOND_NS <= end_ns)
    first = int(before[-1]) if len(before) else 0
    values = found.values[first : int(inside[-1]) + 1] if len(inside) else found.values[:0]
    if len(values) < 2:
        return None
    steps = np.diff(values)
    return float(np.where(steps >= 0, steps, values[1:]).sum())


def windowed(found: Readings, span_s: float = 10.0) -> NDArray[np.float64]:
    """Means over every window of `span_s` that has a reading at its beginning and is filled."""
    if not len(found.values):
        return np.empty(0)
    sums = np.concatenate([[0.0], np.cumsum(found.values)])
    ends = np.searchsorted(found.time_s, found.time_s + span_s, side="left")
    whole = found.time_s + span_s <= found.time_s[-1] + 1.5
    starts = np.arange(len(found.values))[whole]
    return np.asarray((sums[ends[whole]] - sums[starts]) / (ends[whole] - starts))
