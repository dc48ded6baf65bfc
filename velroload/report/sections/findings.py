"""What held the run back and what would help; what events did; what the slowest have in common."""

from velroload.analysis.finding import Evidence
from velroload.analysis.incident import Resilience, Utilisation
from velroload.analysis.result import Result
from velroload.report.charts.chart import Mark
from velroload.report.grid import (  # fmt: skip
    Block,
    Cell,
    Grid,
    Head,
    Item,
    Items,
    Missing,
    cells,
    number_cell,
    time_cell,
)
from velroload.report.words import DASH, amount, digits, ms, number, percent
from velroload.report.words import per_second as rate

CONFIDENCE = {"likely": "fail", "possible": "warn", "weak": "none"}


def bottlenecks(result: Result) -> list[Block]:
    """Hints, ranked, with their evidence, and what was looked for in vain."""
    blocks: list[Block] = []
    if result.findings:
        items = tuple(
            Item(
                each.title,
                each.text,
                each.confidence,
                CONFIDENCE.get(each.confidence, "warn"),
                (*((("phase", each.phase),) if each.phase else ()),
                 *((one.what, f"{figure(one)} ({one.where})") for one in each.evidence)),
            )
            for each in result.findings
        )  # fmt: skip
        note = "Hints, the weightiest first: series that move together prove no cause."
        blocks.append(Items("bottlenecks", "Bottlenecks", items, note))
    elif result.examined:
        blocks.append(Missing("No bottleneck was found among what could be watched."))
    else:
        blocks.append(Missing("Nothing was examined: the run is too short for it."))
    unseen = [each for each in result.examined if not each.watched and each.missing]
    if unseen:
        rows = tuple(cells((each.code.replace("_", " "), each.missing or "")) for each in unseen)
        heads = (Head("not watched", left=True), Head("would be seen by", left=True))
        blocks.append(Grid("unseen", "What nobody watched", heads, rows, cards=True))
    return blocks


def figure(evidence: Evidence) -> str:
    """A figure of evidence in words."""
    if evidence.unit in ("ratio", "rho", "s"):
        unit = {"ratio": " ×", "rho": " (rank correlation)", "s": " s"}[evidence.unit]
        sign = "−" if evidence.value < 0 else ""
        return f"{sign}{digits(abs(evidence.value))}{unit}"
    return amount(evidence.value, evidence.unit)


def recommendations(result: Result) -> Block:
    """What to do, the most urgent first."""
    if not result.recommendations:
        return Missing("No recommendation: there is no finding to base one on.")
    return Items(
        "recommendations",
        "Recommendations",
        tuple(
            Item(each.title, each.text, str(each.priority), "",
                 (("rests on", each.figure), *((("gain", each.gain),) if each.gain else ())))
            for each in sorted(result.recommendations, key=lambda each: each.priority)
        ),
    )  # fmt: skip


def marks(found: tuple[Mark, ...]) -> list[Block]:
    """Everything that is marked in the charts, in the order in which it came."""
    rows = tuple(
        (
            number_cell(f"{each.at_s:,.1f}", each.at_s),
            Cell(each.name), Cell(each.kind), Cell(each.what, each.detail or ""),
            number_cell(DASH if each.end_s is None else f"{each.end_s:,.1f}", each.end_s),
        )
        for each in found
    )  # fmt: skip
    heads = (Head("at s"), Head("what", left=True), Head("kind", left=True),
             Head("state", left=True), Head("until s"))  # fmt: skip
    return [Grid("marks", "Marked in the charts", heads, rows)] if rows else []


def incidents(result: Result) -> list[Block]:
    """What events did to the service, and which rate broke a limit."""
    blocks: list[Block] = []
    if result.resilience:
        blocks.append(_resilience(result.resilience))
    else:
        blocks.append(Missing("No event: name some in a phase of the plan (`events:`) to see how "
                              "the service bears them."))  # fmt: skip
    if result.broken:
        rows = tuple(
            (Cell(each.phase), Cell(each.threshold), number_cell(f"{rate(each.rate_per_s)}/s",
             each.rate_per_s), number_cell(number(each.at_s), each.at_s))
            for each in result.broken
        )  # fmt: skip
        heads = (
            Head("phase", left=True),
            Head("limit", left=True),
            Head("broke at"),
            Head("second"),
        )
        blocks.append(Grid("broken", "Where rising load broke a limit", heads, rows))
    return blocks


