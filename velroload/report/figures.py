"""The charts as PNG and SVG by matplotlib, for documents; the same charts as on the page.

The last word of the file's name picks one (`run-heat.png`, `spectrum.svg`); any other name draws
the main ones on a sheet.
"""

import io
import re
from typing import Any

import numpy as np

from velroload.report.charts.all import CHART_IDS, charts_named
from velroload.report.charts.chart import NUMBER, PERCENTILE, TIME, Chart, Heat, Line
from velroload.report.charts.frame import Frame
from velroload.report.kind import Told
from velroload.report.palette import CYCLE, HEAT_LIGHT, LIGHT, PENS
from velroload.report.words import clean, cut

MAIN = ("load", "response", "heat", "spectrum", "errors", "target")
INCHES = (11.0, 3.6)
LEGEND_LETTERS = 40
DASHES = {"dash": "--", "dot": ":"}
NINES = (("0", 1), ("50", 2), ("90", 10), ("99", 100), ("99.9", 1e3), ("99.99", 1e4))


def as_png(told: Told) -> bytes:
    """Charts as PNG, 150 dots per inch."""
    return _drawn(told, "png")


def as_svg(told: Told) -> bytes:
    """Charts as SVG; texts as outlines, so that they look the same everywhere."""
    return _drawn(told, "svg")


def wanted(name: str) -> tuple[str, ...]:
    """The charts that a file's name asks for."""
    words = re.split(r"[^a-z]+", name.lower().rpartition(".")[0])
    return (words[-1],) if words[-1] in CHART_IDS else MAIN


def _drawn(told: Told, form: str) -> bytes:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    frame = Frame(told)
    charts = charts_named(frame, wanted(told.name))
    shown = [chart for chart in charts if chart.missing is None] or charts[:1]
    figure = Figure(figsize=(INCHES[0], INCHES[1] * len(shown)), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, chart in zip(figure.subplots(len(shown), squeeze=False)[:, 0], shown, strict=True):
        _chart(axes, chart, frame)
    out = io.BytesIO()
    stamp = {"Date": None} if form == "svg" else {"Software": None}
    with matplotlib.rc_context({"svg.hashsalt": "velroload"}):
        figure.savefig(out, format=form, dpi=150, metadata=stamp)
    return out.getvalue()


def _chart(axes: Any, chart: Chart, frame: Frame) -> None:
    axes.set_title(chart.title, loc="left", fontsize=11, parse_math=False)
    if chart.missing is not None:
        axes.set_axis_off()
        axes.text(0, 0.5, chart.missing, wrap=True, transform=axes.transAxes, parse_math=False)
        return
    right = axes.twinx() if chart.right is not None else None
    if chart.heat is not None:
        _heat(axes, chart.heat)
    if chart.lines and chart.lines[0].style == "stack":
        axes.stackplot(
            chart.at,
            [[value or 0.0 for value in line.y] for line in chart.lines],
            colors=[_colour(line, place) for place, line in enumerate(chart.lines)],
            labels=[_name(line) for line in chart.lines],
        )
    else:
        for place, line in enumerate(chart.lines):
            if not line.hidden:
                _line(right if line.second and right is not None else axes, chart, line, place)
    _axes(axes, right, chart)
    if chart.x.kind == TIME:
        for band in frame.bands:
            if band.kind != "hold":
                axes.axvspan(band.start_s, band.end_s, color=LIGHT["grey"], alpha=0.12, lw=0)
        for mark in frame.marks:
            axes.axvline(mark.at_s, color=LIGHT["orange"], lw=0.9, ls=":")


def _axes(axes: Any, right: Any, chart: Chart) -> None:
    from matplotlib.ticker import FuncFormatter

    for each in (axes, *(() if right is None else (right,))):
        if chart.y.log and each is axes:
            each.set_yscale("log")
        elif chart.heat is None:
            each.set_ylim(bottom=0)
        each.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        each.spines[["top"]].set_visible(False)
    unit = f", {chart.y.unit}" if chart.y.unit else ""
    axes.set_ylabel(f"{chart.y.title}{unit}")
    if right is not None and chart.right is not None:
        right.set_ylabel(
            f"{chart.right.title}{', ' + chart.right.unit if chart.right.unit else ''}"
        )
    if chart.x.kind == PERCENTILE:
        axes.set_xscale("log")
        axes.set_xticks([at for _, at in NINES], [name for name, _ in NINES])
        axes.minorticks_off()
    axes.set_xlabel({TIME: "seconds since the start", PERCENTILE: "percentile", NUMBER:
                     chart.x.title}[chart.x.kind])  # fmt: skip
    axes.grid(color="#dde2e8", lw=0.6)
    axes.set_axisbelow(True)
    handles, labels = axes.get_legend_handles_labels()
    if right is not None:
        more, names = right.get_legend_handles_labels()
        handles, labels = [*handles, *more], [*labels, *names]
    if handles:
        found = axes.legend(handles, labels, fontsize=8, frameon=False, ncols=5, loc="upper left",
                            bbox_to_anchor=(0, -0.16))  # fmt: skip
        for text in found.get_texts():
            text.set_parse_math(False)


def _name(line: Line) -> str:
    """A legend's text; matplotlib leaves out names that begin with an underscore."""
    return cut(clean(line.name), LEGEND_LETTERS).lstrip("_") or "–"


def _colour(line: Line, place: int) -> str:
    pen = PENS.get(line.role, {"ink": "blue"})
    return LIGHT[CYCLE[place % len(CYCLE)] if pen.get("cycle") else str(pen["ink"])]


def _line(axes: Any, chart: Chart, line: Line, place: int) -> None:
    pen = PENS.get(line.role, {"ink": "blue"})
    colour, x = _colour(line, place), line.x or chart.at
    y = np.array([np.nan if value is None else value for value in line.y], dtype=float)
    if line.style == "points":
        axes.plot(x, y, ls="", marker="o", ms=3, color=colour, label=_name(line))
        return
    dash = {"limit": "--", "dots": ":"}.get(line.style) or DASHES.get(str(pen.get("dash")), "-")
    label = None if line.style == "dots" else _name(line)
    axes.plot(x, y, ls=dash, lw=float(pen.get("width", 1.4)), color=colour, label=label,
              drawstyle="steps-post" if line.style == "step" else "default")  # fmt: skip
    if line.style == "area":
        axes.fill_between(x, np.nan_to_num(y), color=colour, alpha=0.15, lw=0)


def _heat(axes: Any, heat: Heat) -> None:
    from matplotlib.colors import LinearSegmentedColormap, LogNorm

    counts = np.ma.masked_equal(np.array(heat.rows, dtype=float), 0.0)
    colours = LinearSegmentedColormap.from_list("heat", HEAT_LIGHT)
    norm = LogNorm(1.0, max(float(counts.max()), 2.0))
    drawn = axes.pcolormesh(heat.x, heat.y, counts, cmap=colours, norm=norm)
    axes.figure.colorbar(drawn, ax=axes, label="responses", pad=0.01)
