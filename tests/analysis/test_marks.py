"""Events of a run folder: begins find their ends, damaged rows are left out."""

from dataclasses import replace
from typing import Any

from tests.reference import rundata as rd
from tests.reference import watched
from velroload.analysis.marks import Mark, State, marks, states
from velroload.rundata import RunData

S = rd.SECOND_NS


def with_events(*rows: dict[str, Any]) -> RunData:
    return replace(rd.empty(), events=list(rows))


def test_begins_and_ends() -> None:
    first, second = watched.event("a", 1, 3), watched.event("a", 5, 7, "fault")
    open_ = watched.mark("b", "command", "begin", 2)
    failed = [
        watched.mark("c", "http", "begin", 8, phase="hot"),
        watched.mark("c", "http", "failed", 9, detail="refused"),
    ]
    assert marks(with_events(*second, *first, open_, *failed)) == (
        Mark("a", "http", None, S, 3 * S),
        Mark("b", "command", None, 2 * S, None),
        Mark("a", "fault", None, 5 * S, 7 * S),
        Mark("c", "http", "hot", 8 * S, 9 * S, "refused"),
    )


def test_states_are_no_marks() -> None:
    rows = [
        watched.mark("database", "breaker", "open", 2),
        watched.mark("database", "breaker", "half-open", 4),
        watched.mark("service", "probe", "missing", 1),
    ]
    data = with_events(*rows)
    assert marks(data) == ()
    assert states(data, "breaker") == (
        State("database", "breaker", "open", 2 * S),
        State("database", "breaker", "half-open", 4 * S),
    )


def test_damaged_rows() -> None:
    whole = watched.mark("a", "http", "begin", 1)
    rows: list[dict[str, Any]] = [{"event": "mark"}, {"event": "aborted", "at_ns": 3}, {}]
    rows += [whole | {"name": 3}, whole | {"at_ns": "soon"}, whole | {"what": None}]
    rows.append(watched.mark("z", "http", "end", 1))
    assert marks(with_events(*rows)) == ()
    assert states(with_events(*rows), "breaker") == ()
