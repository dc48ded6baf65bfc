"""What GitHub Actions shows beside a change: workflow commands that become annotations."""

from collections.abc import Iterator

from velroload.report.kind import Told
from velroload.report.sections.headline import headline
from velroload.report.words import clean

MOST = 10
"""GitHub shows no more of a step."""
LEVELS = {"FAIL": "error", "INCONCLUSIVE": "warning", "NOT MEASURED": "warning"}


def annotations(told: Told) -> list[str]:
    """One line per threshold and requirement that does not pass, after one for the run."""
    return list(_lines(told))[:MOST]


def _lines(told: Told) -> Iterator[str]:
    result, head = told.result, headline(told)
    level = {"fail": "error", "pass": "notice"}.get(head.role, "warning")
    yield command(level, f"velroload: {head.word}", f"{head.name}: {head.why}")
    for each in result.thresholds:
        if each.verdict in LEVELS:
            said = each.suspect or each.why or ""
            yield command(LEVELS[each.verdict], each.verdict, f"{each.text}: {said}")
    for one in result.compliance.requirements if result.compliance else ():
        if one.verdict in LEVELS:
            text = f"{one.id} {one.title}: {one.why or ''}"
            yield command(LEVELS[one.verdict], one.verdict, text)


def command(level: str, title: str, text: str) -> str:
    """A workflow command; nothing in it can begin another."""
    for letter, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        title, text = title.replace(letter, code), text.replace(letter, code)
    title = clean(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={title}::{clean(text)}"
