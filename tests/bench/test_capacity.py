"""Rows, medians and ratios; one real round against a stand-in for velroload."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import capacity, ourselves
from bench.capacity import (
    divide,
    entries_for,
    floor_entry,
    measure,
    ratios,
    read_options,
    result,
    summarise,
    turns,
    velroload_entry,
)
from bench.harness import ROOT, compile_c
from bench.truthserver import Truth

STAND_IN = f"env PYTHONPATH={ROOT} {sys.executable} {Path(__file__).with_name('stand_in.py')}"


class Server:
    """A truth server that counts like nginx does: from its start."""

    def __init__(self, truth: Truth, counts: list[int]) -> None:
        self.truth, self.counts = truth, counts

    @property
    def url(self) -> str:
        return self.truth.url

    def requests(self) -> int:
        return self.counts.pop(0)


def test_a_round_of_velroload_takes_the_servers_count() -> None:
    options = read_options(["--velroload", STAND_IN, "--client-cpu", "0", "--seconds", "1"])
    with Truth() as truth:
        row = measure(velroload_entry(options, 10, "closed"), Server(truth, [5, 505]), options)
    assert row["requests"] == 500, "the server's, not the 400 that were said"
    assert row["requests_said"] == truth.counts["requests"] == 400
    assert row["errors"] == row["left_running"] == 0
    assert row["validity"] == "VALID"
    total = row["user_us_per_request"] + row["system_us_per_request"]
    assert row["cpu_us_per_request"] == pytest.approx(total)
    assert row["rate_per_s"] == pytest.approx(500 / row["seconds"])
    assert 0 < row["worker_us_per_request"] < row["cpu_us_per_request"]
    steady = 0.5 * row["seconds"] / 500 * 1e6
    assert row["worker_steady_us_per_request"] == pytest.approx(steady)
    assert row["command"].startswith("taskset -c 0 env PYTHONPATH=")
    assert " -u 10 -d 1s -w cpus:0 -q --out " in row["command"]


def test_a_round_of_the_floor(tmp_path: Path) -> None:
    program = compile_c(ROOT / "bench" / "floor.c", tmp_path)
    options = read_options(["--client-cpu", "0", "--seconds", "1"])
    with Truth() as truth:
        row = measure(floor_entry(options, 4, program), Server(truth, [0, 1000]), options)
    assert row["requests"] == 1000
    assert row["loop_us_per_request"] > 0
    assert row["errors"] == 0


def test_what_fails_is_said_and_not_skipped() -> None:
    options = read_options(["--velroload", "false", "--client-cpu", "0", "--seconds", "1"])
    entry = velroload_entry(options, 10, "planned")
    with Truth() as truth:
        row = measure(entry, Server(truth, [0, 0]), options)
    assert row["failed"] == "exit 1, 0 requests came: no output"
    assert " -u 10 -R 20000 --idle sleep -d 1s " in row["command"]
    kept = summarise(entry, [row])
    assert (kept["rounds"], kept["failed"], kept["cpu_us_per_request"]) == (0, row["failed"], None)


def test_output_that_is_not_understood_is_said() -> None:
    options = read_options(["--velroload", "true", "--client-cpu", "0", "--seconds", "1"])
    with Truth() as truth:
        row = measure(velroload_entry(options, 10, "closed"), Server(truth, [0, 10]), options)
    assert row["failed"].startswith("its output was not understood: [Errno 2] No such file")


def test_medians_and_ratios() -> None:
    def row(tool: str, cpu: float, **more: Any) -> dict[str, Any]:
        return {"tool": tool, "mode": "closed", "connections": 64, "cpu_us_per_request": cpu,
                "rate_per_s": 1e5, **more}  # fmt: skip

    rows = [
        row("velroload", 9.0, worker_steady_us_per_request=7.7, worker_us_per_request=8.0),
        row("wrk", 10.0),
        row("floor", 8.0, loop_us_per_request=7.0),
    ]
    (found,) = ratios(rows)
    assert found["velroload_to_wrk"] == pytest.approx(0.9)
    assert found["worker_to_floor"] == pytest.approx(1.1)
    assert found["wrk_to_floor"] == pytest.approx(1.25)
    assert found["velroload_planned_to_wrk"] is None
    assert divide(1.0, None) is divide(None, 1.0) is divide(1.0, 0.0) is None


def test_missing_tools_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    missing: list[str] = []
    entries = entries_for(read_options([]), tmp_path, missing)
    assert missing == ["wrk", "h2load", "hey", "ab"]
    assert [(e.tool, e.mode, e.connections) for e in entries[:3]] == [
        ("velroload", "closed", 64), ("velroload", "planned", 64), ("floor", "closed", 64)
    ]  # fmt: skip
    assert len(entries) == 9


def test_short_is_short() -> None:
    options = read_options(["--short"])
    assert (options.rounds, options.seconds, options.connections) == (1, 3, [64])
    assert capacity.read_options([]).velroload == ourselves.DEFAULT_COMMAND


def test_a_run_without_its_parts_gives_none(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"phases": []}))
    (tmp_path / "result.json").write_text("{}")
    run = ourselves.Run.load(tmp_path)
    assert run.seconds() is run.worker_cpu_s() is run.worker_steady_cpu() is None
    assert run.validity == "unknown"
    assert len(run.samples()) == 0
    with pytest.raises(LookupError, match=r"^result.json has no endpoint of kind request$"):
        run.times_ms("service_time")
    assert [ourselves.number(v) for v in (1, {"value": 2.5}, None, {})] == [1.0, 2.5, None, None]


def test_rows_without_a_goal_take_part_in_the_first_rounds_only() -> None:
    options = read_options(["--rounds", "3", "--extra-rounds", "1", "--connections", "64",
                            "--tools", "velroload,floor"])  # fmt: skip
    rounds = turns(entries_for(options, Path("floor"), []), options)
    shown = [[(place, entry.tool, entry.mode) for place, entry in rows] for rows in rounds]
    closed, planned = (0, "velroload", "closed"), (1, "velroload", "planned")
    floor = (2, "floor", "closed")
    assert shown == [[closed, planned, floor], [floor, closed], [closed, floor]]


def test_what_was_measured_so_far_is_kept() -> None:
    options = read_options(["--connections", "64", "--tools", "velroload,floor"])
    entries = entries_for(options, Path("floor"), [])
    kept = result(entries, {2: [{"command": "floor", "cpu_us_per_request": 7.0}]}, options)
    assert [(row["tool"], row["rounds"]) for row in kept["rows"]] == [("floor", 1)]
    assert kept["seconds"] == 20
