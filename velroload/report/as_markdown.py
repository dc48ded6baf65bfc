"""Markdown for a pull request: the verdict, what was demanded, the figures, what failed."""

from collections.abc import Iterator

from velroload.report.grid import Grid
from velroload.report.kind import Told
from velroload.report.markup import plain, rows
from velroload.report.sections import claims
from velroload.report.sections.endpoints import endpoints
from velroload.report.sections.failures import failures
from velroload.report.sections.headline import headline

SHOWN = 10
SIGNS = {"pass": "✅", "fail": "❌", "warn": "⚠️", "none": "➖"}


def as_markdown(told: Told) -> bytes:
    """The file."""
    return ("\n".join(_lines(told)) + "\n").encode()


def _lines(told: Told) -> Iterator[str]:
    result, head = told.result, headline(told)
    yield f"### {SIGNS[head.role]} {head.word}: {plain(head.name)}"
    yield ""
    yield f"{plain(head.why)}"
    yield ""
    yield f"**{head.validity}** {plain(' · '.join(head.vouched))}"
    for level, text, advice in head.reasons:
        if level != "NOTE":
            yield f"- **{level}** {plain(text)}" + (f" – {plain(advice)}" if advice else "")
    for line in head.incomplete:
        yield f"- {plain(line)}"
    yield ""
    yield "| " + " | ".join(tile.name for tile in head.tiles) + " |"
    yield "|" + " --: |" * len(head.tiles)
    yield "| " + " | ".join(
        f"{tile.value} {tile.unit}".strip() + (f"<br><sub>{tile.interval}</sub>" if tile.interval
                                               else "")
        for tile in head.tiles
    ) + " |"  # fmt: skip
    for each in (claims.requirements(result.compliance), claims.thresholds(result),
                 claims.phases(result)):  # fmt: skip
        if isinstance(each, Grid):
            yield from _titled(each)
    for finding in result.findings[:3]:
        yield ""
        yield f"- **{plain(finding.title)}** ({finding.confidence}): {plain(finding.text)}"
    for block in failures(result):
        if isinstance(block, Grid):
            yield from _titled(block, SHOWN)
    yield from _folded(told)


def _titled(grid: Grid, most: int | None = None) -> Iterator[str]:
    yield ""
    yield f"#### {plain(grid.title)}"
    yield ""
    yield from rows(grid, most)
    if most is not None and len(grid.rows) > most:
        yield ""
        yield f"… and {len(grid.rows) - most} more"


def _folded(told: Told) -> Iterator[str]:
    table = endpoints(told.result)[0]
    assert isinstance(table, Grid)
    yield ""
    yield f"<details><summary>{plain(table.title)}</summary>"
    yield ""
    yield from rows(table)
    yield ""
    yield "</details>"
    if told.folder:
        yield ""
        yield f"Run folder: {plain(told.folder)}"
