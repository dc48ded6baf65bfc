"""Every chart of a report in the order in which they stand, by group."""

from collections.abc import Callable, Collection

from velroload.report.charts.capacity import capacity
from velroload.report.charts.chart import Chart
from velroload.report.charts.frame import Frame
from velroload.report.charts.load import cache, errors, outcomes, rates
from velroload.report.charts.machines import breakers, generator, lags, pools, target, watched
from velroload.report.charts.times import heat, over_time, service_against_response, spectrum

GROUPS: tuple[tuple[str, str, dict[str, Callable[[Frame], Chart]]], ...] = (
    ("load", "Load", {"load": rates}),
    ("times", "Response times", {
        "response": over_time, "service": service_against_response, "heat": heat,
        "spectrum": spectrum,
    }),
    ("outcomes", "Outcomes and cache", {"outcomes": outcomes, "errors": errors, "cache": cache}),
    ("target", "The target's resources", {
        "pools": pools, "breakers": breakers, "target": target, "probes": watched,
    }),
    ("generator", "The generator", {"generator": generator, "lag": lags}),
    ("capacity", "Capacity", {"capacity": lambda frame: capacity(frame.told.result)}),
)  # fmt: skip
"""(id, title, how each chart is made, by its id)."""

CHART_IDS = tuple(id_ for _, _, charts in GROUPS for id_ in charts)


def all_charts(frame: Frame) -> list[tuple[str, str, list[Chart]]]:
    """(id, title, charts) of every group."""
    return [(id_, title, [draw(frame) for draw in draws.values()]) for id_, title, draws in GROUPS]


def charts_named(frame: Frame, ids: Collection[str]) -> list[Chart]:
    """Only these charts, in their order."""
    draws = {id_: draw for _, _, charts in GROUPS for id_, draw in charts.items()}
    return [draw(frame) for id_, draw in draws.items() if id_ in ids]
