"""Aligned columns and labelled lines for terminals."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from velroload.report.words import cut

WIDTH = 100
LABEL = 11
NARROWEST = 8
"""No flexible column is cut below this."""

Style = Callable[[str, str], str]
"""(role, padded text) → text; roles: pass, fail, warn, dim, strong."""


def plain(role: str, text: str) -> str:
    """No colour."""
    return text


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its head; left-aligned and cut where the line is too long, or right-aligned.

    `role` gives the style's role of a cell by its text.
    """

    head: str
    left: bool = False
    role: Callable[[str], str] | None = None


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], style: Style) -> list[str]:
    """A line of heads and a line per row, at most WIDTH wide; nothing for no rows."""
    if not rows:
        return []
    widths = [
        max(len(column.head), *(len(row[place]) for row in rows))
        for place, column in enumerate(columns)
    ]
    flexible = [place for place, column in enumerate(columns) if column.left]
    while flexible and sum(widths) + 2 * len(widths) - 1 > WIDTH:
        widest = max(flexible, key=lambda place: widths[place])
        if widths[widest] <= NARROWEST:
            break
        widths[widest] -= 1
    lines = [" " + style("dim", "  ".join(map(_pad, columns, widths, [c.head for c in columns])))]
    for row in rows:
        padded = map(_pad, columns, widths, row)
        cells = [
            style(column.role(text), cell) if column.role else cell
            for column, text, cell in zip(columns, row, padded, strict=True)
        ]
        lines.append(" " + "  ".join(cells))
    return lines


def _pad(column: Column, width: int, text: str) -> str:
    text = cut(text, width)
    return text.ljust(width) if column.left else text.rjust(width)


def labelled(label: str, text: str, style: Style = plain) -> Iterator[str]:
    """A line with a label, wrapped under itself."""
    for place, line in enumerate(wrapped(text, WIDTH - LABEL - 1)):
        head = label if place == 0 else ""
        yield f" {style('dim', f'{head:<{LABEL}}')}{line}"


def wrapped(text: str, width: int) -> Iterator[str]:
    """The text in lines of at most `width`, broken at spaces where there are some."""
    while len(text) > width:
        at = text.rfind(" ", 0, width + 1)
        at = width if at <= 0 else at
        yield text[:at]
        text = text[at:].lstrip()
    if text:
        yield text
