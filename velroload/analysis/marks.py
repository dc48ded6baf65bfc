"""What was done to the target and what it said of itself, by name: the events of a run folder."""

from dataclasses import dataclass
from typing import Any

from velroload.rundata import RunData

MARK = "mark"
BEGIN, END = "begin", "end"
DONE_TO = ("http", "command", "fault", "spike")
"""Kinds that a plan does to the target; the others are states that it was seen in."""


@dataclass(frozen=True, slots=True)
class Mark:
    """An event with a begin and, where it has one, an end. ns since the epoch of the run."""

    name: str
    kind: str
    phase: str | None
    at_ns: int
    end_ns: int | None
    failed: str | None = None

    @property
    def for_s(self) -> float:
        """How long it lasted, as far as it has an end."""
        return 0.0 if self.end_ns is None else max(0.0, (self.end_ns - self.at_ns) / 1e9)


@dataclass(frozen=True, slots=True)
class State:
    """A change of state, such as that of a breaker: what is open | half-open | closed | missing |
    back."""

    name: str
    kind: str
    what: str
    at_ns: int


def marks(data: RunData) -> tuple[Mark, ...]:
    """Everything that was done to the target, in order of time. Damaged rows are left out."""
    found: list[Mark] = []
    for row in _rows(data):
        if row["kind"] not in DONE_TO:
            continue
        if row["what"] == BEGIN:
            found.append(Mark(row["name"], row["kind"], row.get("phase"), row["at_ns"], None))
            continue
        for place in reversed(range(len(found))):
            last = found[place]
            if (last.name, last.kind, last.end_ns) == (row["name"], row["kind"], None):
                failed = str(row.get("detail") or "") if row["what"] == "failed" else None
                ended = row["at_ns"]
                found[place] = Mark(last.name, last.kind, last.phase, last.at_ns, ended, failed)
                break
    return tuple(found)


def mark_of(data: RunData, name: str, phase: str | None = None) -> Mark | None:
    """The last event of this name (in a phase); one that failed before it began has no length."""
    rows = [r for r in _rows(data) if r["name"] == name and phase in (None, r.get("phase"))]
    begun = [mark for mark in marks(data) if mark.name == name and phase in (None, mark.phase)]
    if begun or not rows or rows[-1]["what"] != "failed":
        return begun[-1] if begun else None
    row = rows[-1]
    why = str(row.get("detail") or "")
    return Mark(name, row["kind"], row.get("phase"), row["at_ns"], row["at_ns"], why)


def states(data: RunData, kind: str) -> tuple[State, ...]:
    """The changes of state of one kind ("breaker", "probe"), in order of time."""
    rows = [row for row in _rows(data) if row["kind"] == kind]
    return tuple(State(row["name"], kind, row["what"], row["at_ns"]) for row in rows)


def _rows(data: RunData) -> list[dict[str, Any]]:
    rows = [
        row
        for row in data.events
        if row.get("event") == MARK
        and all(isinstance(row.get(key), str) for key in ("name", "kind", "what"))
        and isinstance(row.get("at_ns"), int)
    ]
    return sorted(rows, key=lambda row: int(row["at_ns"]))
