"""velroload/ledger.py: every equation, and the line it prints when it does not hold."""

from typing import Any

import pytest

from velroload import _core
from velroload.ledger import WorkerTotals, build, error_name


def worker(**changes: Any) -> WorkerTotals:
    """A worker whose books are in order: 10 iterations of 3 steps, 2 more never came."""
    counters = dict.fromkeys(_core.COUNTER_INDEX, 0) | {
        "requests_planned": 36,
        "requests_dropped": 3,
        "requests_started": 25,
        "requests_sent": 22,
        "requests_skipped": 3,
        "requests_unstarted": 5,
        "iterations_started": 10,
        "iterations_completed": 8,
        "iterations_interrupted": 1,
        "iterations_dropped": 1,
        "iterations_unstarted": 1,
        "in_flight": 1,
    }
    counters |= changes.pop("counters", {})
    fields: dict[str, Any] = {
        "index": 0,
        "counters": counters,
        "requests_by_error": {0: 15, 20: 2, 21: 1, 40: 1, 43: 1, 70: 3, 71: 1},
        "pushed": 33,
        "drained": 33,
        "steps_per_iteration": 3,
        "iterations_planned": 12,
    }
    return WorkerTotals(**(fields | changes))


def test_books_in_order() -> None:
    ledger = build([worker(), worker(index=1)])
    assert ledger.problems() == []
    assert ledger.requests == {
        "planned": 2 * 36,
        "started": 50,
        "sent": 44,
        "ok": 30,
        "http_errors": 8,
        "transport_errors": {"reset": 2},
        "timeouts": 2,
        "failed_before_sending": {"connect_refused": 4, "connect_timeout": 2},
        "in_flight": 2,
        "in_flight_before_sending": 0,
        "dropped": 6,
        "unstarted": 10,
        "skipped": 6,
        "lost": 0,
    }
    assert ledger.iterations == {
        "planned": 24,
        "started": 20,
        "completed": 16,
        "interrupted": 2,
        "in_flight": 2,
        "dropped": 2,
        "unstarted": 2,
    }
    assert ledger.samples == {
        "pushed": 66,
        "drained": 66,
        "corrupt": 0,
        "lost": 0,
        "hops": 0,
    }
    assert set(ledger.as_json()) == {
        "requests",
        "iterations",
        "samples",
        "values",
        "problems",
    }
    assert ledger.values == {"pushed": 0, "drained": 0, "corrupt": 0, "lost": 0, "ignored": 0}


def test_the_three_equations_add_up() -> None:
    r = build([worker()]).requests
    assert r["planned"] == r["started"] + r["dropped"] + r["unstarted"] + r["skipped"]
    before = sum(r["failed_before_sending"].values())
    assert r["started"] == r["sent"] + before + r["in_flight_before_sending"]
    ended = r["ok"] + r["http_errors"] + sum(r["transport_errors"].values()) + r["timeouts"]
    assert r["sent"] == ended + r["in_flight"] - r["in_flight_before_sending"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"counters": {"requests_planned": 37}},
            "worker 0: 37 requests planned, but 36 accounted for "
            "(25 started + 3 dropped + 5 unstarted + 3 skipped)",
        ),
        (
            {"iterations_planned": 13},
            "worker 0: 13 iterations planned, but 12 accounted for "
            "(10 started + 1 dropped + 1 unstarted)",
        ),
        (
            {"counters": {"iterations_completed": 11}},
            "worker 0: 10 iterations started, but 11 completed and 1 interrupted",
        ),
        (
            {"counters": {"requests_sent": 23, "in_flight": 2}},
            "worker 0: 25 requests started, but 23 sent and 3 failed before sending",
        ),
        (
            {"counters": {"requests_sent": 20, "in_flight": 0}},
            "worker 0: 20 requests sent, but 21 answered or failed",
        ),
        (
            {"counters": {"in_flight": 0}},
            "worker 0: 1 requests were sent and have no sample, but the worker had 0 in flight",
        ),
        ({"pushed": 1034}, "worker 0: 1,034 samples pushed, but 33 drained"),
        ({"corrupt": 2}, "worker 0: 2 samples were corrupt"),
        (
            {"values": {"pushed": 7, "drained": 6, "corrupt": 0}},
            "worker 0: 7 values pushed, but 6 drained",
        ),
        (
            {"values": {"pushed": 7, "drained": 7, "corrupt": 1}},
            "worker 0: 1 values were corrupt",
        ),
        (
            {"hops": 3, "counters": {"hops": 4}},
            "worker 0: 4 exchanges of redirected requests, but 3 have a sample",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_hold_is_said(changes: dict[str, Any], problem: str) -> None:
    assert problem in build([worker(**changes)]).problems()


def test_more_finished_than_started() -> None:
    problems = build([worker(requests_by_error={0: 30})]).problems()
    assert problems[0] == "worker 0: 25 requests started, but 30 finished"


def test_killed_worker_leaves_the_rest_unstarted_and_one_in_flight() -> None:
    ledger = build(
        [
            worker(
                killed=True,
                iterations_planned=20,
                counters={
                    "requests_planned": 33,
                    "requests_unstarted": 0,
                    "iterations_unstarted": 0,
                    "in_flight": 9,
                },
            )
        ]
    )
    assert ledger.problems() == []
    assert ledger.iterations["unstarted"] == 9
    assert ledger.requests["unstarted"] == 9 * 3 + 2
    assert ledger.requests["in_flight"] == 1


def test_lost_samples_are_finished_requests() -> None:
    ledger = build([worker(requests_by_error={0: 14, 20: 3, 70: 5}, counters={"lost_requests": 2})])
    assert ledger.problems() == []
    assert (ledger.requests["lost"], ledger.requests["in_flight"]) == (2, 1)
    assert ledger.samples["lost"] == 2


def test_closed_model_has_planned_what_there_was() -> None:
    ledger = build([worker(iterations_planned=None)])
    assert (ledger.problems(), ledger.iterations["planned"]) == ([], 12)


def test_unknown_error_keeps_its_number() -> None:
    assert (error_name(20), error_name(99)) == ("connect_refused", "error_99")
