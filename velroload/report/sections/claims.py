"""What was demanded and what was found: thresholds, requirements, phases."""

from typing import Any

from velroload.analysis.compliance import Compliance, RequirementResult
from velroload.analysis.result import PhaseResult, Result, ThresholdResult
from velroload.load.phases import HOLD
from velroload.report.grid import Cell, Grid, Head, Missing, number_cell, role_of, time_cell
from velroload.report.words import DASH, amount, number, percent, seconds
from velroload.report.words import per_second as rate


def observed(value: float | None, infinite: bool, unit: str) -> str:
    """What was found; ∞ where the percentile is a failure."""
    return "∞" if infinite else amount(value, unit)


def bounds(low: float | None, high: float | None, unit: str) -> str:
    """The 95 % interval in words, or nothing."""
    if low is None:
        return ""
    return f"95 %: {amount(low, unit)} – {'∞' if high is None else amount(high, unit)}"


def thresholds(result: Result) -> Grid | Missing:
    """Every threshold of the plan."""
    if not result.thresholds:
        return Missing(
            "No thresholds: nothing was demanded of this run. Name some in the plan "
            "(`thresholds:`) or with --slo 'p95<75ms'."
        )
    return Grid(
        "thresholds",
        "Thresholds",
        (
            Head("threshold", left=True), Head("verdict", left=True), Head("observed"),
            Head("headroom", hint="distance from the limit over the limit"),
            Head("n", hint="requests it rests on"),
        ),
        tuple(_threshold(each) for each in result.thresholds),
        cards=True,
    )  # fmt: skip


def _threshold(each: ThresholdResult) -> tuple[Cell, ...]:
    why = each.suspect or (each.why if each.verdict != "PASS" else "") or ""
    if each.needed is not None and each.verdict == "INCONCLUSIVE":
        why += f"{'; ' if why else ''}about {number(each.needed)} requests would settle it"
    word = "PASS (suspect)" if each.verdict == "PASS" and each.suspect else each.verdict
    return (
        Cell(each.text, why),
        Cell(word, role=role_of(word)),
        Cell(observed(each.observed, each.infinite, each.unit),
             bounds(each.low, each.high, each.unit)),
        number_cell(percent(each.margin), each.margin),
        number_cell(number(each.count), each.count),
    )  # fmt: skip


def requirements(compliance: Compliance | None) -> Grid | Missing:
    """The requirements of a document."""
    if compliance is None:
        return Missing(
            "No document of requirements was judged. Name one in the plan: `requirements: "
            "{use: velro-prd}`."
        )
    note = "Critical requirements decide the verdict; the verdict outranks the score."
    if compliance.part:
        note = (
            f"Held against {compliance.part}: users and throughput are demanded at that scale, and "
            f"what only the whole load shows is not measured. {note}"
        )
    return Grid(
        "requirements",
        f"Requirements of {compliance.document}" + (", scaled" if compliance.part else ""),
        (
            Head("requirement", left=True), Head("verdict", left=True), Head("limit"),
            Head("observed"), Head("headroom"), Head("evidence", left=True),
        ),
        tuple(_requirement(each) for each in compliance.requirements),
        note,
        cards=True,
    )  # fmt: skip


def limit(each: RequirementResult) -> str:
    """What is demanded: "≥ 1,000.0/s"; of stability, that nothing rises."""
    if each.unit == "per_hour" and not each.limit:
        return "no rise"
    sign = {">=": "≥", "<=": "≤"}.get(each.op, each.op)
    return f"{sign} {amount(each.limit, each.unit)}"


def _requirement(each: RequirementResult) -> tuple[Cell, ...]:
    why = each.suspect or each.why or ""
    if each.needed is not None and each.verdict == "INCONCLUSIVE":
        why += f"{'; ' if why else ''}about {number(each.needed)} {each.what} would settle it"
    title = f"{each.id} {each.title}" + ("" if each.critical else " (not critical)")
    return (
        Cell(title, why),
        Cell(each.verdict, role=role_of(each.verdict)),
        Cell(limit(each)),
        Cell(observed(each.observed, each.infinite, each.unit),
             bounds(each.low, each.high, each.unit)),
        number_cell(percent(each.headroom), each.headroom),
        Cell(f"{number(each.count)} {each.what}" if each.count else DASH,
             " · ".join(part for part in (each.phase, each.evidence) if part)),
    )  # fmt: skip


def phases(result: Result) -> Grid | None:
    """The phases of a suite, each with its own verdict; without a suite what counts of the run."""
    if result.suite:
        return _suite(result)
    rows = result.summary.phases
    if len(rows) < 2:
        return None
    return Grid(
        "phases",
        "Phases",
        (Head("phase", left=True), Head("kind", left=True), Head("from s"), Head("length"),
         Head("requests"), Head("ok"), Head("counts", left=True)),
        tuple(
            (
                Cell(each.name), Cell(each.kind),
                number_cell(f"{each.start_ns / 1e9:,.1f}", each.start_ns),
                number_cell(seconds((each.end_ns - each.start_ns) / 1e9), each.end_ns),
                number_cell(number(each.count), each.count),
                number_cell(percent(each.ok / each.count if each.count else None), each.ok),
                Cell("yes" if each.kind == HOLD else "no"),
            )
            for each in rows
        ),
        "Figures, thresholds and verdicts are of the holds.",
    )  # fmt: skip


def _suite(result: Result) -> Grid:
    asked = {row["name"]: row for row in result.manifest.get("suite") or []}
    names = ("users", "of req/s", "req/s", "p50 ms", "p95 ms", "p99 ms", "failed")
    return Grid(
        "phases",
        "Phases",
        (Head("phase", left=True), Head("verdict", left=True), *map(Head, names),
         Head("what it rests on", left=True)),
        tuple(_phase(each, asked.get(each.name, {})) for each in result.suite),
        "Each is judged by its hold. A gate decides over the run.",
        cards=True,
    )  # fmt: skip


def _phase(each: PhaseResult, asked: dict[str, Any]) -> tuple[Cell, ...]:
    total = each.summary.total
    times = total.response.all.percentiles
    offered, users = asked.get("rate_per_s"), asked.get("users")
    said = "; ".join(
        f"{one.text}: {observed(one.observed, one.infinite, one.unit)}"
        for one in each.thresholds
        if one.verdict != "PASS"
    )
    return (
        Cell(each.name, "gate" if each.gate else ""),
        Cell(each.verdict, role=role_of(each.verdict)),
        number_cell(number(users), users),
        number_cell(rate(offered), offered),
        number_cell(rate(total.rate_per_s), total.rate_per_s),
        time_cell(times["p50"].value_ns),
        time_cell(times["p95"].value_ns, times["p95"].low_ns, times["p95"].high_ns),
        time_cell(times["p99"].value_ns),
        number_cell(percent(total.failed_share), total.failed_share),
        Cell(said or each.why),
    )
