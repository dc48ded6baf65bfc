"""analysis/sessions.py and report/sessions.py: what sessions took."""

from dataclasses import replace
from typing import Any

from velroload.analysis.sessions import BeforeTheLoad, Sessions, sessions_of
from velroload.report.sessions import sessions_json, told
from velroload.rundata import RunData

WITH = {"scenarios": [{"name": "a", "session": {"when": "setup"}}, {"name": "b"}]}
EVIDENCE = {
    "workers": [
        {"counters": {"logins": 5, "renewals": 2, "requests_repeated": 1, "lives_unreadable": 1}},
        {"counters": {"logins": 4, "renewals": 1}},
    ]
}


def data(plan: dict[str, Any], **manifest: Any) -> RunData:
    return RunData(manifest={"plan": plan, **manifest}, end={"evidence": EVIDENCE})


def test_counts_of_all_workers() -> None:
    found = sessions_of(data(WITH, login={"users": 9, "took_ns": 1_500_000_000}))
    assert found == Sessions(9, 3, 1, 1, BeforeTheLoad(9, 1_500_000_000))
    assert told(found) == [
        "9 log-ins, those of 9 users before the load, in 1.50 s",
        "3 tokens renewed",
        "1 requests sent once more after a 401 and a log-in",
        "1 tokens never renewed: their life is not readable",
    ]
    assert sessions_json(found) == {
        "logins": 9,
        "renewals": 3,
        "repeated": 1,
        "lives_unreadable": 1,
        "before_the_load": {"users": 9, "took_ms": 1500.0},
    }
    assert found is not None
    quiet = replace(found, renewals=0, repeated=0, lives_unreadable=0, before_the_load=None)
    assert told(quiet) == ["9 log-ins"]


def test_nothing_without_sessions() -> None:
    assert sessions_of(data({"scenarios": [{"name": "a"}]})) is None
    assert sessions_json(None) is None
