"""Charts of response times against runs with known times."""

import numpy as np
import pytest

from tests.reference import rundata as rd
from velroload.analysis.analyse import analyse
from velroload.analysis.interval import samples_needed
from velroload.report.charts.chart import PERCENTILE
from velroload.report.charts.frame import Frame
from velroload.report.charts.times import (
    heat,
    limits,
    over_time,
    service_against_response,
    spectrum,
    window,
)
from velroload.report.kind import Told
from velroload.rundata import RunData


def frame(data: RunData) -> Frame:
    return Frame(Told(analyse(data), data))


def test_quantiles_where_the_sample_carries_them() -> None:
    service = np.where(np.arange(4_000) % 400 < 380, 10 * rd.MS, 90 * rd.MS)
    chart = over_time(frame(rd.build([rd.steady(400, 10.0, service)], 10.0)))
    by_name = {line.name: line.y for line in chart.lines}
    assert by_name["p50"][4] == pytest.approx(10.0, rel=0.02)
    assert by_name["p99"][4] == pytest.approx(90.0, rel=0.02)
    assert by_name["max"][4] == pytest.approx(90.0, rel=0.02)
    assert "Each second for itself." in chart.note
    slow = over_time(frame(rd.build([rd.steady(20, 100.0, 10 * rd.MS)], 100.0)))
    assert "In windows of 5 s." in slow.note
    assert samples_needed(0.95) == 72
    assert "p99" not in [line.name for line in slow.lines]
    assert slow.at[:3] == (0.0, 5.0, 10.0)


def test_a_short_slow_run_is_not_pressed_into_one_window() -> None:
    assert window(frame(rd.build([rd.steady(1, 10.0)], 10.0))) == 1


def test_limits_are_of_the_response_time_of_everything() -> None:
    data = rd.build([rd.steady(100, 3.0, cls="read")], 3.0)
    texts = (
        "p95(response) < 75ms",
        "p99(service) < 50ms",
        "errors < 1%",
        "p95 of class:read < 9ms",
        "recovery(redis_down) < 30s",
    )
    (line,) = limits(frame(rd.with_thresholds(data, *texts)))
    assert (line.name, line.y[:2], line.style) == ("limit p95 75.0 ms", (75.0, 75.0), "limit")


def test_a_limit_far_above_does_not_press_the_rest_onto_the_floor() -> None:
    data = rd.build([rd.steady(400, 5.0, 1 * rd.MS)], 5.0)
    assert not over_time(frame(rd.with_thresholds(data, "p95(response) < 20ms"))).y.log
    assert over_time(frame(rd.with_thresholds(data, "p95(response) < 75ms"))).y.log


def test_service_beside_response() -> None:
    chart = service_against_response(
        frame(rd.build([rd.steady(200, 5.0, 5 * rd.MS, wait_ns=20 * rd.MS)], 5.0))
    )
    by_name = {line.name: line.y[2] for line in chart.lines}
    assert by_name["response p95"] == pytest.approx(25.0, rel=0.02)
    assert by_name["service p95"] == pytest.approx(5.0, rel=0.02)
    assert chart.says == "At p95 the response time was 25.0 ms, the service time 5.00 ms."


def test_the_heat_map_holds_every_response() -> None:
    chart = heat(frame(rd.build([rd.steady(10, 1_000.0, 10 * rd.MS)], 1_000.0)))
    assert chart.heat is not None
    assert len(chart.heat.rows[0]) <= 240
    assert len(chart.heat.x) == len(chart.heat.rows[0]) + 1
    assert len(chart.heat.y) == len(chart.heat.rows) + 1
    assert sum(map(sum, chart.heat.rows)) == 10_000
    sums = [sum(row) for row in chart.heat.rows]
    busiest = sums.index(max(sums))
    assert chart.heat.y[busiest] <= 10.1 < chart.heat.y[busiest + 1] * 1.02


def test_the_spectrum_rises_to_the_maximum_and_says_where_it_is_unsure() -> None:
    service = np.arange(1, 10_001) * 10_000
    chart = spectrum(frame(rd.build([rd.steady(1_000, 10.0, service)], 10.0)))
    assert chart.x.kind == PERCENTILE
    sure, beyond = chart.lines[:2]
    assert sure.x is not None
    assert beyond.x is not None
    assert [value for value in sure.y if value is not None] == sorted(v for v in sure.y if v)
    assert beyond.style == "dots"
    assert beyond.x[-1] == 10_000.0
    assert beyond.y[-1] == pytest.approx(100.02, rel=1e-3)
    assert samples_needed(1 - 1 / sure.x[-1]) <= 10_000
    assert samples_needed(1 - 1 / beyond.x[-1]) > 10_000


def test_endpoints_of_the_spectrum_wait_in_the_legend(rich: Told) -> None:
    chart = spectrum(Frame(rich))
    assert [line.name for line in chart.lines if not line.hidden and line.style != "dots"] == [
        "response time",
        "service time",
    ]
    assert sum(line.hidden and line.style != "dots" for line in chart.lines) == 20
