"""analysis/resilience.py: onset, depth, requests lost and recovery, against known disturbances."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.reference import rundata as rd
from velroload.analysis.resilience import Figures, Recovery, recover, recovery_of, until_next, usual
from velroload.rundata import RunData
from velroload.sample import ErrorKind

S, MS = rd.SECOND_NS, rd.MS


def figures(seconds: int = 60, first: int = 10) -> Figures:
    """100 good answers a second in 10 ms, with some noise."""
    rng = np.random.default_rng(7)
    good = np.asarray(100 + rng.integers(-2, 3, seconds), np.float64)
    p95 = np.asarray(10e6 + rng.uniform(-5e5, 5e5, seconds), np.float64)
    return Figures(first, good, np.zeros(seconds), p95)


def broken(start: int, stop: int, **more: Any) -> Figures:
    """Nothing but failures from second `start` to `stop`."""
    found = figures(**more)
    found.good[start - found.first : stop - found.first] = 0
    found.failed[start - found.first : stop - found.first] = 100
    return found


def test_an_outage() -> None:
    found = recover("redis_down", broken(32, 37), 30.4)
    assert (found.onset_s, found.back_s) == pytest.approx((1.6, 6.6))
    assert found.depth == 1.0
    assert found.lost == pytest.approx(500, abs=5)
    assert found.failed == 500
    assert found.watched_s == pytest.approx(39.6)
    assert found.usual is not None
    assert found.usual.seconds == 20
    assert found.usual.good_per_s == pytest.approx(100, abs=1)


def test_what_the_next_event_does_is_not_this_ones() -> None:
    assert recover("surge", broken(40, 43), 30.0).onset_s == 10.0
    found = recover("surge", until_next(broken(40, 43), 30.0, [20.0, 30.0, 50.0, 40.7]), 30.0)
    assert (found.onset_s, found.back_s, found.watched_s) == (None, 0.0, 10.0)
    assert until_next(figures(), 30.0, [20.0, 30.0]).stop == figures().stop


def test_events_of_one_second_are_one_disturbance() -> None:
    whole = broken(32, 37)
    assert until_next(whole, 30.4, [30.4, 30.4001, 30.0]).stop == whole.stop
    assert recover("error", until_next(whole, 30.4, [30.9]), 30.4).back_s == pytest.approx(6.6)


def test_one_that_begins_with_the_event_has_no_negative_onset() -> None:
    found = recover("e", broken(30, 33), 30.4)
    assert (found.onset_s, found.back_s) == pytest.approx((0.0, 2.6))


def test_nothing_happened() -> None:
    found = recover("e", figures(), 30.0)
    assert (found.onset_s, found.back_s, found.lost, found.depth) == (None, 0.0, 0, 0.0)


def test_what_is_never_as_before_has_no_recovery() -> None:
    found = recover("e", broken(32, 70), 30.0)
    assert (found.onset_s, found.back_s, found.watched_s) == (2.0, None, 40.0)
    assert found.failed == 3800


def test_three_quiet_seconds_settle_it_and_two_do_not() -> None:
    again = broken(32, 34)
    again.good[36 - 10 : 37 - 10] = 20  # after two quiet seconds
    assert recover("e", again, 30.0).back_s == 7.0
    later = broken(32, 34)
    later.good[39 - 10 : 40 - 10] = 20  # after five: another thing
    assert recover("e", later, 30.0).back_s == 4.0
    assert recover("e", later, 30.0, for_s=10.0).back_s == 10.0  # while the event lasted


@pytest.mark.parametrize(("failed", "onset_s"), [(2, None), (3, 2.0)])
def test_two_failures_among_a_hundred_are_no_onset(failed: int, onset_s: float | None) -> None:
    found = figures()
    found.failed[32 - found.first] = failed
    assert recover("e", found, 30.0).onset_s == onset_s


def test_slowness_counts_when_it_lasts() -> None:
    one = figures()
    one.p95_ns[25] = 80e6
    assert recover("e", one, 30.0).onset_s is None
    one.p95_ns[26:30] = 80e6
    found = recover("e", one, 30.0)
    assert (found.onset_s, found.back_s, found.failed) == (5.0, 10.0, 0)


def test_a_slower_law_that_moves_within_its_band_is_no_disturbance() -> None:
    noisy = figures()
    noisy.p95_ns[:] *= np.random.default_rng(3).uniform(0.5, 2.0, 60)
    assert recover("e", noisy, 40.0).onset_s is None


def test_what_is_late_is_not_the_events_doing_unless_it_lasts() -> None:
    late = broken(62, 64)
    assert recover("e", late, 30.0).onset_s is None
    assert recover("e", late, 30.0, for_s=33.0).onset_s == 32.0


@pytest.mark.parametrize("begin_s", [5.0, 70.0, 80.0])
def test_an_event_outside_the_figures(begin_s: float) -> None:
    assert recover("e", figures(), begin_s).why == "it did not happen within the hold"


def test_without_anything_steady_before_it_nothing_is_known() -> None:
    found = recover("e", broken(13, 15), 12.9)
    assert (found.back_s, found.why) == (None, "fewer than 3 s of the hold lie before it")
    assert usual(figures(), 12.9) is None
    assert usual(figures(), 13.0) is not None


def test_too_short_to_see_whether_it_settles() -> None:
    found = recover("e", figures(), 69.0)
    assert (found.onset_s, found.back_s) == (None, None)


def run(*events: dict[str, Any]) -> RunData:
    """100/s for 40 s with a hold from 5 to 35; from 20 to 26 every answer is a 503."""
    load = rd.steady(100, 40)
    at = load.scheduled_ns
    bad = (at >= 20 * S) & (at < 26 * S)
    load = replace(
        load, error=np.where(bad, int(ErrorKind.STATUS), 0), status=np.where(bad, 503, 200)
    )
    data = rd.build([load], 40, phases=rd.phases(("ramp", 5), ("hold", 30), ("cool-down", 5)))
    return replace(data, events=list(events))


def mark(what: str, at_s: float, **more: Any) -> dict[str, Any]:
    base = {"event": "mark", "name": "redis_down", "kind": "fault", "what": what, "phase": "main"}
    return {**base, "at_ns": round(at_s * S), "detail": None, **more}


def test_of_a_run() -> None:
    found = recovery_of(run(mark("begin", 19.8), mark("end", 24.8)), "redis_down", [0], "main")
    assert (found.onset_s, found.back_s) == pytest.approx((0.2, 6.2))
    assert (found.failed, found.lost, found.depth) == (600, 600, 1.0)


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([], "it did not happen"),
        ([mark("begin", 19.8, name="other")], "it did not happen"),
        ([mark("failed", 19.8, detail="HTTP 403")], "the event failed: HTTP 403"),
        ([mark("begin", 19.8), mark("failed", 20.1)], "the event failed"),
        ([mark("begin", 2.0)], "it did not happen within the hold"),
    ],
)
def test_of_a_run_in_which_it_cannot_be_told(events: list[dict[str, Any]], why: str) -> None:
    found = recovery_of(run(*events), "redis_down", [0], "main")
    assert isinstance(found, Recovery)
    assert (found.back_s, found.why) == (None, why)


def test_of_a_run_that_ended_before() -> None:
    data = rd.with_end(run(mark("begin", 3.0)), ended_ns=4 * S)
    found = recovery_of(data, "redis_down", [0], "main")
    assert found.why == "the run did not come to the hold"
