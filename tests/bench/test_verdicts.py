"""What rounds become: medians against limits."""

from typing import Any

from bench.cases import CASES, Entry
from bench.verdicts import failures, judge_medians, summarise

QUIET = Entry(CASES["fixed"][0], "quiet", "velroload")


def run_of(**more: Any) -> dict[str, Any]:
    base = {
        "command": "x",
        "validity": "VALID",
        "errors_us": {"p50": 10.0, "p99": 10.0, "p99.9": 10.0, "max": 10.0},
        "paired": {"p99_us": 10.0, "max_us": 20.0},
        "generator_lag_ms": {"p99": 1.5},
        "law_errors": {"p99": -0.03},
        "server_law_errors": {"p99": 0.001},
    }
    return base | more


def test_laws_and_lags_are_judged() -> None:
    stall = summarise(Entry(CASES["stall"][0], "quiet", "velroload"), [run_of()])
    assert stall["law"] == {"p99": {"median": 0.03, "limit": 0.02, "verdict": "FAIL"}}
    sleeping, spinning = (
        summarise(Entry(case, "quiet", "velroload"), [run_of()])["generator_lag_ms"]["p99"]
        for case in CASES["lag"]
    )
    assert (sleeping["verdict"], spinning["verdict"]) == ("PASS", "FAIL")
    late = run_of(server_law_errors={"p99": 0.011})
    unfit = summarise(Entry(CASES["stall"][0], "quiet", "velroload"), [late])
    assert unfit["server_late"] == 1
    assert unfit["law"]["all"]["verdict"] == "NOT MEASURED"
    assert failures([unfit]) == []
    assert failures([stall]) == ["stall quiet: law p99 0.03, limit 0.02"]
    busy = summarise(Entry(CASES["lag"][0], "busy", "velroload"), [run_of()])
    assert "generator_lag_ms" not in busy
    assert judge_medians([{"p99": None}], 1.0)["all"]["verdict"] == "NOT MEASURED"


def test_a_valid_run_that_is_far_off_is_a_failure_by_itself() -> None:
    far = run_of(errors_us={"p50": -151.0})
    good = [run_of(), run_of(), far]
    row = summarise(QUIET, good)
    assert row["service"]["p50"]["verdict"] == "PASS"
    assert failures([row]) == ["fixed quiet: VALID and p50 off by -151 us"]
    wrong = summarise(QUIET, [run_of(errors_us={"p50": 51.4}) | {"validity": "SUSPECT"}])
    assert failures([wrong]) == ["fixed quiet: service p50 51 us, limit 50"]
    suspect = summarise(QUIET, [run_of(), run_of(), far | {"validity": "SUSPECT"}])
    assert failures([suspect]) == []


def test_the_bare_timer_loop_has_a_lag_and_no_limit() -> None:
    bare = {"command": "lag 500 5 0", "generator_lag_ms": {"p50": 0.02, "p99": 0.7}}
    row = summarise(Entry(CASES["lag"][0], "quiet", "timerfd"), [bare, bare | {"failed": "x"}])
    assert row["generator_lag_ms"] == {"p99": {"median": 0.7, "limit": None, "verdict": ""}}
    assert (row["rounds"], row["failed"]) == (1, "x")
    assert failures([row]) == []
