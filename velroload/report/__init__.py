"""Telling: a run as text for people, as data for programs, as pages and figures for both."""

from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import PurePath

from velroload.errors import ConfigError
from velroload.report.kind import Report, Told

REPORTS: dict[str, tuple[str, str]] = {
    "*summary.html": ("as_summary", "summary_html"),
    "*.html": ("as_html", "as_html"),
    "*summary.md": ("as_summary", "summary_markdown"),
    "*.md": ("as_markdown", "as_markdown"),
    "*.pdf": ("as_summary", "summary_pdf"),
    "*.json": ("as_json", "json_file"),
    "*series.csv": ("as_csv", "series_csv"),
    "*endpoints.csv": ("as_csv", "endpoints_csv"),
    "*errors.csv": ("as_csv", "errors_csv"),
    "*.csv": ("as_csv", "summary_csv"),
    "*.xml": ("as_junit", "as_junit"),
    "*.txt": ("as_text", "text_file"),
    "*.hgrm": ("as_hdr", "as_hgrm"),
    "*.hlog": ("as_hdr", "as_hlog"),
    "*.png": ("figures", "as_png"),
    "*.svg": ("figures", "as_svg"),
}
"""What `--report FILE` writes, by the file's name in small letters: the first pattern that fits.
A report is imported when it is asked for: who wants none does not wait for it."""


def report_named(name: str) -> Report:
    """The report that a file's name asks for. ConfigError when there is none."""
    last = PurePath(name).name.lower()
    for pattern, (module, function) in REPORTS.items():
        if fnmatchcase(last, pattern):
            found: Report = getattr(import_module(f"velroload.report.{module}"), function)
            return found
    raise ConfigError(f"its name says its kind: {', '.join(REPORTS)}")


__all__ = ["REPORTS", "Report", "Told", "report_named"]
