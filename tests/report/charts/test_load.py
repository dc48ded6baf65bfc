"""Charts of load, outcomes, errors and cache layers against runs with known counts."""

import numpy as np

from tests.reference import rundata as rd
from velroload.analysis.analyse import analyse
from velroload.report.charts.chart import Chart
from velroload.report.charts.frame import Frame
from velroload.report.charts.load import KINDS, NO_REQUESTS, cache, errors, outcomes, rates
from velroload.report.kind import Told
from velroload.rundata import RunData
from velroload.sample import ErrorKind


def frame(data: RunData) -> Frame:
    return Frame(Told(analyse(data), data))


def line(chart: Chart, name: str) -> tuple[float | None, ...]:
    (found,) = [each.y for each in chart.lines if each.name == name]
    return found


def total(chart: Chart, name: str) -> float:
    return sum(value or 0.0 for value in line(chart, name))


def test_rates_are_those_of_the_run(rich: Told) -> None:
    chart = rates(Frame(rich))
    names = [each.name for each in chart.lines]
    assert names == ["users active", "offered by the plan", "due", "sent", "answered"]
    assert line(chart, "due")[3] == 200.0
    assert max(value or 0.0 for value in line(chart, "users active")) == 15_000.0
    assert chart.says.startswith("200.0 requests/s were sent in a typical second")
    assert line(chart, "sent")[-1] is None  # of the last second only a part belongs to the run


def test_statuses_and_failures_add_up() -> None:
    error = np.zeros(1_000, np.int64)
    error[:30], error[30:50], error[50:60] = ErrorKind.STATUS, ErrorKind.RESET, ErrorKind.TIMEOUT
    status = np.where(error == ErrorKind.STATUS, 503, 200)
    found = frame(rd.build([rd.steady(200, 5.0, error=error, status=status)], 5.0))
    chart = outcomes(found)
    assert [total(chart, each.name) for each in chart.lines] == [940, 30, 10, 20]
    names = [each.name for each in chart.lines]
    assert names == ["2xx", "5xx", "timed out", "no complete response"]
    assert {each.style for each in chart.lines} == {"stack"}
    kinds = errors(found)
    assert [(each.name, total(kinds, each.name)) for each in kinds.lines] == [
        ("status", 30), ("reset", 20), ("timeout", 10)]  # fmt: skip
    assert kinds.says == (
        "60 requests failed, 30 of them by status, the most frequent kind; the worst second had 60."
    )


def test_rare_kinds_share_an_area() -> None:
    kinds = [20, 21, 22, 40, 41, 42, 50, 51, 52, 55]
    error = np.repeat(kinds, 20)
    chart = errors(frame(rd.build([rd.steady(200, 1.0, error=error)], 1.0)))
    assert len(chart.lines) == KINDS + 1
    assert total(chart, "other kinds") == 40


def test_cache_layers_by_responses_then_by_probes(rich: Told, plain: Told) -> None:
    chart = cache(Frame(rich))
    assert [each.name for each in chart.lines] == ["L1", "L2", "L3", "miss"]
    assert chart.says.startswith("Of the responses that named a layer: L1 55.9 %")
    counts = rich.data.counts
    data = rd.with_end(rich.data)
    data.counts = counts[counts["counter"] < 1272]
    by_probe = cache(Frame(Told(rich.result, data)))
    assert by_probe.y.title == "look-ups"
    assert [each.name for each in by_probe.lines] == ["L1"]
    missing = cache(Frame(plain)).missing
    assert missing == (
        "Not known: no response named its cache layer (X-Cache-Status or Server-Timing), and no "
        "probe counts hits. Watch the service's /metrics with `probes:` in the plan."
    )


def test_nothing_to_draw() -> None:
    found = frame(rd.empty())
    assert [draw(found).missing for draw in (rates, outcomes)] == [NO_REQUESTS] * 2
    assert errors(found).missing == "No request failed."
