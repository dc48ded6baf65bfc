"""Ramp, hold and cool-down in whole runs: what counts, and that the books are of all of it."""

import json
import shutil
import socket
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from tests.launch import CPUS, QUIET, Launch
from tests.servers.counting import CountingServer
from tests.servers.scripted import OK, ScriptedServer, read_request
from velroload.report.as_json import SCHEMA

ONE = ("-w", f"cpus:{CPUS[-1]}")
FAILURE = OK.replace(b"200 OK", b"503 No")
RAMP, HOLD = 50, 100
"""Requests at 100/s in a ramp of 1 s and a hold of 1 s."""


def fails_in_the_ramp(connection: socket.socket, number: int) -> None:
    """One connection: requests come in the order of their schedule."""
    answered = 0
    while read_request(connection):
        connection.sendall(FAILURE if answered < RAMP else OK)
        answered += 1


def counted(result: dict[str, Any]) -> None:
    Draft202012Validator(json.loads(SCHEMA.read_bytes())).validate(result)
    ramp, hold = result["phases"]
    assert (ramp["kind"], ramp["counts"], ramp["count"], ramp["ok"]) == ("ramp", False, RAMP, 0)
    assert (hold["kind"], hold["counts"], hold["count"], hold["ok"]) == ("hold", True, HOLD, HOLD)
    assert (ramp["start_s"], ramp["end_s"], hold["start_s"], hold["end_s"]) == (0, 1, 1, 2)
    total = result["total"]
    assert (total["count"], total["ok"], total["status"]) == (HOLD, HOLD, {"200": HOLD})
    assert result["response_time_ms"]["count"] == HOLD
    assert result["hold_s"] == 1
    assert (result["ledger"]["ok"], result["ledger"]["http_errors"]) == (HOLD, RAMP)
    assert [(failure["kind"], failure["count"]) for failure in result["failures"]] == [
        ("status", RAMP)
    ]


def test_a_ramp_that_fails_fails_nothing(tmp_path: Path) -> None:
    words = ("-u", "1", "-R", "100", "--ramp", "1s", "-d", "1s", "--slo", "errors < 5%", *ONE)
    with (
        ScriptedServer(fails_in_the_ramp) as server,
        Launch(tmp_path, server.url, *words, command=QUIET) as run,
    ):
        assert run.finish() == 0
    assert run.ledger()["planned"] == RAMP + HOLD
    counted(run.result)
    told = run.stdout.splitlines()
    assert told[0].startswith("PASS")
    assert "       hold of 1 s; ramp of 1 s not counted: 50 requests" in told
    assert " failures   none in the hold" in told
    journal = tmp_path / "journal alone"
    journal.mkdir()
    shutil.copy(run.out / "journal.bin", journal)
    with Launch(tmp_path, "report", str(journal), out=False) as again:
        assert again.finish() == 0
    counted(json.loads((journal / "result.json").read_bytes()))


def test_stages_have_a_cool_down(tmp_path: Path) -> None:
    words = ("-s", "500ms:100/s", "-s", "500ms:100/s", "-s", "500ms:0/s", *ONE)
    with (
        CountingServer(tmp_path) as server,
        Launch(tmp_path, server.url, *words, command=QUIET) as run,
    ):
        assert run.finish() == 0
        assert run.ledger()["ok"] == server.settled().requests == 100
    result = run.result
    assert [(phase["kind"], phase["count"]) for phase in result["phases"]] == [
        ("ramp", 25),
        ("hold", 50),
        ("cool-down", 25),
    ]
    assert result["total"]["count"] == 50
    assert (
        "       hold of 0.5 s; ramp of 0.5 s not counted: 25 requests; "
        "cool-down of 0.5 s not counted: 25 requests"
    ) in run.stdout.splitlines()


def test_a_number_of_requests_is_all_hold(tmp_path: Path) -> None:
    with (
        CountingServer(tmp_path) as server,
        Launch(tmp_path, server.url, "-u", "3", "-n", "60", *ONE, command=QUIET) as run,
    ):
        assert run.finish() == 0
        assert run.ledger()["ok"] == server.settled().requests == 60
    (hold,) = run.result["phases"]
    assert (hold["kind"], hold["start_s"], hold["count"]) == ("hold", 0, 60)
    assert hold["end_s"] == run.result["hold_s"] == run.result["elapsed_s"]
    assert run.result["total"]["count"] == 60
    assert "not counted" not in run.stdout
