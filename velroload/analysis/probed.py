"""What probes saw, found by the role that a value plays: whatever a service calls its figures,
analysis finds them here. Readings as they came, or sensors: series over the seconds of the run.

Values are absent where nothing was read, never 0.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from velroload.analysis.hold import SECOND_NS
from velroload.rundata import RunData

Floats = NDArray[np.float64]
GENERATOR = "generator"
"""The probe of our own machine: nothing of it speaks of the target."""


@dataclass(frozen=True, slots=True)
class Readings:
    """One value over time: seconds since the epoch, ascending, and what was read; where it stands
    in probes.npz."""

    time_s: Floats
    values: Floats
    name: str

    def between(self, start_ns: int, end_ns: int) -> "Readings":
        """Those of a span."""
        inside = (self.time_s * SECOND_NS >= start_ns) & (self.time_s * SECOND_NS <= end_ns)
        return Readings(self.time_s[inside], self.values[inside], self.name)


def probes(data: RunData) -> list[dict[str, Any]]:
    """The manifest's probes."""
    found: list[dict[str, Any]] = data.manifest.get("probes") or []
    return found


def roles_of(data: RunData) -> dict[str, list[str]]:
    """Role → the names "<probe>.<value>" of what has it, the generator's left out."""
    found: dict[str, list[str]] = {}
    for probe in probes(data):
        for role, value in (probe.get("roles") or {}).items():
            if probe.get("name") != GENERATOR:
                found.setdefault(str(role), []).append(f"{probe.get('name')}.{value}")
    return found


def readings(data: RunData, role: str) -> list[Readings]:
    """Every series that has a role and was read; several machines of a target have one each."""
    found = [Readings(*data.probe_series(name), name) for name in roles_of(data).get(role, [])]
    return [each for each in found if len(each.values)]


def windowed(found: Readings, span_s: float = 10.0) -> Floats:
    """Means over every window of `span_s` that has a reading at its beginning and is filled."""
    if not len(found.values):
        return np.empty(0)
    sums = np.concatenate([[0.0], np.cumsum(found.values)])
    ends = np.searchsorted(found.time_s, found.time_s + span_s, side="left")
    whole = found.time_s + span_s <= found.time_s[-1] + 1.5
    starts = np.arange(len(found.values))[whole]
    return np.asarray((sums[ends[whole]] - sums[starts]) / (ends[whole] - starts))


@dataclass(frozen=True, slots=True)
class Sensor:
    """One value of one probe. where: "probe.value"; own: of the generator's machine; values: one
    per second, NaN where nothing was read; at a second's several readings the last."""

    where: str
    probe: str
    value: str
    role: str | None
    unit: str
    own: bool
    values: Floats

    def per_s(self) -> Floats:
        """A counter as a rate, in each second up to the next reading; NaN where it fell back."""
        read = np.flatnonzero(np.isfinite(self.values))
        rates = np.full(len(self.values), np.nan)
        if len(read) < 2:
            return rates
        steps = np.diff(self.values[read]) / np.diff(read)
        steps[steps < 0] = np.nan
        rates[read[0] + 1 : read[-1] + 1] = np.repeat(steps, np.diff(read))
        return rates


def sensors(data: RunData, length: int) -> tuple[Sensor, ...]:
    """Every value that the manifest knows, once for each role that it plays, over the seconds
    0 <= second < length of the run."""
    found = [sensor for probe in probes(data) for sensor in _of_probe(probe, length)]
    for sensor in found:
        time_s, values = data.probe_series(sensor.where)
        inside = (time_s >= 0) & (time_s < length)
        sensor.values[time_s[inside].astype(np.int64)] = values[inside]
    return tuple(sensor for sensor in found if np.isfinite(sensor.values).any())


def _of_probe(probe: dict[str, Any], length: int) -> list[Sensor]:
    """Its values, without readings. A role that is named for a value that is not there counts."""
    name = str(probe.get("name"))
    values = probe.get("values")
    units = {
        str(value): str((said or {}).get("unit", "count"))
        for value, said in (values.items() if isinstance(values, dict) else ())
    }
    roles = [(str(role), str(value)) for role, value in (probe.get("roles") or {}).items()]
    played = {value for _, value in roles}
    named: list[tuple[str | None, str]] = [*roles]
    named += [(None, value) for value in units if value not in played]
    return [
        Sensor(
            where=f"{name}.{value}",
            probe=name,
            value=value,
            role=role,
            unit=units.get(value, "count"),
            own=name == GENERATOR,
            values=np.full(length, np.nan),
        )
        for role, value in named
    ]
