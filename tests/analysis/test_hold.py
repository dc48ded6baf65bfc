"""analysis/hold.py: what counts, and what of it the run came to."""

from dataclasses import replace

import numpy as np
import pytest

from tests.reference import rundata as rd
from velroload.analysis.analyse import analyse
from velroload.analysis.hold import (
    held_seconds,
    hold_ns,
    hold_window,
    in_hold,
    of_phase,
    whole_seconds,
)
from velroload.errors import Exit
from velroload.rundata import RunData

S, MS = rd.SECOND_NS, rd.MS
PHASES = rd.phases(("ramp", 2.5), ("hold", 5), ("cool-down", 2.5))


def three(*thresholds: str, ended_s: float = 10, slow: str = "") -> RunData:
    """100/s for 10 s; what is scheduled in the phase `slow` takes 500 ms."""
    at = np.arange(1_000) * 10 * MS
    starts = [phase["start_ns"] for phase in PHASES]
    kinds = np.array([phase["kind"] for phase in PHASES])
    own = kinds[np.searchsorted(starts, at, side="right") - 1]
    run = at < ended_s * S
    load = rd.Load(at[run], np.where(own == slow, 500 * MS, 3 * MS)[run])
    data = rd.build([load], ended_s, phases=PHASES)
    return rd.with_thresholds(data, *thresholds)


def test_only_the_hold_is_left() -> None:
    data = three(slow="ramp")
    held = in_hold(data)
    for rows in (held.hist, held.stats, held.series, held.counts):
        assert set(rows["phase"]) == {1}
    assert held.histogram("service").count == 500
    assert held.histogram("service").max == 3 * MS
    assert data.histogram("service").count == 1_000
    assert (held.manifest, held.end) == (data.manifest, data.end)


def test_rows_of_the_setup_are_of_the_whole_run() -> None:
    login = rd.steady(20, 2, name="login", setup=True)
    data = rd.build([rd.steady(100, 10), login], 10, phases=PHASES)
    held = in_hold(data)
    assert held.histogram("response", endpoints=1).count == 40
    assert held.histogram("response", endpoints=0).count == 500


@pytest.mark.parametrize("kind", ["ramp", "cool-down"])
def test_what_is_outside_fails_no_threshold(kind: str) -> None:
    result = analyse(three("p95(response) < 10ms", "max(service) < 10ms", slow=kind))
    assert (result.verdict, result.codes) == ("PASS", (Exit.PASS,))


def test_what_is_inside_does() -> None:
    result = analyse(three("p95(response) < 10ms", "rate > 90/s over 2s", slow="hold"))
    assert [threshold.verdict for threshold in result.thresholds] == ["FAIL", "PASS"]


def test_the_window_ends_where_the_run_did() -> None:
    data = three()
    assert hold_window(data) == (2_500 * MS, 7_500 * MS)
    assert whole_seconds(data) == (3, 7)
    stopped = rd.with_end(data, ended_ns=4_200 * MS)
    assert hold_window(stopped) == (2_500 * MS, 4_200 * MS)
    assert whole_seconds(stopped) == (3, 4)
    killed = replace(three(ended_s=4), end=None)
    assert hold_window(killed) == (2_500 * MS, 4 * S)  # its last answer came in second 3


def test_a_hold_without_an_end_is_as_long_as_the_run() -> None:
    hold = {"id": 0, "name": "main", "kind": "hold", "start_ns": 0, "end_ns": None}
    data = rd.build([rd.steady(100, 4)], 4, phases=[hold])
    assert hold_window(data) == (0, 4 * S)
    assert in_hold(data) is data


def test_without_phases_everything_counts() -> None:
    data = rd.build([rd.steady(100, 4)], 4, phases=[])
    assert hold_window(data) == (0, 4 * S)
    assert in_hold(data) is data
    assert hold_window(replace(data, manifest={}, end=None)) == (0, 4 * S)


