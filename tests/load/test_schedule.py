"""schedule.py: sharding exact for every N and n, planned counts equal to what is emitted."""

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.reference import pacer as reference
from velroload._core import Pacer
from velroload.errors import ConfigError
from velroload.load.schedule import (
    ROW,
    SECOND_NS,
    VUS_DOWN,
    VUS_UP,
    Schedule,
    Segment,
    Stream,
    cut,
    derive_seed,
    hold_of,
    steps,
)

Ints = np.ndarray


def make(arrivals: Stream = (), vus: Stream = (), **more: Any) -> Schedule:
    given: dict[str, Any] = {
        "model": "test",
        "arrivals": arrivals,
        "vus": vus,
        "end_ns": None,
        "hold_start_ns": 0,
        "hold_end_ns": None,
        "max_vus": 1000,
        **more,
    }
    return Schedule(**given)


def drain(rows: bytes, seed: int = 0) -> tuple[Ints, Ints]:
    pacer = Pacer(rows, seed)
    remaining = pacer.remaining
    due, ids = (np.frombuffer(part, np.int64) for part in pacer.drain_all())
    assert remaining == len(due) == int(np.frombuffer(rows, ROW)["count"].sum())
    return due, ids


def together(schedule: Schedule, workers: int, seed: int = 0) -> tuple[Ints, Ints]:
    """(due, ids) of all workers' arrivals, in the order of ids."""
    shares = [schedule.for_worker(worker, workers, seed) for worker in range(workers)]
    parts = [drain(share.arrivals, share.pacer_seed) for share in shares]
    for due, _ in parts:
        assert (np.diff(due) >= 0).all()
    due = np.concatenate([part[0] for part in parts])
    ids = np.concatenate([part[1] for part in parts])
    order = np.argsort(ids)
    return due[order], ids[order]


RATES = st.one_of(
    st.just(Fraction(0)),
    st.fractions(0, 300, max_denominator=7),
    st.sampled_from([Fraction(1, 3), Fraction(1000, 7), Fraction(1, 100)]),
)
DURATIONS_NS = st.one_of(
    st.sampled_from([0, 1, SECOND_NS, 3 * SECOND_NS]), st.integers(0, 2 * SECOND_NS)
)
STAGES = st.lists(st.tuples(DURATIONS_NS, RATES), min_size=1, max_size=5)


@st.composite
def arrival_streams(draw: st.DrawFn) -> Stream:
    stream = steps(draw(RATES), draw(STAGES))
    assume(stream and sum(segment.starts for segment in stream) > 0)
    return stream


@settings(max_examples=60)
@given(arrival_streams(), st.integers(1, 9))
def test_uniform_arrivals_are_exact_for_any_n(stream: Stream, workers: int) -> None:
    schedule = make(stream)
    due, ids = together(schedule, workers)
    area = sum(segment.starts for segment in stream)
    planned = schedule.planned(0)
    assert planned == -(-area.numerator // area.denominator)  # all k < Lambda(end)
    assert schedule.expected_starts == area
    assert (ids == np.arange(planned)).all()
    assert (np.diff(due) >= 0).all()
    assert stream[0].start_ns <= due[0]
    assert due[-1] < stream[-1].end_ns
    for k in {0, planned // 2, planned - 1}:
        # at a ramp's quiet end, where the rate is almost 0, doubles resolve the instant worse
        assert due[k] == pytest.approx(reference.due_exactly(stream, k), rel=1e-12, abs=50)


@settings(max_examples=60)
@given(arrival_streams(), st.integers(1, 9), st.integers(0, 2**64 - 1))
def test_poisson_counts_are_known_before_the_run(stream: Stream, workers: int, seed: int) -> None:
    schedule = make(stream, arrival="poisson")
    due, ids = together(schedule, workers, seed)
    assert (ids == np.arange(schedule.planned(seed) or 0)).all()
    assert schedule.planned(seed) == len(due)
    assert len(due) == 0 or (stream[0].start_ns <= due.min() <= due.max() < stream[-1].end_ns)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), min_size=1, max_size=6),
    st.integers(1, 50),
)
def test_vus_are_exact_for_any_n(stages: list[tuple[int, int]], workers: int) -> None:
    stream = steps(Fraction(0), [(d * SECOND_NS, Fraction(t)) for d, t in stages])
    for segment in stream:
        before, after = int(segment.from_value), int(segment.to_value)
        one = make(vus=(segment,))
        shares = [one.for_worker(worker, workers, 0).vus for worker in range(workers)]
        events = [
            (worker, *e) for worker, rows in enumerate(shares) for e in reference.drain(rows, 0)
        ]
        ids = [vu for _, _, vu, _ in events]
        assert sorted(ids) == list(range(min(before, after), max(before, after)))
        for worker, kind, vu, due_ns in events:
            assert vu % workers == worker
            assert kind == (VUS_UP if after > before else VUS_DOWN)
            position = vu - before if after > before else before - vu
            length_ns = segment.end_ns - segment.start_ns
            exact_ns = segment.start_ns + Fraction(length_ns * position, abs(after - before))
            assert abs(due_ns - exact_ns) <= 1
    whole = make(vus=stream)
    total = 0
    for worker in range(workers):
        due, _ = drain(whole.for_worker(worker, workers, 0).vus)
        assert (np.diff(due) >= 0).all()
        total += len(due)
    assert total == sum(abs(int(s.to_value - s.from_value)) for s in stream)


