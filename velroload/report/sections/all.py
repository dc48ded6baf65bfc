"""All sections of the full report, in the order of what a reader asks first."""

from velroload.report.charts.all import all_charts
from velroload.report.charts.frame import Frame
from velroload.report.grid import Block, Drawn, Grid, Missing, Section
from velroload.report.sections import claims, findings, outlook
from velroload.report.sections.endpoints import endpoints
from velroload.report.sections.failures import failures
from velroload.report.sections.methods import methods, plan

BEFORE_CHARTS = 2
"""Sections that stand before the charts."""


def sections(frame: Frame) -> list[Section]:
    """Every section, also those of which nothing is known: they say what is missing."""
    result = frame.told.result
    charts = {id_: tuple(Drawn(chart) for chart in found) for id_, _, found in all_charts(frame)}
    judged: list[Grid | Missing | None] = [
        claims.requirements(result.compliance),
        claims.thresholds(result),
        claims.phases(result),
    ]
    return [
        Section("claims", "What was demanded", _known(judged), short="Demands"),
        Section(
            "actions",
            "What to do",
            (findings.recommendations(result), *findings.bottlenecks(result)),
            short="What to do",
        ),
        Section("load", "Load", charts["load"]),
        Section("times", "Response times", (*charts["times"], *endpoints(result)), short="Times"),
        Section("outcomes", "Outcomes and cache", charts["outcomes"], short="Outcomes"),
        Section("errors-seen", "Errors", tuple(failures(result))),
        Section("events", "Events and resilience",
                (*findings.incidents(result), *findings.marks(frame.marks)),
                short="Events"),
        Section("slowest", "The slowest requests", tuple(findings.tail(result)), short="Slowest"),
        Section("target-resources", "The target's resources",
                (*charts["target"], *findings.utilisation(result.utilisation)), short="Target"),
        Section("growth-room", "Capacity and trends",
                (*charts["capacity"], *outlook.growth(result.capacity),
                 outlook.drift(result.drift)),
                short="Capacity"),
        Section("generator-own", "The generator: can it vouch for this?",
                (*charts["generator"], *outlook.fidelity(result)), short="Generator"),
        Section("plan", "Plan and machine", tuple(plan(frame.told))),
        Section("how", "Methods and glossary", tuple(methods()), short="Methods"),
    ]  # fmt: skip


def _known(blocks: "list[Grid | Missing | None]") -> tuple[Block, ...]:
    return tuple(block for block in blocks if block is not None)
