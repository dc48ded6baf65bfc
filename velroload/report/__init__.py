"""Telling: a result as text for people and as JSON for programs."""

from velroload.report.as_json import as_json
from velroload.report.as_text import as_text
from velroload.report.kind import Report

REPORTS: dict[str, Report] = {
    ".json": as_json,
    ".txt": as_text,
}
"""What `--report FILE` can write, by the file's ending."""

__all__ = ["REPORTS", "Report", "as_json", "as_text"]
