"""Two runs beside each other, as text and as JSON."""

import json
from dataclasses import asdict

from velroload.analysis.compare import Comparison, Difference
from velroload.report.table import WIDTH, Column, Style, labelled, plain, table, wrapped
from velroload.report.words import DASH, clean, cut, ms, percent
from velroload.report.words import per_second as rate

UNLIKE_MOST = 12
FORMAT = "velroload-comparison/1"


def comparison_text(
    found: Comparison, names: tuple[str, str], *, verbose: bool = False, style: Style = plain
) -> str:
    """The table of differences, what differs besides, and how much it is worth."""
    columns = [
        Column("", left=True),
        Column("figure", left=True),
        Column("first"),
        Column("second"),
        Column("change"),
        Column("[95 % within the runs]"),
        Column("", left=True, role=lambda word: "warn" if word else ""),
    ]
    lines = [f"first   {cut(clean(names[0]), WIDTH - 8)}"]
    lines += [f"second  {cut(clean(names[1]), WIDTH - 8)}", ""]
    lines += table(columns, [_cells(each) for each in found.differences], style)
    for name, number in found.only:
        lines.append(f" only in the {'first' if number == 1 else 'second'}: {clean(name)}")
    shown = found.unlike if verbose else found.unlike[:UNLIKE_MOST]
    lines += ["", *_unlike(shown, style)] if shown else []
    if len(shown) < len(found.unlike):
        lines.append(f" … and {len(found.unlike) - len(shown)} more differences: -v")
    lines.append("")
    for doubt in found.doubts:
        lines += [f" {line}" for line in wrapped(clean(doubt), WIDTH - 1)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _unlike(rows: tuple[tuple[str, str, str], ...], style: Style) -> list[str]:
    lines: list[str] = []
    for where, one, two in rows:
        lines += labelled("differs", clean(f"{where}: {one} → {two}"), style)
    return lines


def _cells(each: Difference) -> list[str]:
    write = {"ns": ms, "per_s": rate, "share": percent}[each.unit]
    return [
        clean(each.row),
        each.what + (" ms" if each.unit == "ns" else "/s" if each.unit == "per_s" else ""),
        write(each.first),
        write(each.second),
        _signed(each.change),
        DASH if each.low is None else f"{_signed(each.low)} to {_signed(each.high)}",
        "differs" if each.differs else "",
    ]


def _signed(share: float | None) -> str:
    if share is None:
        return DASH
    return f"+{percent(share)}" if share > 0.0 else percent(share)


def comparison_json(found: Comparison, names: tuple[str, str]) -> str:
    """The same for programs: ns, shares, null for the unknown."""
    document = {"format": FORMAT, "runs": list(names), **asdict(found)}
    return json.dumps(document, indent=1, allow_nan=False) + "\n"
