"""load/suite.py: phases one after another, exact over any number of workers."""

from dataclasses import replace
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from velroload import _core
from velroload.load.phases import Phase as Row
from velroload.load.schedule import ROW, Schedule
from velroload.load.suite import FIRST, FREE, row_flags, spans_of, suite_rows, suite_schedule
from velroload.plan.model import Plan, Request, Scenario
from velroload.plan.phase import Event, Phase

S = 10**9
GET = Request("GET", "/a", endpoint="a")


def plan_of(*phases: Phase, weights: tuple[int, ...] = (1,)) -> Plan:
    scenarios = tuple(
        Scenario(f"s{place}", phases[0].load, (GET,), weight=Fraction(weight))
        for place, weight in enumerate(weights)
    )
    return Plan("p", "embedded", scenarios, phases=phases)


def phase(name: str, users: int, rate: int | None, **more: int) -> Phase:
    times: dict[str, Any] = {"ramp_ns": 2 * S, "hold_ns": 10 * S, "cool_down_ns": S, **more}
    return Phase(name, users, rate_per_s=None if rate is None else Fraction(rate), **times)


def starts_of(schedule: Schedule, workers: int) -> list[int]:
    """Instants of all starts, by the core's own pacer."""
    found: list[int] = []
    for worker in range(workers):
        share = schedule.for_worker(worker, workers, 1)
        dues, _ = _core.Pacer(share.arrivals, 0).drain_all()
        found += np.frombuffer(dues, np.int64).tolist()
    return sorted(found)


def users_at(schedule: Schedule, workers: int, at_ns: int) -> int:
    total = 0
    for worker in range(workers):
        rows = np.frombuffer(schedule.for_worker(worker, workers, 1).vus, ROW)
        pacer = _core.Pacer(rows.tobytes(), 0)
        while (change := pacer.take()) is not None and change[2] <= at_ns:
            total += 1 if change[0] == 2 else -1
    return total


def spans(schedule: Schedule) -> list[tuple[float, ...]]:
    """(from, to, rate there and here) of every segment, in seconds and starts per second."""
    return [
        (s.start_ns / S, s.end_ns / S, float(s.from_value), float(s.to_value))
        for s in schedule.arrivals
    ]


TWO = (phase("a", 4, 100), phase("b", 8, 60, ramp_ns=0))


def test_rows() -> None:
    rows = suite_rows((*TWO, phase("c", 2, None, cool_down_ns=0)))
    assert [(row.name, row.kind, row.start_ns // S, (row.end_ns or 0) // S) for row in rows] == [
        ("a", "ramp", 0, 2), ("a", "hold", 2, 12), ("a", "cool-down", 12, 13),
        ("b", "hold", 13, 23), ("b", "cool-down", 23, 24),
        ("c", "ramp", 24, 26), ("c", "hold", 26, 36),
    ]  # fmt: skip
    assert [row.id for row in rows] == list(range(7))
    assert isinstance(rows[0], Row)
    flags = row_flags((*TWO, phase("c", 2, None)))
    assert flags == [FIRST, 0, 0, FIRST, 0, FIRST | FREE, FREE, 0]


def test_the_rate_ramps_with_the_users_and_never_above_what_is_offered() -> None:
    schedule = suite_schedule(plan_of(*TWO, phase("c", 2, 30)), 0)
    assert spans(schedule) == [
        (0, 2, 0, 100), (2, 12, 100, 100), (13, 23, 60, 60), (24, 26, 30, 30), (26, 36, 30, 30),
    ]  # fmt: skip
    assert schedule.end_ns == 37 * S
    grown = suite_schedule(plan_of(phase("a", 4, 100), phase("b", 8, 60)), 0)
    assert grown.arrivals[2].from_value == 30  # of 60, as half of the users are there


def test_users_stay_between_phases() -> None:
    schedule = suite_schedule(plan_of(*TWO, phase("c", 2, 30)), 0)
    for workers in (1, 2):
        seen = [users_at(schedule, workers, at * S) for at in (0, 1, 2, 12, 13, 20, 24, 26, 36)]
        assert seen == [1, 3, 4, 4, 8, 8, 8, 2, 2]
    assert (schedule.max_vus, schedule.vus_to_share) == (8, 2)


@given(
    st.lists(
        st.tuples(st.integers(3, 40), st.integers(1, 300), st.integers(0, 3), st.integers(1, 4)),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 3),
    st.sampled_from([(1,), (1, 2)]),
)
@settings(max_examples=40, deadline=None)
def test_counts_per_phase_are_exact(
    given_: list[tuple[int, int, int, int]], workers: int, weights: tuple[int, ...]
) -> None:
    """Against the integral of the rate, worked out here: Λ at a phase's edges, rounded up."""
    phases = [
        phase(f"p{n}", 3 * users, rate, ramp_ns=ramp * S, hold_ns=hold * S)
        for n, (users, rate, ramp, hold) in enumerate(given_)
    ]
    plan = plan_of(*phases, weights=weights)
    for place, weight in enumerate(weights):
        schedule = suite_schedule(plan, place)
        dues = np.array(starts_of(schedule, workers))
        total, before = Fraction(0), 0
        for span in spans_of(phases):
            own = span.phase
            users = plan_users(own.users, weights)[place]
            rate = (own.rate_per_s or Fraction(0)) * Fraction(weight, sum(weights))
            low = rate * min(Fraction(1), Fraction(before, users))
            before = users
            for seconds, mean, start, end in (
                (own.ramp_ns // S, (low + rate) / 2, span.start_ns, span.hold_start_ns),
                (own.hold_ns // S, rate, span.hold_start_ns, span.hold_end_ns),
                (1, Fraction(0), span.hold_end_ns, span.end_ns),
            ):
                expected = ceil(total + mean * seconds) - ceil(total)
                assert int(((dues >= start) & (dues < end)).sum()) == expected
                assert schedule.planned_between(start, end, 1) == expected
                total += mean * seconds


def plan_users(users: int, weights: tuple[int, ...]) -> list[int]:
    """With thirds nothing is left over."""
    return [users * weight // sum(weights) for weight in weights]


def test_a_spike_multiplies_the_rate_for_a_time() -> None:
    spike = Event("s", S, "spike", for_ns=3 * S, factor=Fraction(5, 2))
    base = phase("a", 4, 100)
    schedule = suite_schedule(plan_of(replace(base, events=(spike,))), 0)
    assert spans(schedule) == [
        (0, 1, 0, 50), (1, 2, 125, 250), (2, 4, 250, 250), (4, 12, 100, 100),
    ]  # fmt: skip
    assert sum(1 for due in starts_of(schedule, 2) if 2 * S <= due < 4 * S) == 500


def test_a_closed_phase_plans_no_starts() -> None:
    schedule = suite_schedule(plan_of(phase("a", 4, None), phase("b", 8, 60)), 0)
    assert schedule.partly_free
    assert schedule.planned(1) is None
    assert [segment.start_ns // S for segment in schedule.arrivals] == [13, 15]


def test_more_workers_than_a_phase_has_users() -> None:
    with pytest.raises(Exception, match="3 workers cannot share 2 VUs"):
        suite_schedule(plan_of(*TWO, phase("c", 2, 30)), 0).for_worker(0, 3, 1)
