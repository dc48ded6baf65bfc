"""A run laid out for looking at: its seconds, holds, series and sensors on one axis."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from velroload.analysis.cells import seconds_of
from velroload.analysis.hold import SECOND_NS, ended_ns, held_seconds, phase_rows
from velroload.analysis.probed import Floats, Sensor, sensors
from velroload.analysis.result import Summary, ThresholdResult, Validity
from velroload.analysis.samples import flow_ids
from velroload.journal import Counter
from velroload.load.phases import COOL_DOWN
from velroload.rundata import RunData

Bools = NDArray[np.bool_]
CARRIED = 0.95
SMOOTHED = 5
"""A state counts from the first second of as many readings in a row."""


@dataclass(frozen=True, slots=True)
class Span:
    """Whole seconds of a hold, or of all the run where none is known: first <= second < last."""

    name: str | None
    first: int
    last: int


@dataclass(frozen=True)
class Scene:
    """data: the whole run; held: what counts of it. All series have `length` values, one per
    second of the run, NaN where there is nothing to tell by."""

    data: RunData
    held: RunData
    summary: Summary
    validity: Validity
    results: Sequence[ThresholdResult]

    @cached_property
    def length(self) -> int:
        return seconds_of(self.data)

    @cached_property
    def flow(self) -> list[int]:
        return flow_ids(self.data)

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """The holds that the run came to, each with a whole second at least."""
        names = dict.fromkeys(row["name"] for row in phase_rows(self.data))
        return tuple(
            Span(str(name) if len(names) > 1 else None, part.start, min(part.stop, self.length))
            for name in names or (None,)
            for part in held_seconds(self.data, name)
            if part.start < self.length
        )

    @cached_property
    def loaded(self) -> Bools:
        """Seconds in which the load was coming or there: all but those of a cool-down, and the one
        in which the run ended."""
        found = np.ones(self.length, np.bool_)
        found[min(self.length, ended_ns(self.data) // SECOND_NS) :] = False
        for phase in self.data.manifest.get("phases") or []:
            if phase["kind"] == COOL_DOWN:
                end = phase["end_ns"]
                last = self.length if end is None else -(-end // SECOND_NS)
                found[phase["start_ns"] // SECOND_NS : last] = False
        return found

    @cached_property
    def holding(self) -> Bools:
        """Seconds that lie wholly in a hold."""
        found = np.zeros(self.length, np.bool_)
        for span in self.spans:
            found[span.first : span.last] = True
        return found

    @cached_property
    def table(self) -> Floats:
        """The counters of the flow's requests: float64[counter, second]. In one pass: a long suite
        has millions of rows."""
        part = self.data.part("counts", self.flow)
        counters = part.key("counter")
        table = np.zeros((int(counters.max()) + 1 if len(counters) else 1, self.length))
        for counter, (second, value) in zip(
            counters.tolist(), part.pieces("second", "value"), strict=True
        ):
            table[counter] += np.bincount(second, value, self.length)[: self.length]
        return table

    def count(self, *counters: int) -> Floats:
        """The sum of some counters of the flow, per second."""
        known = [counter for counter in counters if counter < len(self.table)]
        return np.asarray(self.table[known].sum(axis=0))

    @cached_property
    def finished(self) -> Floats:
        return self.count(Counter.OK, Counter.FAILED, Counter.TRANSPORT)

    @cached_property
    def failed(self) -> Floats:
        return self.count(Counter.FAILED, Counter.TRANSPORT)

    @cached_property
    def rate(self) -> Floats:
        """Complete responses per second."""
        return np.array(self.summary.series.completed, np.float64)

    @cached_property
    def response(self) -> Floats:
        """p95 of the response time per second, or p50 where too many seconds of the load cannot
        carry it, ns."""
        series = self.summary.series
        column = series.p95_ns if self.response_name == "response p95" else series.p50_ns
        return np.array([np.nan if value is None else value for value in column], np.float64)

    @cached_property
    def response_name(self) -> str:
        """What `response` holds, in words."""
        series = self.summary.series
        some = self.loaded & np.array([value is not None for value in series.p50_ns], np.bool_)
        many = np.array([value is not None for value in series.p95_ns], np.bool_)
        return "response p95" if many[some].sum() >= CARRIED * some.sum() else "response p50"

    @cached_property
    def sensors(self) -> tuple[Sensor, ...]:
        return sensors(self.data, self.length)

    def playing(self, *roles: str) -> list[Sensor]:
        """Sensors of the target that play one of these roles."""
        return [each for each in self.sensors if each.role in roles and not each.own]

    def within(self, values: Floats) -> Iterator[tuple[Span, Floats]]:
        """What is known of a series in each hold, where that is something."""
        for span in self.spans:
            part = values[span.first : span.last]
            part = part[np.isfinite(part)]
            if len(part):
                yield span, part

    def onset(self, reached: Bools) -> int | None:
        """First second of the first SMOOTHED readings in a row; `reached` is per second."""
        if len(reached) < SMOOTHED:
            return None
        starts = np.flatnonzero(np.convolve(reached, np.ones(SMOOTHED), "valid") > SMOOTHED - 0.5)
        return int(starts[0]) if len(starts) else None

    def rate_at(self, second: int | None) -> float | None:
        """The mean rate around a second."""
        if second is None:
            return None
        part = self.rate[max(0, second - 2) : second + 3]
        return float(part.mean()) if len(part) else None

    @cached_property
    def missed(self) -> bool:
        """A threshold failed."""
        return any(result.verdict == "FAIL" for result in self.results)
