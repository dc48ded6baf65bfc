"""The whole: verdict, exit codes and their precedence, runs that hardly were one."""

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest

from tests.reference import rundata as rd
from velroload.analysis.analyse import analyse
from velroload.analysis.verdict import exit_code
from velroload.errors import ConfigError, Exit
from velroload.report.as_json import as_json
from velroload.report.as_text import as_text
from velroload.rundata import RunData
from velroload.sample import ErrorKind

DATA = rd.build([rd.steady(200, 10)], 10)
LOST = {"part": "samples", "lost": 3}


def code(data: RunData, **flags: bool) -> Exit:
    result = analyse(data)
    return exit_code(result.codes, result.validity, **flags)


@pytest.mark.parametrize(
    ("thresholds", "verdict", "why", "expected"),
    [
        ([], "PASS", "ran as planned; no threshold was set", Exit.PASS),
        (["p95 < 75ms"], "PASS", "1 threshold holds", Exit.PASS),
        (["p95 < 75ms", "errors < 1%"], "PASS", "2 thresholds hold", Exit.PASS),
        (["p95 < 75ms", "p50 < 2ms"], "FAIL", "1 of 2 thresholds failed", Exit.FAIL),
        (
            ["p95 of class:x < 1s"],
            "INCONCLUSIVE",
            "1 of 1 thresholds is not settled",
            Exit.INCONCLUSIVE,
        ),
        (["p50 < 2ms", "p95 of class:x < 1s"], "FAIL", "1 of 2 thresholds failed", Exit.FAIL),
    ],
)
def test_thresholds_decide(thresholds: list[str], verdict: str, why: str, expected: Exit) -> None:
    data = rd.with_thresholds(DATA, *thresholds)
    result = analyse(data)
    assert (result.verdict, result.why) == (verdict, why)
    assert code(data) == expected


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        ("interrupted", Exit.INTERRUPTED),
        ("terminated", Exit.TERMINATED),
        ("aborted", Exit.ABORTED),
    ],
)
def test_how_it_ended_outranks_what_it_says(ended: str, expected: Exit) -> None:
    data = rd.with_thresholds(rd.with_end(DATA, ended=ended), "p50 < 2ms")
    assert code(data) == expected
    assert analyse(data).verdict == "FAIL"


def test_an_invalid_run_claims_nothing() -> None:
    data = rd.with_thresholds(rd.with_ledger(DATA, "samples", lost=3), "p50 < 2ms", "p50 < 2s")
    result = analyse(data)
    assert result.verdict == "NOT MEASURED"
    assert {threshold.verdict for threshold in result.thresholds} == {"NOT MEASURED"}
    assert [t.observed is not None for t in result.thresholds] == [True, True]
    assert code(data) == Exit.INVALID
    assert code(rd.with_end(data, ended="aborted")) == Exit.INVALID
    assert code(rd.with_end(data, ended="interrupted")) == Exit.INTERRUPTED


def test_a_killed_worker_makes_the_run_incomplete() -> None:
    what = "worker 1 (pid 4711) was killed by SIGKILL at 3.2 s"
    result = analyse(rd.with_end(DATA, incomplete=[what]))
    assert (result.verdict, result.incomplete) == ("NOT MEASURED", (what,))
    assert result.why == what
    assert result.validity.verdict == "SUSPECT"
    assert exit_code(result.codes, result.validity) == Exit.INVALID


def test_a_killed_coordinator_makes_the_run_incomplete() -> None:
    data = dataclasses.replace(DATA, end=None, complete=False, notes=["the tail was cut off"])
    result = analyse(data)
    assert result.incomplete == (
        "the run has no end: its coordinator was killed while it ran",
        "the tail was cut off",
    )
    assert result.summary.total.count == 2_000
    assert exit_code(result.codes, result.validity) == Exit.INVALID


def test_without_a_single_success_a_run_is_fail() -> None:
    data = rd.build([rd.steady(200, 10, error=ErrorKind.STATUS, status=500)], 10)
    assert analyse(data).why == "not one request succeeded"
    assert code(data) == Exit.FAIL
    assert code(rd.with_thresholds(data, "rate > 1/s")) == Exit.FAIL


