"""The dashboard: the whole report as one HTML file that opens without a network."""

from dataclasses import asdict
from typing import Any

from velroload.analysis.compliance import Compliance
from velroload.report.charts.chart import Chart
from velroload.report.charts.frame import Frame
from velroload.report.grid import Drawn, role_of
from velroload.report.kind import Told
from velroload.report.palette import CYCLE, PENS, palettes
from velroload.report.sections.all import BEFORE_CHARTS, sections
from velroload.report.sections.headline import headline


def as_html(told: Told) -> bytes:
    """The file."""
    from velroload.report.page import render  # the template engine comes with it

    frame = Frame(told)
    found = sections(frame)
    charts = [each.chart for section in found for each in section.blocks if isinstance(each, Drawn)]
    return render(
        "report.html.j2",
        plotly=True,
        head=headline(told),
        compliance=gauge(told.result.compliance),
        sections=found,
        before_charts=BEFORE_CHARTS,
        data=island_of(frame, charts),
    )


def gauge(found: Compliance | None) -> dict[str, Any] | None:
    """The score as the gauge shows it."""
    if found is None:
        return None
    shown = "–" if found.score is None else f"{found.score:.0f}"
    band = found.band or f"no band: {found.total - found.measured} not measured or not settled"
    return {
        "score": found.score,
        "shown": shown,
        "role": role_of(found.verdict),
        "measured": found.measured,
        "total": found.total,
        "band": band,
        "says": f"Score {shown} of 100 over {found.measured} of {found.total} requirements",
    }


def island_of(frame: Frame, charts: list[Chart]) -> dict[str, Any]:
    """What the page's script draws from."""
    return {
        "length_s": max(frame.length, 1),
        "charts": [_drawable(chart) for chart in charts if chart.missing is None],
        "bands": [asdict(band) for band in frame.bands],
        "marks": [asdict(mark) for mark in frame.marks],
        "bad": _runs([each.second for each in frame.told.result.validity.bad_seconds]),
        "palettes": palettes(),
        "pens": PENS,
        "cycle": CYCLE,
    }


def _drawable(chart: Chart) -> dict[str, Any]:
    found = asdict(chart)
    for key in ("says", "note", "missing"):  # they stand in the page already
        del found[key]
    return found


def _runs(seconds: list[int]) -> list[tuple[int, int]]:
    """Neighbouring seconds as (first, one after the last)."""
    found: list[tuple[int, int]] = []
    for second in sorted(seconds):
        if found and found[-1][1] == second:
            found[-1] = (found[-1][0], second + 1)
        else:
            found.append((second, second + 1))
    return found
