"""Each rule flips at its limit, and every INVALID ends with what mends it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.reference import rundata as rd
from velroload.analysis.result import Reason, Validity
from velroload.analysis.summary import summarise
from velroload.analysis.validity import assess, with_reasons
from velroload.plan.threshold import parse_threshold
from velroload.rundata import RunData

DATA = rd.build([rd.steady(200, 10)], 10)
COMMAND = "velroload http://127.0.0.1:8080/ -R 1000 -d 10s"
QUIET = f"keep other work off the workers' CPUs, then {COMMAND}"
REPORT = "this is a fault of velroload: keep the run folder and report it"
FREE: dict[str, Any] = {"open": False, "paced": False}


def judged(data: RunData, *thresholds: str) -> Validity:
    parsed = [parse_threshold(text) for text in thresholds]
    return assess(data, data, summarise(data, data), parsed)


def only(validity: Validity) -> Reason:
    assert len(validity.reasons) == 1, validity.reasons
    return validity.reasons[0]


def with_seconds(data: RunData, bad: Sequence[int], **more: Any) -> RunData:
    seconds = [rd.healthy_second(s, **(more if s in bad else {})) for s in range(10)]
    return rd.with_evidence(data, seconds=seconds)


def test_a_healthy_run_is_valid() -> None:
    validity = judged(DATA)
    assert (validity.verdict, validity.reasons) == ("VALID", ())
    assert validity.user_clock_share == 0.0


def test_a_lost_sample_is_invalid() -> None:
    reason = only(judged(rd.with_ledger(DATA, "samples", lost=1)))
    assert (reason.level, reason.code) == ("INVALID", "lost_samples")
    assert reason.text == "1 of 2,000 samples were lost: the coordinator could not keep up"
    assert reason.advice == f"keep other work off its CPU, or lower the load, then {COMMAND}"
    three = [{"index": index, "cpu": index, "pid": 9} for index in range(3)]
    more = replace(DATA, manifest={**DATA.manifest, "workers": three})
    assert only(judged(rd.with_ledger(more, "samples", lost=1))).advice == (
        f"leave it a CPU of its own: {COMMAND} -w 2"
    )


def test_a_ledger_that_does_not_add_up_is_invalid() -> None:
    assert DATA.end is not None
    book = {**DATA.end["ledger"], "problems": ["started 3 ≠ sent 2 + failed 0"]}
    reason = only(judged(rd.with_end(DATA, ledger=book)))
    assert (reason.level, reason.advice) == ("INVALID", REPORT)
    assert reason.text == "the ledger does not add up: started 3 ≠ sent 2 + failed 0"


@pytest.mark.parametrize(
    ("off_ns", "requests", "verdict"),
    [
        (30_000_000, 2_000, "VALID"),
        (32_000_000, 2_000, "INVALID"),
        (-32_000_000, 2_000, "INVALID"),
        (3_000_000_000, 999, "VALID"),
    ],
)
def test_littles_law_holds_to_half_a_percent(off_ns: int, requests: int, verdict: str) -> None:
    law = {
        "integral_request_ns": 6_000_000_000 + off_ns,
        "service_sum_ns": 5_000_000_000,
        "open_age_ns": 1_000_000_000,
        "requests": requests,
    }
    validity = judged(rd.with_evidence(DATA, littles_law=law))
    assert validity.verdict == verdict
    if verdict == "INVALID":
        assert only(validity).advice == REPORT


def test_load_that_was_not_sent_is_invalid_below_99_percent() -> None:
    enough = rd.with_ledger(DATA, "iterations", planned=10_000, unstarted=100)
    assert only(judged(enough)).level == "NOTE"
    short = rd.with_ledger(DATA, "iterations", planned=10_000, unstarted=101)
    reason = only(judged(short))
    assert (reason.level, reason.code) == ("INVALID", "unsent")
    assert reason.text == (
        "101 planned starts (1.01 %) were not made, though the target answered in time"
    )
    assert reason.advice == f"give it another worker: {COMMAND} -w 2"
    assert judged(rd.with_end(short, ended="interrupted")).verdict == "VALID"


def test_starts_that_found_no_row_are_no_fault_of_ours() -> None:
    """The plan wants its users to end with their rows."""
    short = rd.with_ledger(DATA, "iterations", planned=10_000, unstarted=9_000)
    validity = judged(rd.with_evidence(short, rows_used_up={"people": 4}))
    assert validity.verdict == "VALID"
    assert only(validity).text == (
        "data people: its rows were used up, and who needed one ended (at_end: stop)"
    )


def test_a_target_that_held_the_load_back_is_no_fault_of_ours() -> None:
    wait = np.where(np.arange(2_000) < 30, 5_000_000, 0)
    slow = rd.build([rd.steady(200, 10, wait_ns=wait)], 10)
    reason = only(judged(rd.with_ledger(slow, "iterations", planned=10_000, unstarted=500)))
    assert (reason.level, reason.code) == ("SUSPECT", "target_limited")
    dropped = rd.with_ledger(DATA, "iterations", planned=10_000, dropped=500)
    assert only(judged(dropped)).code == "target_limited"


@pytest.mark.parametrize(("stamps", "verdict"), [(200, "VALID"), (201, "INVALID")])
def test_user_clock_stamps_are_few(stamps: int, verdict: str) -> None:
    data = rd.build([rd.steady(200, 10, user_clock=np.arange(2_000) < stamps)], 10)
    assert judged(data).verdict == verdict


@pytest.mark.parametrize(("bad", "verdict"), [([1, 4], "VALID"), ([1, 4, 7], "INVALID")])
def test_a_quarter_of_the_hold_may_be_bad(bad: list[int], verdict: str) -> None:
    validity = judged(with_seconds(DATA, bad, throttled=True))
    assert validity.verdict == verdict
    reason = only(validity)
    words = "were disturbed" if verdict == "VALID" else "cannot be vouched for"
    assert reason.text == (
        f"{len(bad)} of 10 seconds of the hold {words} ({len(bad)}0 %), "
        "such as second 1: throttled by the CPU quota"
    )
    if verdict == "INVALID":
        assert reason.advice == f"raise the container's CPU quota, then {COMMAND}"


@pytest.mark.parametrize(
    ("mild", "severe", "verdict"),
    [
        ({"steal": 0.1}, {"steal": 0.11}, "SUSPECT"),
        ({"run_delay": [0.25]}, {"run_delay": [0.26]}, "INVALID"),
    ],
)
def test_a_shared_machine_is_priced_by_its_samples_until_it_is_severe(
    mild: dict[str, object], severe: dict[str, object], verdict: str
) -> None:
    """A few percent of steal stand in every second of a VM; they alone void nothing."""
    everywhere = list(range(10))
    assert judged(with_seconds(DATA, everywhere, **mild)).verdict == "VALID"
    assert judged(with_seconds(DATA, everywhere, **severe)).verdict == verdict


@pytest.mark.parametrize(
    ("model", "busy", "thresholds", "verdict"),
    [
        (FREE, 5, [], "VALID"),
        (FREE, 6, [], "SUSPECT"),
        (FREE, 6, ["p95(response) < 1s"], "SUSPECT"),
        (FREE, 6, ["rate > 10/s"], "INVALID"),
        ({"open": True, "paced": True}, 6, [], "INVALID"),  # bad seconds
    ],
)
def test_a_busy_worker(
    model: dict[str, Any], busy: int, thresholds: list[str], verdict: str
) -> None:
    data = replace(DATA, manifest={**DATA.manifest, "model": model})
    validity = judged(with_seconds(data, range(busy), worker_cpu=[0.99]), *thresholds)
    assert validity.verdict == verdict
    if model is FREE and verdict != "VALID":
        assert only(validity).advice == f"give it another worker: {COMMAND} -w 2"


def test_surroundings_make_a_run_suspect() -> None:
    debug = replace(DATA, manifest={**DATA.manifest, "build": {"profile": "debug"}})
    assert only(judged(debug)).text == (
        "the core is a debug build, several times slower than the real one"
    )
    assert judged(debug).verdict == "SUSPECT"
    loose = rd.with_evidence(DATA, workers=[{"index": 0, "pinned": False, "stalls": []}])
    assert only(judged(loose)).text == "worker 0 could not be pinned to a CPU"
    assert judged(loose).verdict == "SUSPECT"


def test_a_freeze_is_named_with_its_second() -> None:
    worker = {"index": 0, "pinned": True, "stalls": [[4_200_000_000, 520_000_000]]}
    validity = judged(rd.with_evidence(DATA, workers=[worker]))
    assert validity.reasons[0].text == "generator froze 0.52 s at 4.2 s (worker 0)"
    assert validity.stalls == ((4_200_000_000, 520_000_000),)
    assert validity.verdict == "VALID"  # it moved no figure


@pytest.mark.parametrize(("lag_ns", "verdict"), [(1_900_000, "VALID"), (2_300_000, "SUSPECT")])
def test_lag_in_the_p99_matters_without_thresholds(lag_ns: int, verdict: str) -> None:
    data = rd.build([rd.steady(200, 10, lag_ns=lag_ns)], 10)
    assert judged(data).verdict == verdict
    assert judged(data, "p95 < 1s").verdict == "VALID"  # the claims are priced instead
    if verdict == "SUSPECT":
        assert only(judged(data)).text == (
            "response p99: 5.3 ms, of which the generator may have added up to 2.3 ms; "
            "service time is untouched"
        )
        assert only(judged(data)).advice == QUIET


def test_bad_seconds_that_move_the_p99_make_it_suspect() -> None:
    service = np.where(np.arange(2_000) // 200 == 4, 50_000_000, 3_000_000)
    data = with_seconds(rd.build([rd.steady(200, 10, service)], 10), [4], run_delay=[0.5])
    assert [r.code for r in judged(data).reasons] == ["bad_seconds_matter", "bad_seconds"]
    assert judged(data).verdict == "SUSPECT"


def test_notes_change_nothing() -> None:
    assert only(judged(rd.with_evidence(DATA, clock_jumps=2))).text == (
        "the wall clock jumped 2 times against ours"
    )
    worker = {"index": 1, "pinned": True, "stalls": [], "ring_high_water": 0.6}
    noted = judged(rd.with_evidence(DATA, workers=[worker]))
    assert only(noted).text == "worker 1's ring was up to 60 % full"
    assert noted.verdict == "VALID"


def test_the_strongest_reason_decides() -> None:
    validity = judged(DATA)
    suspect = with_reasons(validity, [Reason("NOTE", "a", "a"), Reason("SUSPECT", "b", "b")])
    assert suspect.verdict == "SUSPECT"
    assert suspect.reasons[0].code == "b"
    assert with_reasons(suspect, [Reason("INVALID", "c", "c")]).verdict == "INVALID"
