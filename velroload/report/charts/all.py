"""Every chart of a report in the order in which they stand, by group."""

from velroload.report.charts.capacity import capacity
from velroload.report.charts.chart import Chart
from velroload.report.charts.frame import Frame
from velroload.report.charts.load import cache, errors, outcomes, rates
from velroload.report.charts.machines import breakers, generator, lags, pools, target
from velroload.report.charts.times import heat, over_time, service_against_response, spectrum

GROUPS = (
    ("load", "Load", (rates,)),
    ("times", "Response times", (over_time, service_against_response, heat, spectrum)),
    ("outcomes", "Outcomes and cache", (outcomes, errors, cache)),
    ("target", "The target's resources", (pools, breakers, target)),
    ("generator", "The generator", (generator, lags)),
)
"""(id, title, functions Frame → Chart)."""

CHART_IDS = (
    "load", "response", "service", "heat", "spectrum", "outcomes", "errors", "cache", "pools",
    "breakers", "target", "generator", "lag", "capacity",
)  # fmt: skip


def all_charts(frame: Frame) -> list[tuple[str, str, list[Chart]]]:
    """(id, title, charts) of every group."""
    groups = [(id_, title, [draw(frame) for draw in draws]) for id_, title, draws in GROUPS]
    return [*groups, ("capacity", "Capacity", [capacity(frame.told.result)])]
