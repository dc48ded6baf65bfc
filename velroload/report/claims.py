"""The thresholds of a run as a table, each FAIL and INCONCLUSIVE with what is behind it."""

from collections.abc import Sequence

from velroload.analysis.result import Result, ThresholdResult
from velroload.report.table import WIDTH, Column, Style, table
from velroload.report.words import DASH, clean, cut, digits, duration, ms, number, percent
from velroload.report.words import per_second as rate

ROLES = {"PASS": "pass", "FAIL": "fail"}
LONGEST_S = 86_400.0
"""A run longer than a day is no advice."""


def threshold_lines(result: Result, style: Style) -> list[str]:
    """The run's own; nothing when there are none."""
    claimed = not result.incomplete and result.validity.verdict != "INVALID"
    return claim_lines(result.thresholds, result.summary.hold_s, style, claimed=claimed)


def claim_lines(
    thresholds: Sequence[ThresholdResult], hold_s: float, style: Style, *, claimed: bool
) -> list[str]:
    """A table, and beneath each that does not pass what is behind it, where that is `claimed`."""
    columns = [
        Column("threshold", left=True),
        Column("observed [95 %]", left=True),
        Column("n"),
        Column("verdict", left=True, role=lambda word: ROLES.get(word, "warn")),
        Column("headroom"),
    ]
    rows = [_cells(threshold) for threshold in thresholds]
    lines = table(columns, rows, style)
    if not lines:
        return []
    told = [lines[0]]
    for line, threshold in zip(lines[1:], thresholds, strict=True):
        told.append(line)
        why = _why(threshold, hold_s) if claimed else ""
        if why:
            told.append("   " + style("dim", cut(why, WIDTH - 3)))
    return told


def _cells(threshold: ThresholdResult) -> list[str]:
    return [
        clean(threshold.text),
        _observed(threshold),
        number(threshold.count),
        threshold.verdict
        + " (suspect)" * (threshold.verdict == "PASS" and bool(threshold.suspect)),
        DASH if threshold.margin is None else percent(threshold.margin),
    ]


def _observed(threshold: ThresholdResult) -> str:
    if threshold.infinite:
        return "∞"
    if threshold.observed is None:
        return DASH
    write = {"ns": ms, "share": percent, "per_s": rate}.get(threshold.unit, digits)
    unit = {"ns": " ms", "per_s": "/s"}.get(threshold.unit, "")
    ends = ""
    if threshold.low is not None and threshold.unit in ("ns", "share"):
        high = "∞" if threshold.high is None else write(threshold.high)
        low = write(threshold.low)
        if threshold.unit == "share":
            low = low.removesuffix(" %")
        ends = f" [{low}–{high}]"
    return f"{write(threshold.observed)}{unit}{ends}"


def _why(threshold: ThresholdResult, hold_s: float) -> str:
    if threshold.verdict == "PASS":
        return ""
    if threshold.suspect:
        return threshold.suspect
    parts = [threshold.why or ""]
    if threshold.added:
        parts.append(f"generator added ≤ {ms(threshold.added)} ms")
    parts.append(_settling(threshold, hold_s))
    return clean("; ".join(part for part in parts if part))


def _settling(threshold: ThresholdResult, hold_s: float) -> str:
    """What would settle an INCONCLUSIVE: how many requests, and how long a run that is."""
    if threshold.needed is None or not threshold.count:
        return ""
    text = f"about {threshold.needed:,} requests would settle it"
    seconds = hold_s * threshold.needed / threshold.count
    return f"{text}: -d {duration(seconds)}" if 0 < seconds < LONGEST_S else text
