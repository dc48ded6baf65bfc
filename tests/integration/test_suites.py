"""Suites from a plan file: what each phase sends, who decides, what ends it, what is done to it."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.launch import CPUS, QUIET, Launch
from tests.servers.counting import CountingServer
from velroload.report.as_json import SCHEMA
from velroload.report.as_text import LINES

TWO = ("-w", f"cpus:{CPUS[0]},{CPUS[-1]}")
FLOW = """
flow:
  - GET /a: {{name: first}}
  - GET /b: {{name: second, probability: 0.5}}
"""
THREE = (
    "name: three\ntarget: {url}\n"
    + FLOW
    + """
phases:
  - {{name: one, users: 4, ramp: 200ms, hold: 600ms, rate: 150/s, cool_down: 200ms,
     targets: {{rate: 20/s}}}}
  - {{name: two, users: 8, ramp: 200ms, hold: 600ms, rate: 200/s, cool_down: 2s,
     mix: {{first: 1, second: 1}}, gate: true, targets: {{max: {limit}}}, stop_on: fail}}
  - {{name: three, users: 2, hold: 400ms, rate: 100/s, mix: {{second: 0}}, cool_down: 0s,
     gate: true}}
"""
)


def run(folder: Path, limit: str) -> tuple[Launch, int]:
    """The plan under a server that counts; its result, and how many requests the server saw."""
    with CountingServer(folder) as server:
        plan = folder / "three.yaml"
        plan.write_text(THREE.format(url=server.url.rstrip("/"), limit=limit))
        with Launch(folder, str(plan), *TWO, command=QUIET) as launch:
            launch.finish()
        return launch, server.settled().requests


def holds(result: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(each["name"], each["verdict"], each["total"]["count"]) for each in result["suite"]]


def started(launch: Launch) -> list[int]:
    return [each["started"] for each in launch.run["end"]["evidence"]["phases"]]


def test_three_phases_over_two_workers(tmp_path: Path) -> None:
    launch, served = run(tmp_path, "30s")
    result = launch.result
    Draft202012Validator(json.loads(SCHEMA.read_bytes())).validate(result)
    # ramps 0 → 100/s and half of 100/s → 100/s; holds at 150/1.5, 200/2 and 100/1 iterations/s
    assert started(launch) == [10, 60, 0, 15, 60, 0, 40]
    assert [row["planned"] for row in launch.run["phases"]] == started(launch)
    one, two, three = (each["total"]["count"] for each in result["suite"])
    assert (two, three) == (120, 40)
    assert 60 <= one <= 120
    assert launch.ledger()["ok"] == served
    assert launch.ledger()["planned"] == served + launch.ledger()["skipped"]
    assert [each["verdict"] for each in result["suite"]] == ["PASS", "PASS", "PASS"]
    assert (result["verdict"], result["exit_code"]) == ("PASS", 0)
    assert result["connections"]["opened"] == 8  # users keep theirs
    told = launch.stdout.splitlines()
    assert told[0].startswith("PASS  three: 2 gate phases hold")
    assert len(told) <= LINES
    assert [line.split()[:2] for line in told if line.startswith(" PASS")] == [
        ["PASS", "one"], ["PASS", "two"], ["PASS", "three"],
    ]  # fmt: skip
    names = [each["name"] for each in launch.run["suite"]]
    assert names == ["one", "two", "three"]
    assert "two/3" not in launch.stderr
    assert "three 2/3 two" in launch.stderr


def test_a_gate_that_fails_ends_the_run_where_it_says_so(tmp_path: Path) -> None:
    launch, served = run(tmp_path, "1us")
    result = launch.result
    assert launch.ledger()["ok"] == served
    assert started(launch)[:5] == [10, 60, 0, 15, 60]
    assert sum(started(launch)[5:]) == 0
    assert (result["ended"], result["reason"]) == (
        "stopped", "phase two failed: 1 of 1 thresholds failed",
    )  # fmt: skip
    assert [verdict for _, verdict, _ in holds(result)] == ["PASS", "FAIL", "NOT MEASURED"]
    assert (result["verdict"], result["exit_code"]) == ("FAIL", 99)
    assert launch.stdout.startswith("FAIL  three: 1 of 2 gate phases failed: two")
    assert launch.ledger()["unstarted"] == 80  # of the last phase: both steps of 40 iterations


EVENTS = """
name: events
target: embedded
flow: [GET /health: {name: health}]
phases:
  - name: only
    users: 4
    hold: 9s
    rate: 100/s
    cool_down: 0s
    gate: true
    targets: {errors: 50%, "recovery(error)": 3s}
    events:
      - {at: 3500ms, fault: error, for: 900ms, with: {status: 503, endpoint: "GET /health"}}
      - {at: 3500ms, GET: /api/v1/models, name: look}
      - {at: 100ms, command: [echo, hello], name: hello}
"""


@pytest.mark.slow
@pytest.mark.timing
def test_events_beside_the_load(tmp_path: Path) -> None:
    (tmp_path / "events.yaml").write_text(EVENTS)
    with Launch(tmp_path, str(tmp_path / "events.yaml"), command=QUIET) as launch:
        assert launch.finish() in (0, 97, 99)  # a busy machine is slow to be as it was
    marks = [each for each in launch.run["events"] if each["event"] == "mark"]
    assert {(each["name"], each["what"]) for each in marks} == {
        ("error", "begin"), ("error", "end"), ("look", "begin"),
        ("hello", "begin"), ("hello", "end"),
    }  # fmt: skip
    (phase,) = launch.result["suite"]
    (recovery,) = (each for each in phase["thresholds"] if "recovery" in each["text"])
    assert recovery["verdict"] != "NOT MEASURED"
    assert recovery["why"].startswith("from 0.0 s on up to ")
    assert phase["total"]["failed"] > 50
    assert "event hello: end: hello" in launch.stderr
