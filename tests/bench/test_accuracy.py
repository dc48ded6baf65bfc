"""One real round of the accuracy bench against a stand-in, and what it makes of its rounds."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import accuracy
from bench.accuracy import busy_core, command_for, length_s, main, measure, read_flags
from bench.cases import CASES, Entry, entries_for
from bench.harness import ROOT
from bench.verdicts import failures, summarise

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


def test_each_tool_is_called_for_its_load() -> None:
    stall = CASES["stall"][0]
    command = command_for(Entry(stall, "quiet", "velroload"), "URL", Path("out"), flags())
    assert command[-9:] == ["-R", "500", "-d", "10s", "-w", "cpus:0", "-q", "--out", "out"]
    spin = command_for(Entry(CASES["lag"][1], "quiet", "velroload"), "URL", Path("out"), flags())
    assert "--idle" in spin
    wrk = command_for(Entry(stall, "busy", "wrk"), "URL", Path("out"), flags())
    assert wrk[:4] == ["taskset", "-c", "0", "wrk"]


def test_the_busy_loop_ends_with_its_block() -> None:
    import psutil

    before = {child.pid for child in psutil.Process().children()}
    with busy_core(0, "busy"):
        (loop,) = (c for c in psutil.Process().children() if c.pid not in before)
        assert loop.is_running()
    assert not loop.is_running()
    with busy_core(0, "quiet"):
        assert {child.pid for child in psutil.Process().children()} <= before


def test_a_bare_timer_loop_is_measured_beside_the_lag() -> None:
    run = measure(Entry(CASES["lag"][0], "quiet", "timerfd"),
                  flags("--seconds", "1"), 0)  # fmt: skip
    lag = run["generator_lag_ms"]
    assert list(lag) == ["p50", "p90", "p95", "p99", "p99.9", "max"]
    assert 0 <= lag["p50"] <= lag["p99"] <= lag["max"]


def test_the_length_is_that_of_all_rounds() -> None:
    given = flags("--rounds", "2", "--seconds", "5", "--calibrate", "500")
    entries = [*entries_for("fixed", ["quiet"]), *entries_for("stall", ["quiet"])]
    assert length_s(entries, given) == 2 * (2 * (5 + 2) + 2 * (10 + 2))


def test_every_finished_case_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bench that is cut off has kept the cases before."""
    reached: list[str] = []

    def fake(entry: Entry, given: Any, turn: int) -> dict[str, Any]:
        if entry.case.name == "lognormal":
            raise KeyboardInterrupt
        reached.append(f"{entry.case.name} {entry.tool} {turn}")
        return {"command": "x", "failed": "exit 1"}

    monkeypatch.setattr(accuracy, "measure", fake)
    with pytest.raises(KeyboardInterrupt):
        main(["--rounds", "2", "--conditions", "quiet", "--results", str(tmp_path)])
    assert reached == [
        "fixed velroload 0", "fixed wrk 0", "fixed wrk 1", "fixed velroload 1",
        "bimodal velroload 0", "bimodal wrk 0", "bimodal wrk 1", "bimodal velroload 1",
    ]  # fmt: skip
    kept = json.loads((tmp_path / "accuracy.json").read_text())
    assert [row["case"] for row in kept["rows"]] == ["fixed", "fixed", "bimodal", "bimodal"]
    assert kept["not_reached"] == ["lognormal", "stall", "lag"]
    assert "takes    about 5.0 min" in capsys.readouterr().out
