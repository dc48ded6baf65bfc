"""Bursts of failures: planted ones with their seconds and events, none where chance is at work."""

from dataclasses import replace

import numpy as np

from tests.reference import rundata as rd
from tests.reference import watched
from velroload.analysis.bursts import bursts
from velroload.rundata import RunData
from velroload.sample import ErrorKind

RATE, SECONDS = 100, 60


def failing(seed: int, share: float, burst: dict[int, float] | None = None) -> RunData:
    rng = np.random.default_rng(seed)
    shares = np.full(SECONDS, share)
    for second, value in (burst or {}).items():
        shares[second] = value
    bad = rng.random(RATE * SECONDS) < np.repeat(shares, RATE)
    return rd.build(
        [rd.steady(RATE, SECONDS, error=np.where(bad, int(ErrorKind.RESET), 0)),
         rd.steady(20, SECONDS, name="quiet")], SECONDS,
    )  # fmt: skip


def test_a_burst_with_its_event() -> None:
    data = failing(1, 0.01, dict.fromkeys((20, 21, 23, 24), 0.5))
    data = replace(data, events=watched.event("redis_down", 19.5, 24))
    (found,) = bursts(data)
    assert (found.kind, found.endpoint, found.first_s, found.last_s) == ("reset", "GET /", 20, 24)
    assert (found.phase, found.mark, found.after_s) == ("main", "redis_down", 0.5)
    assert 150 < found.count < 250
    assert 0.3 < found.share < 0.5
    assert 0.005 < found.usual < 0.015


def test_two_bursts_are_two_and_without_an_event_none_is_named() -> None:
    found = bursts(failing(2, 0.0, {10: 0.3, 40: 0.4}))
    assert [(each.first_s, each.last_s, each.mark, each.usual) for each in found] == [
        (10, 10, None, 0.0),
        (40, 40, None, 0.0),
    ]


def test_what_fails_all_the_time_is_no_burst() -> None:
    assert bursts(failing(3, 0.3)) == ()
    assert bursts(failing(3, 0.0)) == ()
    assert bursts(rd.empty()) == ()
    assert bursts(replace(failing(3, 0.1), manifest={}, end=None)) == ()


def test_chance_makes_no_bursts() -> None:
    """One in a hundred runs at most; the bound errs on the safe side."""
    assert sum(bool(bursts(failing(seed, 0.03))) for seed in range(60)) <= 1
