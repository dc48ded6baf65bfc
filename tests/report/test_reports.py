"""Which report a file's name asks for."""

import pytest

from velroload.errors import ConfigError
from velroload.report import REPORTS, report_named
from velroload.report.as_csv import endpoints_csv, errors_csv, series_csv, summary_csv
from velroload.report.as_html import as_html
from velroload.report.as_junit import as_junit
from velroload.report.as_markdown import as_markdown
from velroload.report.as_summary import summary_html, summary_markdown, summary_pdf
from velroload.report.kind import Report


@pytest.mark.parametrize(
    ("name", "report"),
    [
        ("report.html", as_html),
        ("out/summary/run.html", as_html),
        ("run-summary.html", summary_html),
        ("Summary.HTML", summary_html),
        ("pr.md", as_markdown),
        ("summary.md", summary_markdown),
        ("anything.pdf", summary_pdf),
        ("run.csv", summary_csv),
        ("run-series.csv", series_csv),
        ("run-endpoints.csv", endpoints_csv),
        ("errors.csv", errors_csv),
        ("junit.xml", as_junit),
    ],
)
def test_by_name(name: str, report: Report) -> None:
    assert report_named(name) is report


@pytest.mark.parametrize("name", ["report", "report.exe", ".html.", "a.html/b"])
def test_a_name_that_nobody_knows(name: str) -> None:
    with pytest.raises(ConfigError) as error:
        report_named(name)
    assert str(error.value) == f"its name says its kind: {', '.join(REPORTS)}"
