"""What was recorded of one run, in memory: figures by key, found through an index."""

from collections.abc import Collection
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from velroload import journal
from velroload.histogram import Histogram
from velroload.index import Index, Kept, Part
from velroload.journal import COUNTS, HIST_SUM, SERIES, STATS, Rows
from velroload.quantity import QUANTITIES
from velroload.sample import SAMPLE

FIGURES = ("hist", "stats", "series", "counts")

Row = dict[str, Any]


@dataclass(slots=True)
class RunData:
    """Everything that was recorded of one run.

    hist (HIST_SUM), stats, series and counts hold one row per key, ordered by key; tail the slowest
    samples; reservoir may be empty. `complete`: the end record is there. `notes`: what was cut off,
    one line each.
    """

    manifest: Row = field(default_factory=dict)
    end: Row | None = None
    events: list[Row] = field(default_factory=list)
    counters: list[Row] = field(default_factory=list)
    probes: list[Row] = field(default_factory=list)
    hist: Rows = field(default_factory=lambda: np.empty(0, HIST_SUM))
    stats: Rows = field(default_factory=lambda: np.empty(0, STATS))
    series: Rows = field(default_factory=lambda: np.empty(0, SERIES))
    counts: Rows = field(default_factory=lambda: np.empty(0, COUNTS))
    tail: Rows = field(default_factory=lambda: np.empty(0, SAMPLE))
    reservoir: Rows = field(default_factory=lambda: np.empty(0, SAMPLE))
    complete: bool = False
    notes: list[str] = field(default_factory=list)
    indexes: dict[str, tuple[Rows | None, Index]] = field(
        default_factory=dict, repr=False, compare=False
    )
    """By the name of an array: the array that was given, and its index. Of a run that was loaded,
    and of a view, the index is all there is; the array is made where somebody asks for it."""
    kept: Kept | None = field(default=None, repr=False, compare=False)
    """What counts of the indexes' blocks; None: everything."""
    memo: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)
    """What was computed once from an index, by its id beside what else it depends on; the value
    holds the index, so that the id stays its own. Views share it."""

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Rows:
            """An array of which there is only the index so far; ordered by key."""
            if name not in FIGURES:
                raise AttributeError(name)
            rows = journal.sum_rows(self.part(name, None).rows())
            self.indexes[name] = (rows, self.index(name))
            setattr(self, name, rows)
            return rows

    def index(self, name: str) -> Index:
        """The index of hist, stats, series or counts of the whole run; made when first asked."""
        known = self.indexes.get(name)
        try:
            rows = object.__getattribute__(self, name)
        except AttributeError:  # it was left in its index
            rows = None
        if known is None or (rows is not None and known[0] is not rows):
            known = self.indexes[name] = (rows, Index(rows))
        return known[1]

    def view(
        self,
        manifest: Row | None = None,
        kept: Kept | None = None,
        probes: list[Row] | None = None,
    ) -> "RunData":
        """The same run with another manifest, other probes' rows, or only what counts of its
        figures; no copies (dataclasses.replace would make every array anew)."""
        indexes = {name: self.index(name) for name in FIGURES}
        own = {each.name: getattr(self, each.name) for each in fields(self)
               if each.name not in (*FIGURES, "indexes")}  # fmt: skip
        own |= {} if manifest is None else {"manifest": manifest}
        own |= {} if kept is None else {"kept": kept}
        own |= {} if probes is None else {"probes": probes}
        return in_indexes(RunData(**own), indexes)

    def part(
        self,
        name: str,
        endpoints: Collection[int] | None,
        what: int | Collection[int] | None = None,
        outcomes: Collection[int] | None = None,
        phases: Collection[int] | None = None,
    ) -> Part:
        """The rows of hist, stats, series or counts of some endpoints (None: all) and quantities
        (of counts: counters), found without looking at the others; block by block."""
        found = self.index(name).part(endpoints, what, outcomes, phases)
        return found if self.kept is None else found.where(self.kept.of(found))

    def endpoint_ids(
        self, *, kind: str | None = None, setup: bool | None = None, cls: str | None = None
    ) -> list[int]:
        """Ids of the manifest's endpoints of this kind, class and setup flag; None means any."""
        return [
            row["id"]
            for row in self.manifest.get("endpoints", [])
            if (kind is None or row["kind"] == kind)
            and (setup is None or row["setup"] == setup)
            and (cls is None or row["cls"] == cls)
        ]

    def histogram(
        self,
        quantity: str | int,
        *,
        phase: int | None = None,
        endpoints: int | Collection[int] | None = None,
        outcomes: Collection[int] = (0, 1),
    ) -> Histogram:
        """The whole run's histogram (3 digits, exact count, sum, min, max) of a quantity.

        `quantity` is a name or index of histogram.QUANTITIES; None means all phases or endpoints.
        """
        index = quantity_index(quantity)
        wanted = [endpoints] if isinstance(endpoints, int) else endpoints
        phases = None if phase is None else (phase,)
        return _joined(*(self.part(n, wanted, index, outcomes, phases) for n in ("hist", "stats")))

    def per_second(
        self, counter: int | Collection[int], *, endpoints: int | Collection[int] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Seconds since the epoch (ascending, without gaps) and the sum of these counters in each.

        All calls on one run give the same seconds: first to last of everything counted.
        """
        every, wanted = ([each] if isinstance(each, int) else each for each in (counter, endpoints))
        known = self.part("counts", None)["second"]
        if not len(known):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        first, last = int(known.min()), int(known.max())
        sums = np.zeros(last - first + 1, np.int64)
        found = self.part("counts", wanted, every)
        np.add.at(sums, found["second"].astype(np.int64) - first, found["value"].astype(np.int64))
        return np.arange(first, last + 1, dtype=np.int64), sums

    def second_histograms(
        self, quantity: str | int, *, endpoints: int | Collection[int] | None = None
    ) -> dict[int, Histogram]:
        """Per second of the end: a histogram of 2 digits of "response" or "service".

        Without exact figures: sum, min and max are those of the bins.
        """
        wanted = [endpoints] if isinstance(endpoints, int) else endpoints
        part = self.part("series", wanted, quantity_index(quantity))
        order = np.argsort(part["second"], kind="stable")
        seconds, bins, counts = (part[name][order] for name in ("second", "bin", "count"))
        starts = [*np.flatnonzero(np.diff(seconds.astype(np.int64), prepend=-1)), len(seconds)]
        return {
            int(seconds[first]): Histogram.from_sparse(bins[first:end], counts[first:end], digits=2)
            for first, end in pairwise(starts)
        }

    def probe_series(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Times in s since the epoch and values of `<probe>.<value>`, where it was read.

        `<probe>.<value>_per_s` of a value that was not recorded as such is the counter's rate: at
        the later of two readings, what it grew by over the time between them. A counter that began
        again has no rate there.
        """
        named = [row for row in self.probes if name in row["values"]]
        rows = [(row["time_s"], row["values"][name]) for row in named]
        counter = name.removesuffix("_per_s")
        if not rows and counter != name:
            return _rates(*self.probe_series(counter))
        found = np.array(rows, dtype=np.float64).reshape(-1, 2)
        order = np.argsort(found[:, 0], kind="stable")
        return found[order, 0], found[order, 1]

    def roles(self) -> dict[str, str]:
        """Role → full name of the value that fills it: of the first probe that was read."""
        read = {name for row in self.probes for name in row["values"]}
        found: dict[str, str] = {}
        for probe in self.manifest.get("probes") or []:
            for role, value in (probe.get("roles") or {}).items():
                name = f"{probe['name']}.{value}"
                if name in read:
                    found.setdefault(role, name)
        return found

    def role(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Times and values of what fills a role; empty where nothing does."""
        return self.probe_series(self.roles().get(name, ""))


def in_indexes(data: RunData, indexes: dict[str, Index]) -> RunData:
    """The run with its figures in these indexes and nowhere else."""
    data.indexes = {name: (None, index) for name, index in indexes.items()}
    for name in indexes:
        delattr(data, name)
    return data


def _rates(
    time_s: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    grown, spans_s = np.diff(values), np.diff(time_s)
    sound = (grown >= 0) & (spans_s > 0)
    return time_s[1:][sound], grown[sound] / spans_s[sound]


def quantity_index(quantity: str | int) -> int:
    """The index of a quantity that is given by name or index."""
    return QUANTITIES.index(quantity) if isinstance(quantity, str) else quantity


def _joined(bins: Part, exact: Part) -> Histogram:
    """The sum of these rows."""
    if not len(exact.blocks):
        return Histogram()
    return Histogram.from_sparse(
        bins["bin"],
        bins["count"],
        total_ns=int(exact["sum"].sum()),
        min_ns=int(exact["min"].min()),
        max_ns=int(exact["max"].max()),
    )
