"""What users' sessions took, in words and as JSON."""

from typing import Any

from velroload.analysis.result import Result
from velroload.analysis.sessions import Sessions
from velroload.report.table import labelled
from velroload.report.words import digits


def session_lines(result: Result) -> list[str]:
    """One line, where the plan has sessions."""
    found = result.sessions
    parts = [] if found is None else told(found)
    return list(labelled("sessions", " · ".join(parts))) if parts else []


def told(found: Sessions) -> list[str]:
    """The parts of the line; none where nobody logged in or had to: tokens came with the data."""
    parts = [f"{found.logins:,} log-ins"] if found.logins else []
    before = found.before_the_load
    if before is not None:
        took = digits(before.took_ns / 1e9)
        of_users = f"those of {before.users:,} users before the load, in {took} s"
        parts = [f"{found.logins:,} log-ins, {of_users}"]
    if found.renewals:
        parts.append(f"{found.renewals:,} tokens renewed")
    if found.repeated:
        parts.append(f"{found.repeated:,} requests sent once more after a 401 and a log-in")
    if found.lives_unreadable:
        parts.append(f"{found.lives_unreadable:,} tokens never renewed: their life is not readable")
    return parts


def sessions_json(found: Sessions | None) -> dict[str, Any] | None:
    """As result.json has it."""
    if found is None:
        return None
    before = found.before_the_load
    return {
        "logins": found.logins,
        "renewals": found.renewals,
        "repeated": found.repeated,
        "lives_unreadable": found.lives_unreadable,
        "before_the_load": before and {"users": before.users, "took_ms": before.took_ns / 1e6},
    }
