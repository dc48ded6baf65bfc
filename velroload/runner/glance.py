"""What the probes say now, for the live display: cache, database, CPU of the target.

Readings that have grown old are not shown: what is not known is absent, never 0.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from velroload.probe.source import Source

WINDOW_S = 10.0
"""Hit rates are those of so long."""
STALE_S = 3.5
"""Read once a second; what was not read for so long is not known any more."""
LAYERS = {"L1": ("l1_hits", "l1_misses"), "L2": ("l2_hits", "l2_misses")}
CPU = ("cpu_share", "process_cpu_share")
"""The whole machine's says more than one process's."""
DATABASE = ("db_connections", "db_max", "db_waiting")
SHOWN = {role for pair in LAYERS.values() for role in pair} | {*CPU, *DATABASE}

Readings = deque[tuple[float, float]]


class Glance:
    """The last readings of the roles that are shown; a role is the first source's that is read."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._names: dict[str, list[str]] = {}
        for source in sources:
            for role, value in source.roles.items():
                if role in SHOWN:
                    self._names.setdefault(role, []).append(f"{source.name}.{value}")
        self._read: dict[str, Readings] = {
            name: deque() for names in self._names.values() for name in names
        }

    def add(self, row: Mapping[str, Any]) -> None:
        """One record of the probes: {"time_s", "values"}, in seconds since the epoch."""
        for name, value in row["values"].items():
            if name in self._read:
                readings = self._read[name]
                readings.append((row["time_s"], value))
                while readings[0][0] < row["time_s"] - WINDOW_S:
                    readings.popleft()

    def figures(self, now_s: float) -> dict[str, Any]:
        """cache: layer → hit rate of the last 10 s; db: connections open, at most (or None),
        requests waiting (or None); cpu_share. Whatever is not known is left out."""
        found: dict[str, Any] = {}
        rates = {layer: self._rate(*roles, now_s) for layer, roles in LAYERS.items()}
        known = {layer: rate for layer, rate in rates.items() if rate is not None}
        if known:
            found["cache"] = known
        database = [self._last(role, now_s) for role in DATABASE]
        if database[0] is not None:
            found["db"] = database
        cpu = [share for role in CPU if (share := self._last(role, now_s)) is not None]
        if cpu:
            found["cpu_share"] = cpu[0]
        return found

    def _readings(self, role: str, now_s: float) -> Readings:
        """Of the first that was read lately; empty where none was."""
        for name in self._names.get(role, ()):
            readings = self._read[name]
            if readings and readings[-1][0] >= now_s - STALE_S:
                return readings
        return deque()

    def _last(self, role: str, now_s: float) -> float | None:
        readings = self._readings(role, now_s)
        return readings[-1][1] if readings else None

    def _rate(self, hits: str, misses: str, now_s: float) -> float | None:
        """Hits of what was asked in the window; None where nothing was, or counters began anew."""
        grown = []
        for role in (hits, misses):
            readings = self._readings(role, now_s)
            if len(readings) < 2:
                return None
            grown.append(readings[-1][1] - readings[0][1])
        asked = sum(grown)
        return grown[0] / asked if min(grown) >= 0 and asked else None
