"""The requirements of a document as a table, and the score beside its coverage."""

from collections.abc import Iterator

from velroload.analysis.compliance import BANDS, PASS_SUSPECT, Compliance, RequirementResult
from velroload.analysis.result import Result
from velroload.report.table import WIDTH, Column, Style, table, wrapped
from velroload.report.words import DASH, clean, cut, digits, ms, number, percent
from velroload.report.words import per_second as rate

ROLES = {"PASS": "pass", PASS_SUSPECT: "pass", "FAIL": "fail"}
MATTERS = ("FAIL", "INCONCLUSIVE")
UNMEASURED = "NOT MEASURED"
UNMEASURED_LINES = 3


def requirement_lines(result: Result, style: Style, *, verbose: bool = False) -> list[str]:
    """Nothing when the run is held against no document. Why something was not measured stands below
    the table, all of it when verbose."""
    found = result.compliance
    if found is None:
        return []
    columns = [
        Column("requirement", left=True),
        Column("limit"),
        Column("observed [95 %]", left=True),
        Column("n"),
        Column("verdict", left=True, role=lambda word: ROLES.get(word, "warn")),
        Column("headroom"),
    ]
    lines = table(columns, [_cells(each) for each in found.requirements], style)
    claimed = not result.incomplete and result.validity.verdict != "INVALID"
    told = [*score_lines(found, style), lines[0]]
    for line, each in zip(lines[1:], found.requirements, strict=True):
        told.append(line)
        if claimed and each.verdict in MATTERS:
            told.append("     " + style("dim", cut(_why(each), WIDTH - 5)))
    if claimed:
        lines = list(wrapped(_unmeasured(found), WIDTH - 1))
        kept = lines if verbose or len(lines) <= UNMEASURED_LINES else lines[:UNMEASURED_LINES]
        told += [" " + style("dim", line) for line in kept]
        if len(kept) < len(lines):
            told[-1] = " " + style("dim", cut(kept[-1], WIDTH - 8) + " … -v")
    return told


def _unmeasured(found: Compliance) -> str:
    """Why what was not measured was not; what shares a reason stands together. Short ones first:
    what does not fit is the end of the longest."""
    reasons: dict[str, list[str]] = {}
    for each in found.requirements:
        if each.verdict == UNMEASURED:
            reasons.setdefault(clean(each.why or "unknown"), []).append(each.id)
    ordered = sorted(reasons.items(), key=lambda each: len(each[0]))
    return " · ".join(f"{', '.join(ids)}: {why}" for why, ids in ordered)


def score_lines(found: Compliance, style: Style) -> Iterator[str]:
    """The score is never shown without its coverage, nor a band below full coverage."""
    score = DASH if found.score is None else f"{found.score:.0f}"
    text = f"{score} over the {found.measured} measured of {found.total}"
    if found.part:
        text += f" at {found.part}"
    if found.band:
        meaning = next(says for _, name, says in BANDS if name == found.band)
        text += f": {found.band}" + (f" ({meaning})" if meaning else "")
    else:
        missing = [
            each.id for each in found.requirements if each.verdict in ("INCONCLUSIVE", UNMEASURED)
        ]
        text += f"; no band: {', '.join(missing)} not settled" if missing else ""
    first, *rest = wrapped(text, WIDTH - 7)
    yield f"{style('strong', 'SCORE')}  {first}"
    for line in rest:
        yield "       " + line


def _why(each: RequirementResult) -> str:
    parts = [each.why or ""]
    if each.needed is not None:
        parts.append(f"about {each.needed:,} {each.what} would settle it")
    if each.phase:
        parts.append(f"phase {each.phase}")
    return clean("; ".join(part for part in parts if part))


def _cells(each: RequirementResult) -> list[str]:
    return [
        f"{each.id} {each.title}",
        demanded(each),
        observed(each),
        number(each.count) if each.count else DASH,
        each.verdict,
        DASH if each.headroom is None else percent(each.headroom),
    ]


def demanded(each: RequirementResult) -> str:
    """The limit; of stability, that nothing rises."""
    if each.unit == "per_hour" and not each.limit:
        return "no rise"
    return f"{each.op} {value(each.limit, each.unit)}"


def observed(each: RequirementResult) -> str:
    """The value with its interval, ∞ where the percentile is a failure."""
    if each.infinite:
        return "∞"
    if each.observed is None:
        return DASH
    text = value(each.observed, each.unit)
    if each.low is None and each.high is None:
        return text
    low, high = (
        "∞" if end is None else _bare(value(end, each.unit)) for end in (each.low, each.high)
    )
    return f"{text} [{low}–{high}]"


def _bare(text: str) -> str:
    return text.removesuffix("/s").removesuffix(" ms").removesuffix("/h").removesuffix(" %")


def value(figure: float, unit: str) -> str:
    """A figure with its unit."""
    if unit == "ns":
        return f"{ms(figure)} ms"
    if unit == "share":
        return percent(figure)
    if unit == "per_hour":
        return f"{percent(figure)}/h"
    if unit == "per_s":
        return f"{rate(figure)}/s"
    return f"{figure:,.0f}" if unit == "count" else digits(figure)