def test_suspect_passes_unless_strict() -> None:
    loose = rd.with_evidence(DATA, workers=[{"index": 0, "pinned": False, "stalls": []}])
    loose = rd.with_thresholds(loose, "p95 < 75ms")
    result = analyse(loose)
    assert (result.verdict, result.validity.verdict) == ("PASS", "SUSPECT")
    assert result.thresholds[0].suspect == "worker 0 could not be pinned to a CPU"
    assert code(loose) == Exit.PASS
    assert code(loose, strict=True) == Exit.INCONCLUSIVE
    assert code(DATA, strict=True) == Exit.PASS


def test_inconclusive_may_pass_on_request() -> None:
    data = rd.with_thresholds(DATA, "p99.9 < 1ms of", "p95 < 1s")
    with pytest.raises(ConfigError):
        analyse(data)
    data = rd.with_thresholds(DATA, "p95 of class:x < 1s")
    assert code(data, inconclusive_passes=True) == Exit.PASS


def test_a_freeze_voids_the_fail_it_caused_and_makes_the_run_suspect() -> None:
    lag = np.full(30_000, 20_000)
    for start in range(4_200, 30_000, 7_000):
        lag[start : start + 500] = np.arange(500, 0, -1) * rd.MS
    data = rd.build([rd.steady(1_000, 30, 2_800_000, lag_ns=lag)], 30)
    worker = {"index": 0, "pinned": True, "stalls": [[4_200_000_000, 500_000_000]]}
    data = rd.with_evidence(data, workers=[worker])
    result = analyse(rd.with_thresholds(data, "p95(response) < 75ms", "p99(service) < 3ms"))
    assert [t.verdict for t in result.thresholds] == ["INCONCLUSIVE", "PASS"]
    assert result.thresholds[1].suspect is None  # service time is untouched
    assert result.validity.verdict == "SUSPECT"
    assert "generator froze 0.50 s at 4.2 s (worker 0)" in [r.text for r in result.validity.reasons]
    assert exit_code(result.codes, result.validity) == Exit.INCONCLUSIVE


THRESHOLDS = (
    "p95(response) < 75ms",
    "p99.9(service) < 75ms",
    "max(response) < 1s",
    "mean(response) < 1s",
    "errors < 1%",
    "checks == 100%",
    "rate > 10/s",
    "p95 < 1s over 1s",
    "p99(tls) < 1s",
)


@pytest.mark.parametrize("thresholds", [(), THRESHOLDS])
@pytest.mark.parametrize(
    "data",
    [
        rd.empty(),
        rd.empty(5),
        dataclasses.replace(rd.empty(), manifest={}, end=None),
        rd.with_end(rd.empty(), evidence={}, ledger={}),
        dataclasses.replace(rd.empty(), manifest={"name": "bare", "endpoints": []}),
        rd.build([rd.steady(1, 1)], 1),
        rd.build([rd.steady(1_000, 0.1)], 0.1),
        rd.build([rd.steady(200, 10, error=ErrorKind.RESET)], 10),
        rd.build([rd.steady(200, 10, error=ErrorKind.CONNECT_REFUSED)], 10),
        rd.build([rd.steady(20, 10, 10_000 * rd.MS, error=ErrorKind.TIMEOUT)], 20),
        rd.build([rd.steady(20, 10, 4 * 3600 * 10**9)], 20_000),
        dataclasses.replace(DATA, end=None, complete=False),
    ],
    ids=[
        "none",
        "none-5s",
        "no-manifest",
        "no-evidence",
        "no-rows",
        "one",
        "0.1s",
        "reset",
        "refused",
        "timeouts",
        "beyond-bins",
        "no-end",
    ],
)
def test_hardly_a_run_is_still_told(data: RunData, thresholds: tuple[str, ...]) -> None:
    if data.manifest:
        data = rd.with_thresholds(data, *thresholds)
    result = analyse(data)
    text = as_text(result, verbose=True)
    assert "nan" not in text.lower().split()
    assert "inf" not in text.lower().split()
    _no_nan(json.loads(as_json(result)))


def _no_nan(value: Any) -> None:
    if isinstance(value, dict):
        for item in value.values():
            _no_nan(item)
    elif isinstance(value, list):
        for item in value:
            _no_nan(item)
    elif isinstance(value, float):
        assert math.isfinite(value)
