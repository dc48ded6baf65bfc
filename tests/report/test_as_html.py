"""The dashboard's structure: every section and chart in its place, nothing foreign alive."""

import re
from html.parser import HTMLParser

import pytest

from velroload.report.as_html import as_html
from velroload.report.charts.all import CHART_IDS
from velroload.report.kind import Told

SECTIONS = [
    "claims", "actions", "load", "times", "outcomes", "errors-seen", "events", "slowest",
    "target-resources", "growth-room", "generator-own", "plan", "how",
]  # fmt: skip
LIMIT_BYTES = 5 * 1024 * 1024
VOID = {"meta", "link", "path", "br"}


class Outline(HTMLParser):
    """Tags, ids, headings and every attribute that could load or run something."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.open: list[str] = []
        self.sections: list[str] = []
        self.figures: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
                {"section": self.sections, "figure": self.figures}.get(tag, []).append(value or "")
            if name in ("src", "href", "action", "srcset", "data"):
                self.links.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def outline(told: Told) -> Outline:
    found = Outline()
    found.feed(as_html(told).decode())
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))
    return found


def test_every_section_and_chart(rich: Told) -> None:
    found = outline(rich)
    assert found.sections == SECTIONS
    assert sorted(found.figures) == sorted(["gauge", *(f"chart-{id_}" for id_ in CHART_IDS)])
    for grid in ("requirements", "thresholds", "phases", "endpoints", "parts", "failures",
                 "examples", "ledger", "methods", "glossary", "plan-text"):  # fmt: skip
        assert grid in found.ids


def test_nothing_is_loaded_from_elsewhere(rich: Told, hostile: Told) -> None:
    for told in (rich, hostile):
        found = outline(told)
        assert all(link == "data:," or link.startswith("#") for link in found.links)
        assert found.handlers == []
        assert {"img", "iframe", "object", "form"} & found.tags == set()
        html = as_html(told).decode()
        assert len(re.findall("<script", html)) == 3
    assert "{{7*7}}" in as_html(hostile).decode()  # shown, not computed


def test_the_first_screen_has_the_verdict_and_what_vouches_for_it(rich: Told) -> None:
    html = as_html(rich).decode()
    assert "<title>FAIL · velro-prd · velroload</title>" in html
    first = html.partition("<main")[2][:4_000]
    for text in ("FAIL", "VALID", "planned iterations started", "http://127.0.0.1:8080/"):
        assert text in first


def test_poor_runs_say_what_is_missing(poor: Told) -> None:
    found = outline(poor)
    assert found.sections == SECTIONS
    html = as_html(poor).decode()
    shown = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    assert 'class="missing' in shown
    assert not re.search(r"\bnan\b|\bNaN\b|\binf\b|None\b", shown)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_69_minutes_with_20_endpoints_stay_small(long: Told) -> None:
    assert len(as_html(long)) < LIMIT_BYTES
