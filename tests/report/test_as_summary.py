"""The executive summary: one page, three forms, the same words."""

import re
from dataclasses import replace

from tests.reference import rundata as rd
from tests.reference.richrun import CANARY
from velroload.analysis.analyse import analyse
from velroload.report.as_summary import summary_html, summary_markdown, summary_pdf
from velroload.report.brief import RISKS, STEPS, brief, spoken
from velroload.report.kind import Told


def test_the_page(rich: Told) -> None:
    page = brief(rich)
    assert page.verdict == "The service did not meet what was demanded of it."
    assert page.tested == (
        "http://127.0.0.1:8080/ was loaded by up to 15,000 users at the same time for 30 seconds "
        "on 2026-01-02; 4,200 requests count."
    )
    assert page.score is not None
    assert page.score.startswith("Score ")
    assert len(page.figures) == 5
    assert all(figure.source for figure in page.figures)
    assert 1 <= len(page.risks) <= RISKS
    assert 1 <= len(page.steps) <= STEPS


def test_a_plain_run(plain: Told) -> None:
    page = brief(plain)
    assert (page.verdict, page.score) == ("The service met what was demanded of it.", None)
    assert page.risks == ()
    assert page.steps == ("Repeat the run after every change to the service and compare.",)


def test_a_run_of_which_nothing_was_demanded(plain: Told) -> None:
    """It met nothing: it ran as planned."""
    data = rd.with_thresholds(plain.data)
    page = brief(replace(plain, data=data, result=analyse(data)))
    assert page.verdict == "Nothing was demanded of the service."
    assert page.why == "Ran as planned; no threshold was set."
    assert page.steps[0] == (
        "Say what is demanded (thresholds or requirements), so that a run can be judged."
    )


def test_every_form_says_the_same(rich: Told) -> None:
    page = brief(rich)
    markdown, html = summary_markdown(rich).decode(), summary_html(rich).decode()
    for text in (page.verdict, *(figure.value for figure in page.figures)):
        assert text in markdown
        assert text in html
    assert "<script" not in html
    assert "script-src 'none'" in html.replace("&#39;", "'")


def test_the_pdf_is_one_sheet_and_the_same_each_time(rich: Told, hostile: Told) -> None:
    found = summary_pdf(rich)
    assert found.startswith(b"%PDF-")
    assert re.findall(rb"/Count (\d+)", found) == [b"1"]
    assert found == summary_pdf(rich)
    assert re.findall(rb"/Count (\d+)", summary_pdf(hostile)) == [b"1"]


def test_hostile_texts(hostile: Told) -> None:
    html = summary_html(hostile).decode()
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html
    assert CANARY not in summary_markdown(hostile).decode()


def test_poor_runs(poor: Told) -> None:
    for report in (summary_html, summary_markdown, summary_pdf):
        found = report(poor)
        assert found
        assert b"nan" not in found.lower() or report is summary_pdf


def test_spans_are_spoken() -> None:
    said = [spoken(value) for value in (0.4, 1, 42, 119, 150, 7_200)]
    assert said == ["0 seconds", "1 second", "42 seconds", "119 seconds", "2 minutes", "2 hours"]
