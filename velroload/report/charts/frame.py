"""What all charts over time share: seconds, counters and probes of a run as aligned arrays."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from velroload.analysis.cells import Slices, counter_series, seconds_of, slices
from velroload.analysis.hold import ended_ns
from velroload.analysis.result import Quantity
from velroload.analysis.summary import is_flow
from velroload.load.phases import HOLD
from velroload.report.charts.chart import Band, Mark
from velroload.report.charts.thin import Floats
from velroload.report.kind import Told
from velroload.rundata import Row

SECOND_NS = 1e9
MARKS = 200
"""More events than this are not drawn."""


@dataclass(frozen=True)
class Frame:
    """A run, second by second. Arrays have one value per second from 0; NaN is "not known"."""

    told: Told

    @cached_property
    def flow(self) -> list[int]:
        """Ids of the endpoints that count in totals."""
        rows: list[Row] = self.told.data.manifest.get("endpoints") or []
        return [row["id"] for row in rows if is_flow(row)]

    @cached_property
    def length(self) -> int:
        """Seconds that the run's figures cover; the last may be a part of one."""
        return seconds_of(self.told.data)

    @cached_property
    def whole(self) -> int:
        """How many of these seconds the run lasted from beginning to end; at least one."""
        return max(1, min(self.length, ended_ns(self.told.data) // 1_000_000_000))

    @cached_property
    def seconds(self) -> Floats:
        """0, 1, 2, …"""
        return np.arange(self.length, dtype=np.float64)

    @cached_property
    def response(self) -> Slices:
        """Per-second histograms of the response time of all requests of the flow."""
        return slices(self.told.data, Quantity.RESPONSE, self.flow)

    @cached_property
    def service(self) -> Slices:
        """The same of the service time."""
        return slices(self.told.data, Quantity.SERVICE, self.flow)

    def counted(self, counters: Iterable[int]) -> Floats:
        """The sum of some counters of the flow's requests per second."""
        return self.counted_of(self.flow, counters)

    def counted_of(self, endpoints: Collection[int], counters: Iterable[int]) -> Floats:
        """The same of some endpoints."""
        found = np.zeros(self.length)
        for counter in counters:
            found += counter_series(self.told.data, endpoints, counter, self.length)
        return found

    @cached_property
    def counters_used(self) -> list[int]:
        """Every counter that the flow's requests have, ascending."""
        own = self.told.data.part("counts", self.flow).key("counter")
        return [int(counter) for counter in np.unique(own)]

    def live(self, name: str) -> Floats:
        """A live counter of all workers together at the end of each second."""
        found = np.full(self.length, np.nan)
        for row in self.told.data.counters:
            place = round(row["at_ns"] / SECOND_NS) - 1 if "at_ns" in row else -1
            own = [worker[name] for worker in row.get("workers") or () if name in worker]
            if 0 <= place < self.length and own:
                found[place] = sum(own)
        return found

    @cached_property
    def bands(self) -> tuple[Band, ...]:
        """The phases that the run came to."""
        phases = self.told.result.summary.phases
        if len(phases) == 1 and phases[0].kind == HOLD:
            return ()
        return tuple(
            Band(each.name, each.kind, each.start_ns / SECOND_NS, each.end_ns / SECOND_NS)
            for each in phases
        )

    @cached_property
    def marks(self) -> tuple[Mark, ...]:
        """The run's events, a begin and its end as one."""
        found: list[Mark] = []
        begun: dict[tuple[str, str], int] = {}
        for row in self.told.data.events:
            if row.get("event") != "mark":
                continue
            name, kind, what = (str(row.get(key) or "") for key in ("name", "kind", "what"))
            at_s, key = float(row.get("at_ns") or 0) / SECOND_NS, (name, kind)
            if what == "end" and key in begun:
                place = begun.pop(key)
                old = found[place]
                found[place] = Mark(old.name, kind, old.what, old.at_s, at_s, old.detail)
                continue
            if what == "begin":
                begun[key] = len(found)
            detail = row.get("detail")
            found.append(Mark(name, kind, what, at_s, None, detail and str(detail)))
        return tuple(found[:MARKS])

    @cached_property
    def probe_times(self) -> Floats:
        """When the probes were read, seconds of the run."""
        return np.array([float(row["time_s"]) for row in self.told.data.probes])

    @cached_property
    def probe_values(self) -> dict[str, Floats]:
        """Every value of the probes by name, one per reading; NaN where it was not read."""
        rows = self.told.data.probes
        names = sorted({name for row in rows for name in row["values"]})
        found = {name: np.full(len(rows), np.nan) for name in names}
        for place, row in enumerate(rows):
            for name, value in row["values"].items():
                found[name][place] = value
        return found

    @cached_property
    def roles(self) -> dict[str, str]:
        """Role → the full name ("probe.value") of the value that plays it."""
        probes: list[dict[str, Any]] = self.told.data.manifest.get("probes") or []
        return {
            str(role): value if "." in str(value) else f"{probe.get('name')}.{value}"
            for probe in probes
            for role, value in (probe.get("roles") or {}).items()
        }

    def role(self, name: str) -> Floats | None:
        """The readings of the value that plays a role; None where there are none."""
        values = self.probe_values.get(self.roles.get(name, ""))
        return None if values is None or np.isnan(values).all() else values

    def rate_of(self, name: str) -> Floats | None:
        """What a cumulative counter gained per second; NaN where it began anew."""
        values = self.role(name)
        if values is None or len(values) < 2:
            return None
        gained = np.diff(values, prepend=np.nan)
        spans = np.diff(self.probe_times, prepend=np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            rates = np.where((gained >= 0) & (spans > 0), gained / spans, np.nan)
        return None if np.isnan(rates).all() else rates


def quantile_series(parts: Slices, quantile: float, needed: int = 1) -> Floats:
    """A quantile (upper edge of its bin, ns) in every second; NaN where it has fewer samples than
    `needed`."""
    return quantiles(parts, (quantile,), needed)[0]


def quantiles(parts: Slices, levels: Iterable[float], needed: int = 1) -> list[Floats]:
    """The same of several quantiles."""
    if not len(parts.bins):
        return [np.full(len(parts.weights), np.nan) for _ in levels]
    cumulative = np.cumsum(parts.weights, axis=1)
    totals = cumulative[:, -1]
    edges = np.array([parts.upper_ns(column) for column in range(len(parts.bins))], np.float64)
    found = []
    for level in levels:
        below = cumulative < (level * totals - 1e-9)[:, np.newaxis]
        columns = np.minimum(np.count_nonzero(below, axis=1), len(edges) - 1)
        found.append(np.where(totals >= max(needed, 1), edges[columns], np.nan))
    return found


def among(names: Collection[str], prefix: str) -> list[str]:
    """The names that begin with a prefix, in order."""
    return sorted(name for name in names if name.startswith(prefix))
