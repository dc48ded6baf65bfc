"""One real round of the accuracy bench against a stand-in, and what it makes of its rounds."""

import sys
from pathlib import Path
from typing import Any

import pytest

from bench.accuracy import (
    CASES,
    STALL_MS,
    Entry,
    busy_core,
    command_for,
    entries_for,
    failures,
    judge_medians,
    measure,
    read_flags,
    seconds_for,
    summarise,
)
from bench.harness import ROOT

STAND_IN = f"env PYTHONPATH={ROOT} {sys.executable} {Path(__file__).with_name('stand_in.py')}"
QUIET = Entry(CASES["fixed"][0], "quiet", "velroload")


def flags(*more: str) -> Any:
    here = ["--velroload", STAND_IN, "--client-cpu", "0", "--calibrate", "50"]
    return read_flags([*here, *more])


def test_a_round_is_compared_with_the_servers_log() -> None:
    run = measure(QUIET, flags("--seconds", "1"), 0)
    assert run["truth_count"] == run["said_count"] == 400
    assert run["server"]["requests"] == 450, "50 of them calibrate"
    assert run["path_us"] > 0
    assert 10_000 <= run["truth_us"]["p50"] <= run["truth_us"]["max"]
    assert run["paired"]["pairs"] == 400
    assert run["paired"]["unmatched"] == 0
    for name, error in run["errors_us"].items():
        expected = run["said_ms"][name] * 1e3 - run["path_us"] - run["truth_us"][name]
        assert error == pytest.approx(expected), name
    row = summarise(QUIET, [run])
    assert row["rounds"] == 1
    assert row["service"]["p50"]["median_us"] == abs(run["errors_us"]["p50"])


def test_a_run_that_fails_is_said() -> None:
    run = measure(QUIET, read_flags(["--velroload", "false", "--client-cpu", "0",
                                     "--calibrate", "5"]), 0)  # fmt: skip
    assert run["failed"] == "exit 1: no output"
    row = summarise(QUIET, [run])
    assert row["service"]["p50"]["verdict"] == "NOT MEASURED"
    assert failures([row]) == ["fixed quiet: exit 1: no output"]


def test_a_stall_is_measured_over_whole_periods() -> None:
    stall = CASES["stall"][0]
    assert [seconds_for(stall, n) for n in (1, 10, 11, 15)] == [10, 10, 15, 15]
    assert seconds_for(QUIET.case, 7) == 7
    assert stall.delay == "stall:5:1000:5000"
    command = command_for(Entry(stall, "quiet", "velroload"), "URL", Path("out"), flags())
    assert command[-9:] == ["-R", "500", "-d", "10s", "-w", "cpus:0", "-q", "--out", "out"]
    spin = command_for(Entry(CASES["lag"][1], "quiet", "velroload"), "URL", Path("out"), flags())
    assert "--idle" in spin
    wrk = command_for(Entry(stall, "busy", "wrk"), "URL", Path("out"), flags())
    assert wrk[:4] == ["taskset", "-c", "0", "wrk"]


def test_all_rows_are_there() -> None:
    entries = entries_for(flags())
    assert len(entries) == 4 * 2 * 2 + 2 * 2
    short = entries_for(flags("--short"))
    assert {(e.case.name, e.condition) for e in short} == {("fixed", "quiet"), ("bimodal", "quiet")}


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


def test_the_busy_loop_ends_with_its_block() -> None:
    import psutil

    before = {child.pid for child in psutil.Process().children()}
    with busy_core(0, "busy"):
        (loop,) = (c for c in psutil.Process().children() if c.pid not in before)
        assert loop.is_running()
    assert not loop.is_running()
    with busy_core(0, "quiet"):
        assert {child.pid for child in psutil.Process().children()} <= before


def test_the_stalls_numbers_are_those_of_the_law() -> None:
    assert STALL_MS == (5.0, 1000.0, 5000.0)
