"""Foreign text in Markdown: no markup, no link, no mention."""

import re

from velroload.report.grid import Cell, Grid
from velroload.report.words import clean

SPECIAL = re.compile(r"[&<>|`*\[\]~\\]|(?<![^\W_])_|_(?![^\W_])|:(?=//)|\bwww\.|@|#")
"""Letters that mean something: a single underscore inside a word does not."""
BREAK = "\u200b"
"""After @, # and www., so that nobody is called and no issue is linked."""


def plain(text: str) -> str:
    """The text so that it is shown as it is written."""
    return SPECIAL.sub(_shown, clean(text))


def _shown(found: re.Match[str]) -> str:
    text = found[0]
    return text + BREAK if text in "@#" or len(text) > 1 else f"&#{ord(text)};"


def rows(grid: Grid, most: int | None = None) -> list[str]:
    """A table, its first `most` rows."""
    lines = [
        "| " + " | ".join(plain(head.text) for head in grid.heads) + " |",
        "|" + "|".join(" :-- " if head.left else " --: " for head in grid.heads) + "|",
    ]
    for row in grid.rows[:most]:
        lines.append("| " + " | ".join(_cell(cell) for cell in row) + " |")
    return lines


def _cell(cell: Cell) -> str:
    text = plain(cell.text)
    if cell.role in ("pass", "fail", "warn"):
        text = f"**{text}**"
    return f"{text}<br><sub>{plain(cell.sub)}</sub>" if cell.sub else text
