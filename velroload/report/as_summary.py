"""The executive summary as HTML, Markdown and PDF: the same page three times."""

import io
import textwrap
from collections.abc import Iterator

from velroload.report.brief import Brief, brief
from velroload.report.grid import Cell, Grid, Head
from velroload.report.kind import Told
from velroload.report.markup import plain, rows
from velroload.report.palette import LIGHT
from velroload.report.words import clean, cut

A4_INCHES = (8.27, 11.69)
ROLES = {"pass": LIGHT["green"], "fail": LIGHT["vermillion"], "warn": LIGHT["yellow"],
         "none": LIGHT["grey"]}  # fmt: skip
LETTERS = 300
"""No line of the page is longer than this."""


def summary_html(told: Told) -> bytes:
    """One page of HTML; prints on one sheet."""
    from velroload.report.page import render

    return render("summary.html.j2", brief=brief(told))


def summary_markdown(told: Told) -> bytes:
    """The page as Markdown."""
    return ("\n".join(_markdown(brief(told))) + "\n").encode()


def figures_grid(page: Brief) -> Grid:
    """The five figures."""
    heads = (Head("figure", left=True), Head("value"), Head("95 % sure", left=True),
             Head("source", left=True))  # fmt: skip
    return Grid("figures", "Five figures", heads, tuple(
        (Cell(one.what), Cell(one.value), Cell(one.interval), Cell(one.source))
        for one in page.figures
    ))  # fmt: skip


def _markdown(page: Brief) -> Iterator[str]:
    yield f"# {plain(page.head.name)}: {page.head.word}"
    yield ""
    yield f"**{page.verdict}** {plain(page.why)}"
    if page.score:
        yield ""
        yield plain(page.score)
    yield ""
    yield f"## What was tested\n\n{plain(page.tested)}"
    yield "\n## Figures\n"
    yield from rows(figures_grid(page))
    for title, lines in (("Risks", page.risks), ("Next steps", page.steps)):
        if lines:
            yield f"\n## {title}\n"
            yield from (f"{place}. {plain(line)}" for place, line in enumerate(lines, 1))


def summary_pdf(told: Told) -> bytes:
    """One sheet of A4."""
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.figure import Figure

    figure = Figure(figsize=A4_INCHES)
    FigureCanvasPdf(figure)
    page = brief(told)
    y = 0.94

    def put(text: str, *, x: float = 0.09, size: float = 10, colour: str = LIGHT["ink"],
            bold: bool = False, letters: int = 96, gap: float = 0.0) -> None:  # fmt: skip
        """Wrapped text from y on, downwards; never as a formula."""
        nonlocal y
        for line in textwrap.wrap(cut(clean(text), LETTERS), letters) or [""]:
            figure.text(x, y, line, fontsize=size, color=colour, parse_math=False,
                        fontweight="bold" if bold else "normal", va="top")  # fmt: skip
            y -= size * 1.45 / 72 / A4_INCHES[1]
        y -= gap

    put(page.head.name, size=18, bold=True, letters=52)
    put(page.head.word, size=15, bold=True, colour=ROLES[page.head.role], gap=0.004)
    put(f"{page.verdict} {page.why}", gap=0.004)
    if page.score:
        put(page.score, gap=0.004)
    for title, lines in (
        ("What was tested", [page.tested]),
        ("Figures, with what we are 95 % sure of", []),
        ("Risks", list(page.risks)),
        ("Next steps", list(page.steps)),
    ):
        y -= 0.014
        put(title, size=12, bold=True, colour=LIGHT["blue"], gap=0.004)
        if title.startswith("Figures"):
            for one in page.figures:
                top = y
                put(one.what, letters=44)
                figure.text(0.52, top, clean(one.value), fontsize=10, va="top", fontweight="bold",
                            parse_math=False)  # fmt: skip
                figure.text(0.68, top, clean(one.interval), fontsize=9, va="top", parse_math=False)
                put(one.source, size=8, colour=LIGHT["grey"], gap=0.004)
        for place, line in enumerate(lines, 1):
            put(line if len(lines) == 1 else f"{place}. {line}", gap=0.003)
    figure.text(0.09, 0.04, "Made by velroload from the run folder.", fontsize=8,
                color=LIGHT["grey"])  # fmt: skip
    out = io.BytesIO()
    figure.savefig(out, format="pdf", metadata={"CreationDate": None, "Title": "Summary"})
    return out.getvalue()
