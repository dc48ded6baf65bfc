"""A chart before it is drawn: series with names and units, for the page, matplotlib and tables.

Plain frozen values. None in a series is "not known" and leaves a gap; never NaN or infinity.
"""

from dataclasses import dataclass

Values = tuple[float | None, ...]

TIME, NUMBER, PERCENTILE = "time", "number", "percentile"
"""What an x axis runs over: seconds of the run, a plain quantity, 1 / (1 − quantile) on a log
scale."""


@dataclass(frozen=True, slots=True)
class Axis:
    """title and unit as they stand beside the axis; log: a logarithmic scale."""

    title: str
    unit: str = ""
    log: bool = False
    kind: str = NUMBER


@dataclass(frozen=True, slots=True)
class Line:
    """One series. role picks its colour and dash wherever it appears (see palette.py).

    style: line | step | area (filled to 0) | stack (areas on each other) | points | limit (a dashed
    line that is no measurement). second: it belongs to the right axis. hidden: in the legend, drawn
    when it is asked for. x: its own x values, where they are not the chart's.
    """

    name: str
    y: Values
    role: str
    style: str = "line"
    second: bool = False
    hidden: bool = False
    x: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Heat:
    """Counts on a grid: `rows[y][x]`; x and y are the edges of its cells, one more than those."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    rows: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart. says: what it shows, in a sentence with figures, for those who do not see it.

    note: how to read it. missing: why there is nothing to draw and how to get it; then all else is
    empty. per_point_s: seconds of the run that one point stands for.
    """

    id: str
    title: str
    says: str = ""
    note: str = ""
    x: Axis = Axis("time", "s", kind=TIME)
    y: Axis = Axis("")
    right: Axis | None = None
    at: tuple[float, ...] = ()
    lines: tuple[Line, ...] = ()
    heat: Heat | None = None
    missing: str | None = None
    per_point_s: float = 1.0


def absent(id_: str, title: str, missing: str) -> Chart:
    """The chart of something that this run knows nothing of."""
    return Chart(id_, title, missing=missing)


@dataclass(frozen=True, slots=True)
class Band:
    """A phase, or a part of one, behind every chart over time. Seconds of the run."""

    name: str
    kind: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Mark:
    """An event on every chart over time. end_s: None for an instant."""

    name: str
    kind: str
    what: str
    at_s: float
    end_s: float | None = None
    detail: str | None = None
