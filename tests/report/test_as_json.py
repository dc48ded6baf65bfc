"""result.json keeps to its published schema, whatever the run was."""

import dataclasses
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from tests.reference import rundata as rd
from velroload.analysis.analyse import analyse
from velroload.errors import Exit
from velroload.report import REPORTS
from velroload.report.as_json import FORMAT, RESULT, SCHEMA, as_json, document, save_result
from velroload.report.kind import Told
from velroload.rundata import RunData
from velroload.runfolder import load, save
from velroload.sample import ErrorKind

VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
DATA = rd.build(
    [
        rd.steady(500, 10, error=np.arange(5_000) % 100 // 99 * ErrorKind.RESET),
        rd.steady(10, 10, name="login", setup=True),
        rd.steady(500, 10, name="group", kind="group"),
        rd.steady(500, 10, 103 * rd.MS, name="main", kind="iteration", think_ns=100 * rd.MS),
    ],
    10,
)
WORKER = {
    "index": 0,
    "counters": {
        "connections_opened": 9,
        "connections_warmed": 4,
        "connections_closed_by_server": 3,
        "retries": 2,
        "idle_closes": 3,
        "idle_close_least": 4_980_000_000,
    },
    "idle_closes_ns": [4_980_000_000, 5_000_000_000, 5_020_000_000],
}
THRESHOLDS = ("p95(response) < 75ms", "errors < 1%", "rate > 1000/s", "p95 of class:x < 1s")


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(VALIDATOR.schema)


@pytest.mark.parametrize(
    "data",
    [
        rd.with_evidence(DATA, workers=[{**WORKER, "pinned": True}]),
        rd.with_thresholds(DATA, *THRESHOLDS),
        rd.with_ledger(DATA, "samples", lost=1),
        rd.empty(),
        dataclasses.replace(DATA, end=None, notes=["cut"]),
        dataclasses.replace(rd.empty(), manifest={}, end=None),
        rd.with_evidence(
            DATA, workers=[{"index": 0, "pinned": False, "stalls": [[1_000_000_000, 90_000_000]]}]
        ),
        dataclasses.replace(DATA, events=[rd.example(text="HTTP/1.1 200")]),
    ],
    ids=[
        "connections",
        "thresholds",
        "invalid",
        "empty",
        "no-end",
        "no-manifest",
        "stall",
        "example",
    ],
)
def test_every_result_keeps_to_the_schema(data: RunData) -> None:
    VALIDATOR.validate(json.loads(as_json(analyse(data))))


def test_the_schema_refuses_what_is_missing_or_nan() -> None:
    whole = document(analyse(DATA))
    del whole["ledger"]["lost"]
    with pytest.raises(jsonschema.ValidationError, match="'lost' is a required property"):
        VALIDATOR.validate(whole)


def test_the_keys_that_others_rely_on() -> None:
    found = document(analyse(rd.with_thresholds(DATA, *THRESHOLDS)), folder="runs/x")
    assert found["format"] == FORMAT
    assert (found["folder"], found["exit_code"], found["verdict"]) == ("runs/x", 99, "FAIL")
    assert found["validity"]["verdict"] == "VALID"
    ledger = found["ledger"]
    assert ledger["planned"] == ledger["started"] == ledger["sent"] == 5_100
    assert ledger["transport_errors"] == {"reset": 50}
    assert (ledger["pushed"], ledger["drained"], ledger["lost"]) == (5_100, 5_100, 0)
    assert ledger["iterations"]["completed"] == 5_100
    first = found["endpoints"][0]
    assert first["response_time_ms"]["p99"] == pytest.approx(3.02, rel=0.001)
    assert first["service_time_ms"]["max"] == 3.0
    assert first["response_time_ms"]["p99_9"] == pytest.approx(3.02, rel=0.001)
    assert first["response_time_ms"]["count"] == 4_950
    assert first["generator_lag_ms"]["p50"] == pytest.approx(0.02, rel=0.01)
    assert first["read_lag_ms"]["mean"] == 0.015
    assert first["rate_per_s"] == pytest.approx(495, rel=0.01)
    assert [row["name"] for row in found["endpoints"]] == ["GET /", "login"]
    assert [row["name"] for row in found["groups"]] == ["group"]
    assert found["iterations"][0]["service_time_ms"]["p50"] == pytest.approx(3.02, rel=0.01)
    low, high = first["response_time_ms"]["interval_95"]["p50"]
    assert low <= first["response_time_ms"]["p50"] <= high
    assert found["thresholds"][0]["unit"] == "ms"
    assert found["thresholds"][0]["limit"] == 75.0
    assert first["wait_ms"]["p50"] is None


def test_failures_by_kind_and_endpoint_with_their_examples() -> None:
    canary = '\\x1b[31m<script>alert("1")</script>,=1+1'
    data = dataclasses.replace(DATA, events=[rd.example(text=canary), {"event": "aborted"}])
    text = as_json(analyse(data))
    assert text.isascii()
    (failure,) = json.loads(text)["failures"]
    (example,) = failure.pop("examples")
    assert failure == {
        "kind": "reset", "number": 40, "endpoint": "GET /", "scenario": "main", "setup": False,
        "count": 50, "first_s": 0, "last_s": 10,
    }  # fmt: skip
    assert example == {
        "at_s": 1.5, "worker": 0, "user": 3, "status": 200, "errno": "ECONNRESET",
        "new_connection": True, "request_bytes": 40, "written_bytes": 40, "received_bytes": 45,
        "body_bytes": 4, "content_length": 100, "reason": None, "text": canary, "hex": None,
    }  # fmt: skip


def test_the_exit_code_is_what_the_caller_decided() -> None:
    assert document(analyse(DATA), code=Exit.INCONCLUSIVE)["exit_code"] == 97


def test_result_json_appears_whole(tmp_path: Path) -> None:
    save_result(tmp_path, analyse(DATA))
    assert [path.name for path in tmp_path.iterdir()] == [RESULT]
    VALIDATOR.validate(json.loads((tmp_path / RESULT).read_text()))


def test_a_saved_run_is_told_the_same_again(tmp_path: Path) -> None:
    data = rd.with_thresholds(DATA, *THRESHOLDS)
    save(tmp_path, data)
    assert as_json(analyse(load(tmp_path))) == as_json(analyse(data))


@pytest.mark.parametrize("pattern", list(REPORTS))
def test_every_report_can_be_made_of_every_run(pattern: str) -> None:
    for data in (DATA, rd.empty()):
        assert REPORTS[pattern](Told(analyse(data), data, "runs/x", Exit.PASS, pattern))


def test_connections() -> None:
    data = rd.with_evidence(DATA, workers=[{**WORKER, "pinned": True}])
    assert document(analyse(data))["connections"] == {
        "opened": 9,
        "warmed": 4,
        "closed_by_server": 3,
        "retries": 2,
        "idle_closes": {"count": 3, "least_s": 4.98, "median_s": 5.0},
        "requests_by_age": {"under_1s": 0, "under_10s": 0, "under_100s": 0, "older": 0},
    }


def test_figures_by_address_stand_beside_the_total_and_not_in_it() -> None:
    loads = [
        rd.steady(500, 10),
        rd.steady(300, 10, name="127.0.0.1:80", kind="address", scenario=None),
        rd.steady(200, 10, 9 * rd.MS, name="[::1]:80", kind="address", scenario=None),
    ]
    found = document(analyse(rd.build(loads, 10)))
    assert found["total"]["count"] == 5_000
    assert [row["name"] for row in found["endpoints"]] == ["GET /"]
    assert [(row["name"], row["count"]) for row in found["addresses"]] == [
        ("127.0.0.1:80", 3_000),
        ("[::1]:80", 2_000),
    ]
    assert [round(row["response_time_ms"]["p50"]) for row in found["addresses"]] == [3, 9]
    VALIDATOR.validate(found)