def _span(value_ns: int | None) -> Cell:
    return number_cell(DASH if value_ns is None else f"{value_ns / 1e9:.1f} s", value_ns)


def _resilience(found: tuple[Resilience, ...]) -> Grid:
    rows = tuple(
        (
            Cell(each.name, each.text), Cell(each.phase or DASH), _span(each.at_ns),
            _span(each.onset_ns), _span(each.fast_fail_ns),
            number_cell(percent(each.depth), each.depth),
            number_cell(percent(each.failed_depth), each.failed_depth),
            number_cell(number(each.lost), each.lost), _span(each.recovery_ns),
            number_cell(number(each.half_open), each.half_open),
        )
        for each in found
    )  # fmt: skip
    heads = (
        Head("event", left=True), Head("phase", left=True), Head("at"),
        Head("onset", hint="from its begin to the first second out of the band"),
        Head("fast fail", hint="until requests still failed, but at once"),
        Head("missing", hint="good answers that were missing in the worst second"),
        Head("failed", hint="worst second"), Head("lost", hint="failed beyond what failed before"),
        Head("recovery", hint="back into the band, for good"), Head("half-open"),
    )  # fmt: skip
    return Grid(
        "resilience", "Events", heads, rows, "Times run from the event's begin.", cards=True
    )


def tail(result: Result) -> list[Block]:
    """What sets the slowest requests apart."""
    found = result.tail
    if found is None:
        return [Missing("Not known: the run has too few samples of slow requests.")]
    blocks: list[Block] = []
    if found.shares:
        rows = tuple(
            (
                Cell(each.trait), Cell(each.value or "yes"),
                number_cell(percent(each.tail_share), each.tail_share),
                number_cell(percent(each.all_share), each.all_share),
                number_cell(number(each.tail_count), each.tail_count),
            )
            for each in found.shares
        )  # fmt: skip
        heads = (Head("trait", left=True), Head("which", left=True), Head("of the slow"),
                 Head("of the rest"), Head("count"))  # fmt: skip
        note = (f"The slow are those from {ms(found.limit_ns)} ms on: {percent(found.share)} of "
                f"all; {number(found.count)} of them were looked at.")  # fmt: skip
        blocks.append(Grid("tail", "What the slowest have in common", heads, rows, note, True))
    else:
        blocks.append(Missing(f"Nothing sets the slowest apart (those from {ms(found.limit_ns)} ms "
                              f"on, {number(found.count)} looked at)."))  # fmt: skip
    if result.modes:
        rows = tuple(
            (
                Cell(each.endpoint, "; ".join(f"{one.trait} {one.value or ''}".strip()
                                              for one in each.apart)),
                time_cell(each.fast_ns), time_cell(each.valley_ns), time_cell(each.slow_ns),
                number_cell(percent(each.slow_share), each.slow_share),
            )
            for each in result.modes
        )  # fmt: skip
        heads = (Head("endpoint", left=True), Head("fast ms"), Head("valley ms"), Head("slow ms"),
                 Head("slow share"))  # fmt: skip
        blocks.append(Grid("modes", "Two kinds of responses", heads, rows))
    return blocks


def utilisation(found: tuple[Utilisation, ...]) -> list[Block]:
    """What each phase took of the service."""
    if not found:
        return []
    rows = tuple(
        (
            Cell(each.phase, "; ".join(f"{use.resource}: usually {percent(use.usual)}, at most "
                                       f"{percent(use.most)}" for use in each.uses)),
            number_cell(rate(each.rate_per_s), each.rate_per_s),
            *(number_cell(DASH if value is None else digits(value), value) for value in
              (each.cpu_ms_per_request, each.queries_per_request)),
            number_cell(number(None if each.bytes_per_request is None
                               else round(each.bytes_per_request)), each.bytes_per_request),
            number_cell(number(each.waits_s), each.waits_s),
            number_cell(number(each.most_waiting), each.most_waiting),
        )
        for each in found
    )  # fmt: skip
    heads = (Head("phase", left=True), Head("req/s"), Head("CPU ms/req"), Head("queries/req"),
             Head("bytes/req"), Head("s waiting"), Head("most waiting"))  # fmt: skip
    return [Grid("utilisation", "What a request takes of the service", heads, rows, cards=True)]
