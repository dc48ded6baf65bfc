"""What the engine wrote at the end of a run about itself: its evidence and its ledger."""

from typing import Any

from velroload.rundata import RunData


def evidence(data: RunData) -> dict[str, Any]:
    """What the engine wrote at the end about itself; empty for a run without an end."""
    found: dict[str, Any] = (data.end or {}).get("evidence") or {}
    return found


def used_up(data: RunData) -> dict[str, int]:
    """Data set → users that ended because it had no more rows, as the plan wants."""
    found: dict[str, int] = evidence(data).get("rows_used_up") or {}
    return found


def ledger(data: RunData, part: str) -> dict[str, Any]:
    """requests | iterations | samples of the ledger; empty when there is none."""
    found: dict[str, Any] = ((data.end or {}).get("ledger") or {}).get(part) or {}
    return found


def command_of(data: RunData, flags: str = "") -> str:
    """The command that made the run, with more flags."""
    return f"{data.manifest.get('command') or 'velroload'} {flags}".rstrip()
