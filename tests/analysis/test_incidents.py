"""The resilience table from outages of which all is known; where rising load broke a threshold."""

from dataclasses import replace

import numpy as np
import pytest

from tests.reference import planted as pl
from tests.reference import rundata as rd
from tests.reference import watched
from velroload.analysis.analyse import analyse
from velroload.analysis.incident import Resilience
from velroload.rundata import RunData
from velroload.sample import ErrorKind

S = rd.SECOND_NS
RATE, SECONDS = 200, 60


def outage(*, slow_s: int = 5, fast_s: int = 10, back_s: int = 35) -> RunData:
    """Redis goes down in second 20: for slow_s seconds requests take 400 ms and half fail, then the
    breaker opens and half fail fast; back_s seconds after the start all is well."""
    second = np.arange(RATE * SECONDS) // RATE
    slow = (second >= 20) & (second < 20 + slow_s)
    out = (second >= 20) & (second < back_s)
    bad = out & (np.arange(RATE * SECONDS) % 2 == 0)
    times = np.where(slow, 400 * rd.MS, 4 * rd.MS)
    load = rd.steady(RATE, SECONDS, times, error=np.where(bad, int(ErrorKind.STATUS), 0),
                     status=np.where(bad, 503, 200))  # fmt: skip
    return rd.build([load], SECONDS)


def rows(data: RunData) -> tuple[Resilience, ...]:
    return analyse(data).resilience


def test_the_whole_row() -> None:
    events = [
        *watched.event("redis_down", 20, 32, "command"),
        watched.mark("redis", "breaker", "open", 25),
        watched.mark("redis", "breaker", "half-open", 30),
        watched.mark("redis", "breaker", "open", 31),
        watched.mark("redis", "breaker", "half-open", 34),
        watched.mark("redis", "breaker", "closed", 35),
    ]
    (row,) = rows(replace(outage(), events=events))
    assert (row.name, row.kind, row.at_ns, row.end_ns) == ("redis_down", "command", 20 * S, 32 * S)
    assert row.onset_ns == 0
    assert row.fast_fail_ns == pytest.approx(6 * S, abs=S)
    assert row.failed_depth == pytest.approx(0.5, abs=0.02)
    assert row.slow == pytest.approx(100, rel=0.1)
    assert row.lost == pytest.approx(15 * RATE / 2, rel=0.1)
    assert row.recovery_ns == pytest.approx(15 * S, abs=S)
    assert (row.open_ns, row.half_open) == (8 * S, 2)
    assert row.text.startswith("out of the band after 0.0 s; ")


def test_breakers_that_only_a_probe_saw() -> None:
    state = np.zeros(SECONDS)
    state[25:30], state[30:31], state[31:34], state[34] = 2, 1, 2, 1
    data = replace(outage(), events=watched.event("redis_down", 20, 32))
    (row,) = rows(watched.with_probe(data, {"breaker_redis": state}))
    assert (row.open_ns, row.half_open) == (8 * S, 2)


def test_an_event_that_did_nothing() -> None:
    data = rd.build([rd.steady(RATE, SECONDS)], SECONDS)
    (row,) = rows(replace(data, events=watched.event("flush", 20, 21)))
    assert (row.onset_ns, row.recovery_ns, row.lost, row.depth) == (None, 0, 0, 0.0)
    assert (row.fast_fail_ns, row.open_ns, row.half_open) == (None, None, None)
    assert row.text == "nothing left the band"


def test_events_of_which_nothing_is_known() -> None:
    failed = [watched.mark("a", "http", "begin", 10), watched.mark("a", "http", "failed", 11,
                                                                   detail="refused")]  # fmt: skip
    late = watched.event("b", 99, 100)
    found = rows(replace(outage(), events=[*failed, *late]))
    assert [row.text for row in found] == [
        "not known: the event failed: refused",
        "not known: it did not happen within the hold",
    ]
    assert all(row.recovery_ns is None and row.lost is None for row in found)


def test_the_rate_at_which_a_threshold_broke() -> None:
    rate = np.linspace(20, 400, 40)
    when = np.concatenate([s * S + np.arange(round(r)) * S // round(r) for s, r in enumerate(rate)])
    times = np.where(when // S >= 25, 90 * rd.MS, 5 * rd.MS)
    plan = rd.phases(("ramp", 40), ("hold", 1))
    data = rd.build([rd.Load(when, times)], 41, phases=plan)
    data = rd.with_thresholds(data, "p95 < 75ms", "p99 < 75ms", "errors < 1%", "mean < 1ms")
    found = analyse(data).broken
    assert [(each.phase, each.threshold, each.at_s) for each in found] == [
        ("main", "p95 < 75ms", 25),
        ("main", "p99 < 75ms", 25),
    ]
    assert found[0].rate_per_s == pytest.approx(rate[25], rel=0.05)


def test_no_rising_load_breaks_nothing() -> None:
    steady = rd.with_thresholds(rd.build([rd.steady(100, 30, 90 * rd.MS)], 30), "p95 < 75ms")
    assert analyse(steady).broken == ()
    assert analyse(rd.with_thresholds(pl.Service(1).make(), "p95 < 75ms")).broken == ()