@given(st.integers(1, 500), st.integers(1, 60), st.integers(1, 70))
def test_a_fixed_number_is_split_over_those_who_have_users(
    iterations: int, vus: int, workers: int
) -> None:
    schedule = make(max_vus=vus, iterations=iterations)
    shares = [schedule.for_worker(worker, workers, 0) for worker in range(workers)]
    parts = [share.iterations or 0 for share in shares]
    assert sum(parts) == iterations == schedule.planned(0)
    assert sum(share.max_vus for share in shares) == vus
    for part, share in zip(parts, shares, strict=True):
        assert (part > 0) <= (share.max_vus > 0)
        assert abs(part - Fraction(iterations * share.max_vus, vus)) < share.max_vus + 1


def test_constant_rate_is_exact() -> None:
    due, _ = together(make(steps(Fraction(1000), [(15 * SECOND_NS, Fraction(1000))])), 3)
    assert (due == np.arange(15_000) * 1_000_000).all()


def test_the_fraction_of_a_start_is_carried_over_a_border() -> None:
    stages = [(SECOND_NS, Fraction(5, 2))] * 4
    stream = steps(Fraction(5, 2), stages)
    assert len(stream) == 4
    due, _ = together(make(stream), 2)
    assert due.tolist() == [k * 400_000_000 for k in range(10)]