@pytest.mark.parametrize(
    ("ended", "verdict", "why", "codes"),
    [
        ("interrupted", "INCONCLUSIVE", "it ended before its hold: nothing counts",
         (Exit.INTERRUPTED, Exit.INCONCLUSIVE)),
        ("planned", "INCONCLUSIVE", "it ended before its hold: nothing counts",
         (Exit.INCONCLUSIVE,)),
        ("aborted", "FAIL", "aborted: errors > 1%", (Exit.ABORTED, Exit.FAIL)),
    ],
)  # fmt: skip
def test_a_run_that_ended_in_its_ramp(
    ended: str, verdict: str, why: str, codes: tuple[Exit, ...]
) -> None:
    data = rd.with_end(three("p95 < 10ms", ended_s=2), ended=ended, reason="errors > 1%")
    result = analyse(data)
    assert (result.verdict, result.why, result.codes) == (verdict, why, codes)
    assert (result.summary.hold_s, result.summary.total.count) == (0.0, 0)
    assert result.summary.total.rate_per_s is None
    assert [(phase.kind, phase.count) for phase in result.summary.phases] == [("ramp", 200)]
    assert result.thresholds[0].verdict == "INCONCLUSIVE"


def test_a_hold_in_which_nothing_succeeds_fails_whatever_the_ramp_did() -> None:
    at = np.arange(1_000) * 10 * MS
    load = rd.Load(at, 3 * MS, error=np.where(at < 2_500 * MS, 0, 40))
    result = analyse(rd.build([load], 10, phases=PHASES))
    assert (result.verdict, result.why) == ("FAIL", "not one request succeeded")


def suite() -> RunData:
    """100/s for 20 s: phase a (ramp 1 s, hold 4 s, cool-down 1 s), b (hold 4 s), c (2, 7.5, 0.5);
    log-ins in the first 2 s."""
    kinds = [("a", "ramp", 1.0), ("a", "hold", 4.0), ("a", "cool-down", 1.0), ("b", "hold", 4.0),
             ("c", "ramp", 2.0), ("c", "hold", 7.5), ("c", "cool-down", 0.5)]  # fmt: skip
    rows = rd.phases(*((kind, seconds) for _, kind, seconds in kinds))
    rows = [row | {"name": name} for row, (name, _, _) in zip(rows, kinds, strict=True)]
    login = rd.steady(20, 2, name="login", setup=True)
    return rd.build([rd.steady(100, 20), login], 20, phases=rows)


@pytest.mark.parametrize(
    ("name", "count", "window", "seconds", "logins"),
    [("a", 400, (1, 5), (1, 5), 40), ("b", 400, (6, 10), (6, 10), 0),
     ("c", 750, (12, 19.5), (12, 19), 0), (None, 1550, (1, 19.5), (1, 19), 40)],
)  # fmt: skip
def test_one_phase_of_a_suite(
    name: str | None, count: int, window: tuple[float, float], seconds: tuple[int, int], logins: int
) -> None:
    data = suite()
    held = in_hold(data, name)
    assert held.histogram("response", endpoints=0).count == count
    assert held.histogram("response", endpoints=1).count == logins
    assert hold_window(data, name) == tuple(round(at * S) for at in window)
    assert whole_seconds(data, name) == seconds
    if name is not None:
        only = of_phase(data, name)
        assert (hold_window(only), whole_seconds(only)) == (hold_window(data, name), seconds)
        assert in_hold(only).histogram("response", endpoints=0).count == count


def test_all_holds_of_a_suite_together() -> None:
    data = suite()
    assert held_seconds(data) == (range(1, 5), range(6, 10), range(12, 19))
    assert hold_ns(data) == 15_500 * MS
    result = analyse(rd.with_thresholds(data, "rate > 99/s", "rate > 99/s over 5s"))
    assert result.summary.hold_s == 15.5
    assert result.summary.total.count == 1550
    assert result.summary.total.rate_per_s == pytest.approx(100)
    assert [each.verdict for each in result.thresholds] == ["PASS", "PASS"]
    assert [each.count for each in result.thresholds] == [1500, 500]


def test_a_phase_that_the_run_has_not_or_did_not_come_to() -> None:
    data = rd.with_end(suite(), ended_ns=8 * S)
    assert hold_window(data, "b") == (6 * S, 8 * S)
    assert hold_window(data, "c") == (12 * S, 12 * S)
    assert held_seconds(data, "c") == ()
    assert hold_window(data, "d") == (0, 0)
    assert in_hold(data, "d").histogram("response").count == 0
