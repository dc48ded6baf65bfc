"""Foreign text in Markdown: no markup, no link, no mention."""

from velroload.report.grid import Cell, Grid
from velroload.report.words import clean

SPECIAL = {letter: f"&#{ord(letter)};" for letter in "&<>|`*_[]~\\!:"}
BREAK = "\u200b"
"""After @ and #, so that nobody is called and no issue is linked."""


def plain(text: str) -> str:
    """The text so that it is shown as it is written."""
    found = "".join(SPECIAL.get(letter, letter) for letter in clean(text))
    return found.replace("@", "@" + BREAK).replace("#", "#" + BREAK).replace(f"&#{BREAK}", "&#")


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
