"""Every chart of every run: bounded, finite, either drawn or said why not."""

import math

import pytest

from velroload.report.charts.all import CHART_IDS, all_charts
from velroload.report.charts.chart import Chart
from velroload.report.charts.frame import Frame
from velroload.report.charts.thin import POINTS
from velroload.report.kind import Told
from velroload.report.palette import PENS


def charts(told: Told) -> list[Chart]:
    return [chart for _, _, group in all_charts(Frame(told)) for chart in group]


def sound(chart: Chart) -> None:
    assert (chart.missing is None) == bool(chart.lines or chart.heat)
    assert chart.title
    for line in chart.lines:
        x = chart.at if line.x is None else line.x
        assert len(x) == len(line.y) <= POINTS
        assert line.role in PENS
        assert all(math.isfinite(value) for value in (*x, *line.y) if value is not None)


def test_all_of_a_rich_run_are_there(rich: Told) -> None:
    found = charts(rich)
    assert tuple(chart.id for chart in found) == CHART_IDS
    for chart in found:
        sound(chart)
        assert chart.missing is None or chart.id == "capacity"
        assert chart.missing is not None or chart.says.endswith(".")


def test_a_poor_run_says_what_is_missing(poor: Told) -> None:
    for chart in charts(poor):
        sound(chart)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_of_69_minutes_is_thinned(long: Told) -> None:
    for chart in charts(long):
        sound(chart)
