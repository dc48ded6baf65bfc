"""Telling: a run as text for people, as data for programs, as pages and figures for both."""

from fnmatch import fnmatchcase
from pathlib import PurePath

from velroload.errors import ConfigError
from velroload.report.as_csv import endpoints_csv, errors_csv, series_csv, summary_csv
from velroload.report.as_hdr import as_hgrm, as_hlog
from velroload.report.as_html import as_html
from velroload.report.as_json import as_json
from velroload.report.as_junit import as_junit
from velroload.report.as_markdown import as_markdown
from velroload.report.as_summary import summary_html, summary_markdown, summary_pdf
from velroload.report.as_text import as_text
from velroload.report.figures import as_png, as_svg
from velroload.report.kind import Report, Told


def _json(told: Told) -> bytes:
    return as_json(told.result, folder=told.folder, code=told.code).encode()


def _text(told: Told) -> bytes:
    return as_text(told.result, folder=told.folder, code=told.code).encode()


REPORTS: dict[str, Report] = {
    "*summary.html": summary_html,
    "*.html": as_html,
    "*summary.md": summary_markdown,
    "*.md": as_markdown,
    "*.pdf": summary_pdf,
    "*.json": _json,
    "*series.csv": series_csv,
    "*endpoints.csv": endpoints_csv,
    "*errors.csv": errors_csv,
    "*.csv": summary_csv,
    "*.xml": as_junit,
    "*.txt": _text,
    "*.hgrm": as_hgrm,
    "*.hlog": as_hlog,
    "*.png": as_png,
    "*.svg": as_svg,
}
"""What `--report FILE` writes, by the file's name in small letters: the first pattern that fits."""


def report_named(name: str) -> Report:
    """The report that a file's name asks for. ConfigError when there is none."""
    last = PurePath(name).name.lower()
    for pattern, report in REPORTS.items():
        if fnmatchcase(last, pattern):
            return report
    raise ConfigError(f"its name says its kind: {', '.join(REPORTS)}")


__all__ = ["REPORTS", "Report", "Told", "as_json", "as_text", "report_named"]
