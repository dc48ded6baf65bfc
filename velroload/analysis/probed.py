"""What probes saw, as series over the seconds of the run, found by the role that a value plays."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from velroload.runfolder import RunData

Floats = NDArray[np.float64]
GENERATOR = "generator"
"""The probe of our own machine: nothing of it speaks of the target."""


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
    found: dict[str, list[Sensor]] = {}
    for probe in data.manifest.get("probes") or []:
        for sensor in _of_probe(probe, length):
            found.setdefault(sensor.where, []).append(sensor)
    for row in data.probes:
        second = math.floor(row["time_s"])
        if not 0 <= second < length:
            continue
        for where, value in row["values"].items():
            for sensor in found.get(where, ()):
                sensor.values[second] = value
    every = (sensor for those in found.values() for sensor in those)
    return tuple(sensor for sensor in every if np.isfinite(sensor.values).any())


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