def test_silence_holds_no_start() -> None:
    silence = [(SECOND_NS, Fraction(0)), (0, Fraction(2)), (SECOND_NS, Fraction(2))]
    due, _ = together(make(steps(Fraction(0), silence)), 2)
    assert due.tolist() == [SECOND_NS, SECOND_NS * 3 // 2]


@settings(max_examples=60)
@given(arrival_streams(), st.integers(1, 400), st.sampled_from(["uniform", "poisson"]))
def test_a_fixed_number_cuts_the_stream(stream: Stream, limit: int, arrival: str) -> None:
    shorter = cut(stream, limit)
    area = sum(segment.starts for segment in shorter)
    schedule = make(shorter, iterations=limit, arrival=arrival)
    planned = schedule.planned(7) or 0
    if sum(segment.starts for segment in stream) < limit:
        assert shorter == stream
        assert planned <= limit
    else:
        assert planned == limit
        last = shorter[-1]
        earlier = Segment(last.start_ns, last.end_ns - 1, last.from_value, last.to_value)
        assert area >= limit
        assert area - last.starts + min(earlier.starts, last.starts) <= limit + 1
    due, ids = together(schedule, 3, 7)
    assert (ids == np.arange(planned)).all()
    assert len(due) == 0 or due.max() < shorter[-1].end_ns


def test_poisson_totals_scatter_as_poisson_does() -> None:
    schedule = make(steps(Fraction(100), [(SECOND_NS, Fraction(100))] * 4), arrival="poisson")
    totals = np.array([schedule.planned(seed) for seed in range(1000)])
    assert abs(totals.mean() - 400) < 4 * 20 / np.sqrt(1000)
    assert 0.8 < totals.var() / 400 < 1.2


def test_poisson_workers_share_fairly_and_differ() -> None:
    stream = steps(Fraction(1000), [(10 * SECOND_NS, Fraction(1000))])
    schedule = make(stream, arrival="poisson")
    shares = [schedule.for_worker(worker, 4, 11) for worker in range(4)]
    counts = [Pacer(share.arrivals, 0).remaining for share in shares]
    assert sum(counts) == schedule.planned(11)
    assert all(abs(count - 2500) < 5 * 50 for count in counts)
    assert len({share.pacer_seed for share in shares}) == 4
    assert schedule.for_worker(2, 4, 11) == shares[2]


def test_the_longest_constant_time_is_the_hold() -> None:
    s = SECOND_NS
    stages = [(5 * s, 10), (2 * s, 10), (0, 20), (3 * s, 20), (4 * s, 20), (9 * s, 0), (30 * s, 0)]
    stream = steps(Fraction(0), [(d, Fraction(t)) for d, t in stages])
    assert hold_of(stream) == (7 * s, 14 * s)
    assert hold_of(steps(Fraction(0), [(5 * s, Fraction(10))])) == (0, 5 * s)


def test_steps_follow_each_other_without_gaps() -> None:
    stream = steps(
        Fraction(1), [(5, Fraction(2)), (0, Fraction(2)), (0, Fraction(9)), (3, Fraction(9))]
    )
    assert [(s.start_ns, s.end_ns) for s in stream] == [(0, 5), (5, 5), (5, 8)]
    assert all(a.to_value == b.from_value for a, b in pairwise(stream))


def test_too_many_workers_for_the_vus() -> None:
    schedule = make(steps(Fraction(9), [(SECOND_NS, Fraction(9))]), max_vus=3)
    with pytest.raises(ConfigError) as error:
        schedule.for_worker(0, 4, 0)
    assert str(error.value) == (
        "4 workers cannot share 3 VUs: use at most 3 workers or allow more VUs"
    )


def test_a_worker_outside_the_count_is_a_bug() -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 (the whole text is asserted)
        make().for_worker(2, 2, 0)
    assert str(error.value) == "worker 2 of 2"


def test_derived_seeds_are_stable_and_differ() -> None:
    seeds = [derive_seed(1, *path) for path in [(), (0,), (1,), (0, 0), (1, 0)]]
    assert len(set(seeds)) == 5
    assert derive_seed(1, 1) == seeds[2]
    assert all(0 <= seed < 2**64 for seed in seeds)


RAMP = (
    Segment(0, 4 * SECOND_NS, Fraction(0), Fraction(80)),
    Segment(4 * SECOND_NS, 9 * SECOND_NS, Fraction(80), Fraction(80)),
)


@pytest.mark.parametrize("at_s", [0.0, 0.5, 3.0, 4.0, 6.1, 9.0, 20.0])
def test_what_is_due_by_an_instant(at_s: float) -> None:
    """Never more than the pacers have due then, and with uniform arrivals all of it."""
    at_ns = round(at_s * SECOND_NS)
    uniform = make(RAMP, end_ns=9 * SECOND_NS)
    due, _ = together(uniform, 3)
    assert 0 <= int((due < at_ns).sum()) - uniform.due_by(at_ns, 0) <= len(RAMP)
    for seed in range(20):
        poisson = make(RAMP, end_ns=9 * SECOND_NS, arrival="poisson")
        due, _ = together(poisson, 3, seed)
        assert poisson.due_by(at_ns, seed) <= int((due < at_ns).sum())
    assert uniform.due_by(9 * SECOND_NS, 0) == 560
