"""The phases of a suite in the text report: a block for each, its verdict first."""

from typing import Any

from velroload.analysis.result import PhaseResult, Result
from velroload.report.claims import ROLES, claim_lines
from velroload.report.table import WIDTH, Column, Style, table
from velroload.report.words import DASH, clean, cut, ms, number, percent
from velroload.report.words import per_second as rate

BLOCKS_LINES = 14
"""Of all phases together, without -v: what is behind those that are not simply a pass."""
INDENT = "   "


def suite_lines(result: Result, *, verbose: bool, style: Style) -> list[str]:
    """Nothing for a plan without phases."""
    columns = [
        Column("verdict", left=True, role=lambda word: ROLES.get(word, "warn")),
        Column("phase", left=True),
        *(Column(name) for name in ("users", "of /s", "/s", "failed", "p50", "p95", "p99 ms", "n")),
    ]
    asked = {row["name"]: row for row in result.manifest.get("suite") or []}
    rows = [_cells(phase, asked.get(phase.name, {})) for phase in result.suite]
    lines = table(columns, rows, style)
    blocks = [_block(phase, verbose, style) for phase in result.suite]
    room = BLOCKS_LINES // max(1, sum(map(bool, blocks)))
    told = lines[:1]
    for line, block in zip(lines[1:], blocks, strict=True):
        told += [line, *(block if verbose else _cut(block, max(1, room), style))]
    return told


def _cut(lines: list[str], room: int, style: Style) -> list[str]:
    """At most so many of them; the last then says that there is more."""
    if len(lines) <= room:
        return lines
    more = INDENT + style("dim", f"… and {len(lines) - room + 1} lines more: -v")
    return [*lines[: room - 1], more] if room > 1 else lines[:1]


def _cells(phase: PhaseResult, asked: dict[str, Any]) -> list[str]:
    total = phase.summary.total
    times = total.response.all.percentiles
    offered = asked.get("rate_per_s")
    return [
        phase.verdict,
        clean(phase.name) + (" (gate)" if phase.gate else ""),
        number(asked.get("users")),
        DASH if offered is None else rate(offered),
        rate(total.rate_per_s),
        percent(total.failed_share),
        *(ms(times[key].value_ns) for key in ("p50", "p95", "p99")),
        number(total.count),
    ]


def _block(phase: PhaseResult, verbose: bool, style: Style) -> list[str]:
    """Why it is not simply a pass; with -v every threshold and every reason."""
    lines = []
    thresholds = phase.thresholds
    claimed = phase.reached and phase.validity.verdict != "INVALID"
    if not claimed or (phase.verdict != "PASS" and not thresholds):
        lines.append(INDENT + style("dim", cut(clean(phase.why), WIDTH - len(INDENT))))
    else:
        lines += [
            INDENT + style("dim", cut(clean(reason.text), WIDTH - len(INDENT)))
            for reason in phase.validity.reasons
            if verbose or (reason.level == "SUSPECT" and not phase.gate)  # a gate's stand above
        ]
    if not verbose:
        thresholds = tuple(each for each in thresholds if each.verdict != "PASS" and claimed)
    found = claim_lines(thresholds, phase.summary.hold_s, style, claimed=claimed)[1:]
    return [*lines, *(INDENT + cut(line, WIDTH - len(INDENT)) for line in found)]
