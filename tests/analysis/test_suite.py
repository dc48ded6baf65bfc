"""analysis/suite.py: every phase judged over its own hold; gates; what each was meant to be."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.reference import rundata as rd
from velroload.analysis.analyse import analyse
from velroload.analysis.result import PhaseResult, Result
from velroload.errors import Exit
from velroload.rundata import RunData
from velroload.sample import ErrorKind

S, MS = rd.SECOND_NS, rd.MS
NAMES = ("a", "b", "c")


def row(name: str, start_s: int, *thresholds: str, **more: Any) -> dict[str, Any]:
    """Of the manifest's suite: a ramp of 2 s, a hold of 10, a cool-down of 1."""
    base = {
        "name": name, "users": 5, "rate_per_s": 100.0, "ramp_ns": 2 * S, "hold_ns": 10 * S,
        "cool_down_ns": S, "start_ns": start_s * S, "gate": False, "judges": [], "stop_on": None,
        "thresholds": list(thresholds), "mix": {}, "events": [],
        "model": {"open": True, "paced": True, "offered_rate_per_s": 100.0, "users": 5},
    }  # fmt: skip
    return {**base, **more}


def suite(*rows: dict[str, Any], slow: str = "", bad: str = "", ended_s: float = 39) -> RunData:
    """100/s for 39 s; in the hold of `slow` all take 80 ms, in that of `bad` one in ten fails."""
    phases: list[dict[str, Any]] = []
    for place, each in enumerate(rows):
        for kind, start, end in (("ramp", 0, 2), ("hold", 2, 12), ("cool-down", 12, 13)):
            at = place * 13
            found = {"id": len(phases), "name": each["name"], "kind": kind, "planned": 0}
            found |= {"start_ns": (at + start) * S, "end_ns": (at + end) * S}
            phases.append(found | {"planned": 100 * (end - start)})
    due = np.arange(round(ended_s * 100), dtype=np.int64) * 10 * MS
    own = np.array([NAMES[second // 13] for second in range(39)])[(due // S).astype(int)]
    held = (due // S % 13 >= 2) & (due // S % 13 < 12)
    failing = held & (own == bad) & (np.arange(len(due)) % 10 == 0)
    load = rd.Load(
        due,
        np.where(held & (own == slow), 80 * MS, 3 * MS),
        error=np.where(failing, int(ErrorKind.STATUS), 0),
        status=np.where(failing, 503, 200),
    )
    data = rd.build([load], ended_s, phases=phases, suite=list(rows))
    counted = [{"id": p["id"], "started": p["planned"], "dropped": 0} for p in phases]
    return rd.with_evidence(data, phases=counted)


def three(*thresholds: str, **more: Any) -> RunData:
    """Three phases with the same thresholds; b is a gate."""
    rows = [row(name, 13 * n, *thresholds) for n, name in enumerate(NAMES)]
    rows[1]["gate"] = True
    return suite(*rows, **more)


def said(result: Result) -> list[tuple[str, str]]:
    return [(phase.name, phase.verdict) for phase in result.suite]


def test_each_phase_is_judged_over_its_own_hold() -> None:
    result = analyse(three("p95(response) < 50ms", "errors < 1%", "rate >= 99/s", slow="c"))
    assert said(result) == [("a", "PASS"), ("b", "PASS"), ("c", "FAIL")]
    assert result.suite[2].why == "1 of 3 thresholds failed"
    assert [each.verdict for each in result.suite[2].thresholds] == ["FAIL", "PASS", "PASS"]
    for phase in result.suite:
        assert phase.summary.total.count == 1000
        assert phase.summary.hold_s == 10
        assert phase.summary.total.rate_per_s == pytest.approx(100, abs=1)
        assert [part.kind for part in phase.summary.phases] == ["ramp", "hold", "cool-down"]
        assert len(phase.summary.series.second) == 13
    assert result.suite[1].summary.series.second[0] == 13
    assert result.summary.total.count == 3000


@pytest.mark.parametrize(
    ("slow", "verdict", "why", "code"),
    [
        ("", "PASS", "1 gate phase holds", Exit.PASS),
        ("a", "PASS", "1 gate phase holds", Exit.PASS),
        ("b", "FAIL", "1 of 1 gate phase failed: b", Exit.FAIL),
    ],
)
def test_a_gate_decides_and_the_others_inform(
    slow: str, verdict: str, why: str, code: Exit
) -> None:
    result = analyse(three("p95(response) < 50ms", slow=slow))
    assert (result.verdict, result.why, result.codes) == (verdict, why, (code,))
    assert dict(said(result))[slow or "c"] == ("FAIL" if slow else "PASS")


def test_without_gates_nothing_fails_but_the_plans_own_thresholds() -> None:
    rows = [row(name, 13 * n, "p95(response) < 50ms") for n, name in enumerate(NAMES)]
    result = analyse(suite(*rows, slow="b"))
    assert (result.verdict, result.why) == ("PASS", "no phase is a gate: they inform")
    own = analyse(rd.with_thresholds(suite(*rows, slow="b"), "max(response) < 50ms"))
    assert (own.verdict, own.why) == ("FAIL", "1 of 1 thresholds failed")


def test_thresholds_of_the_plan_name_a_phase() -> None:
    texts = ("p95(response) of phase:b < 50ms", "p95(response) of phase:c < 50ms",
             "p95(response) of phase:d < 50ms", "errors < 1%")  # fmt: skip
    result = analyse(rd.with_thresholds(three(slow="c"), *texts))
    assert [(each.text, each.verdict) for each in result.thresholds] == list(
        zip(texts, ["PASS", "FAIL", "NOT MEASURED", "PASS"], strict=True)
    )
    assert [each.count for each in result.thresholds] == [1000, 1000, 0, 3000]
    assert result.thresholds[2].why == "no phase 'd' in this run"
    assert (result.verdict, result.codes) == ("FAIL", (Exit.FAIL,))


def test_a_phase_that_the_run_did_not_come_to_is_not_measured() -> None:
    data = rd.with_end(three("p95 < 50ms", ended_s=14), ended="interrupted", reason="SIGINT")
    result = analyse(data)
    assert said(result) == [("a", "PASS"), ("b", "NOT MEASURED"), ("c", "NOT MEASURED")]
    b = result.suite[1]
    assert (b.reached, b.why) == (False, "the run ended before its hold")
    assert b.thresholds[0].why == "the run ended before its hold"
    assert result.why == "1 of 1 gate phase not measured: b"
    assert result.codes == (Exit.INTERRUPTED, Exit.INCONCLUSIVE)


@pytest.mark.parametrize(
    ("ended", "verdict", "why"),
    [
        ("interrupted", "PASS", "1 threshold holds"),
        ("aborted", "FAIL", "aborted: errors > 5%"),
        ("stopped", "PASS", "1 threshold holds"),
    ],
)
def test_a_run_that_ended_in_a_hold(ended: str, verdict: str, why: str) -> None:
    data = rd.with_end(three("p95 < 50ms", ended_s=20), ended=ended, reason="errors > 5%")
    b = analyse(data).suite[1]
    assert (b.reached, b.verdict, b.why, b.summary.hold_s) == (True, verdict, why, 5.0)


def test_an_abort_in_a_ramp_fails_the_phase() -> None:
    data = rd.with_end(three("p95 < 50ms", ended_s=14), ended="aborted", reason="errors > 5%")
    assert (analyse(data).suite[1].verdict, analyse(data).verdict) == ("FAIL", "FAIL")


def disturbed(data: RunData, first: int, count: int) -> RunData:
    assert data.end is not None
    seconds = [dict(second) for second in data.end["evidence"]["seconds"]]
    for second in seconds[first : first + count]:
        second["collections"] = 1
    return rd.with_evidence(data, seconds=seconds)


def test_a_disturbance_voids_the_phase_that_it_lies_in() -> None:
    data = three("p95 < 50ms")
    informs = analyse(disturbed(data, 3, 5))
    assert said(informs) == [("a", "NOT MEASURED"), ("b", "PASS"), ("c", "PASS")]
    a = informs.suite[0]
    assert a.why.startswith("INVALID: 5 of 10 seconds of the hold cannot be vouched for (50 %)")
    assert a.thresholds[0].why == "the phase is INVALID"
    assert len(a.validity.bad_seconds) == 5
    assert (informs.verdict, informs.validity.verdict, informs.codes) == (
        "PASS", "VALID", (Exit.PASS,),
    )  # fmt: skip
    assert [reason.level for reason in informs.validity.reasons] == ["NOTE"]
    gate = analyse(disturbed(data, 16, 5))
    assert (gate.verdict, gate.why) == ("NOT MEASURED", "nothing can be claimed")
    assert (gate.validity.verdict, gate.codes) == ("INVALID", (Exit.INVALID,))
    assert gate.validity.reasons[0].text.startswith("phase b: 5 of 10 seconds")
    between = analyse(disturbed(data, 12, 3))  # cool-down and ramp
    assert (between.verdict, between.validity.reasons) == ("PASS", ())


def test_what_a_phase_did_not_send_is_held_against_it_alone() -> None:
    data = three("p95 < 50ms")
    assert data.end is not None
    counted = [dict(each) for each in data.end["evidence"]["phases"]]
    counted[4]["started"] = 900
    b = analyse(rd.with_evidence(data, phases=counted)).suite[1]
    assert (b.validity.unsent, b.validity.unsent_share) == (100, 0.1)
    assert b.validity.verdict == "INVALID"
    counted[4]["dropped"] = 100  # nobody was free: the target's doing
    result = analyse(rd.with_evidence(data, phases=counted))
    assert result.suite[1].validity.verdict == "SUSPECT"
    assert result.suite[0].validity.unsent == 0


def test_a_free_running_phase_is_not_judged_on_lag() -> None:
    free = {"open": False, "paced": False, "offered_rate_per_s": None, "users": 5}
    rows = [row("a", 0), row("b", 13, model=free), row("c", 26)]
    data = suite(*rows)
    assert analyse(data).suite[0].summary.total.ours_p99_ns is not None
    assert analyse(data).suite[1].summary.total.ours_p99_ns is None


def test_an_incomplete_run_claims_nothing() -> None:
    result = analyse(replace(three("p95 < 50ms"), end=None))
    assert {phase.verdict for phase in result.suite} == {"NOT MEASURED"}
    assert result.codes == (Exit.INVALID,)


def mark(what: str, at_s: float, **more: Any) -> dict[str, Any]:
    base = {"event": "mark", "name": "down", "kind": "fault", "what": what, "phase": "b"}
    return {**base, "at_ns": round(at_s * S), "detail": None, **more}


def eventful(*events: dict[str, Any], limit: str = "5s") -> PhaseResult:
    wanted = [{"name": "down", "kind": "fault", "at_ns": 19 * S, "for_ns": 0}]
    rows = [row("a", 0), row("b", 13, f"recovery(down) < {limit}", gate=True, events=wanted)]
    return analyse(replace(suite(*rows, row("c", 26)), events=list(events))).suite[1]


def test_a_recovery_within_its_phase() -> None:
    b = eventful(mark("begin", 19), mark("end", 20))
    assert (b.verdict, b.thresholds[0].observed) == ("PASS", 0.0)
    assert b.thresholds[0].why == "nothing changed"
    assert eventful(mark("begin", 19, phase="a")).thresholds[0].verdict == "NOT MEASURED"


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ((), "it did not happen"),
        ((mark("failed", 19, detail="HTTP 403"),), "HTTP 403"),
    ],
)
def test_an_event_that_failed_is_said(events: tuple[dict[str, Any], ...], why: str) -> None:
    b = eventful(*events)
    assert (b.verdict, b.thresholds[0].verdict) == ("INCONCLUSIVE", "NOT MEASURED")
    assert [reason.text for reason in b.validity.reasons] == [f"event down failed: {why}"]
    assert b.validity.verdict == "SUSPECT"


def test_what_was_watched_is_told_by_phase() -> None:
    """A counter's growth, a level, breakers: each phase its own; none where none was reached."""
    data = three(ended_s=30)
    roles = {"db_connections": "open", "l1_hits": "hits", "l1_misses": "misses"}
    probe = {"name": "p", "kind": "json", "values": {}, "roles": roles}

    def readings(second: int) -> dict[str, float]:
        in_b = max(0, min(second - 15, 10))  # b's hold is 15 to 25
        return {"p.open": 50 if second < 13 else 204, "p.hits": 90 * second,
                "p.misses": 10 * second + 20 * in_b}  # fmt: skip

    data.probes = [{"time_s": float(n), "values": readings(n)} for n in range(30)]
    data.events = [mark("open", 14, kind="breaker"), mark("closed", 28, kind="breaker")]
    data.manifest["probes"] = [probe]
    first, second, third = (phase.watched for phase in analyse(data).suite)
    assert first is not None
    assert second is not None
    assert [each.levels["db_connections"].median for each in (first, second)] == [50, 204]
    assert [(e.counted["L1"].hits, e.counted["L1"].asked) for e in (first, second)] == [
        (900, 1000), (900, 1200),
    ]  # fmt: skip
    assert [[change.state for change in each.breakers] for each in (first, second)] == [
        [], ["open"],
    ]  # fmt: skip
    assert first.probes == ()
    assert first.why["db_max"] == "no probe tells db_max"
    assert third is not None
    assert [change.state for change in third.breakers] == ["closed"]
    assert analyse(three(ended_s=20)).suite[2].watched is None
