"""What sets the slowest apart: planted traits are told with their shares, equals are not."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.reference import rundata as rd
from tests.reference import watched
from velroload.analysis.hold import in_hold
from velroload.analysis.outlier import Tail
from velroload.analysis.tail import tail
from velroload.rundata import RunData

SIZE = 6_000
SECONDS = 30


def run(seed: int, slow: Any = None, *, most: int = 1_000) -> RunData:
    """A run of two endpoints alike; `slow` (of the generator of chance) says which are slower, and
    gives them a trait of `extra`."""
    rng = np.random.default_rng(seed)
    loads = []
    for name in ("GET /a", "GET /b"):
        times = 3 * rd.MS * np.exp(0.3 * rng.normal(size=SIZE))
        extra: dict[str, Any] = {"new": rng.random(SIZE) < 0.05, "cache": rng.integers(1, 4, SIZE)}
        extra["address"] = rng.integers(0, 2, SIZE)
        made = rd.steady(SIZE // SECONDS, SECONDS, times.astype(np.int64), name=name, extra=extra)
        loads.append(slow(made, rng) if slow is not None else made)
    data = rd.build(loads, SECONDS, workers=[{"index": 0}, {"index": 1}])
    return watched.with_samples(data, loads, seed=seed, most=most)


def told(data: RunData) -> Tail:
    found = tail(data, in_hold(data))
    assert found is not None
    return found


def slower(which: Any, share: float = 0.05) -> Any:
    """A share of those chosen takes four times as long."""

    def make(load: rd.Load, rng: np.random.Generator) -> rd.Load:
        chosen = which(load) & (rng.random(SIZE) < share)
        times = np.where(chosen, 4 * load.service_ns, load.service_ns).astype(np.int64)
        return replace(load, service_ns=times)

    return make


PLANTED = [
    ("new connection", None, 0.5, lambda load: load.extra["new"] > 0),
    ("cache layer", "miss", 0.1, lambda load: load.extra["cache"] == 1),
    ("address", "1", 0.1, lambda load: load.extra["address"] == 1),
    ("endpoint", "GET /b", 0.1, lambda load: np.full(SIZE, load.name == "GET /b")),
    ("second", "12", 1.0, lambda load: load.scheduled_ns // rd.SECOND_NS == 12),
    ("worker", "1", 0.1, lambda load: np.arange(SIZE) % 2 == 1),
]


@pytest.mark.parametrize(
    ("trait", "value", "share", "which"), PLANTED, ids=[row[0] for row in PLANTED]
)
def test_a_planted_trait_is_the_first(
    trait: str, value: str | None, share: float, which: Any
) -> None:
    found = told(run(1, slower(which, share)))
    assert found.shares
    first = found.shares[0]
    assert (first.trait, first.value) == (trait, value)
    assert first.tail_share > 0.9
    assert first.tail_share > 1.5 * first.all_share
    assert first.chance < 0.01


def test_our_own_lag_is_named() -> None:
    def late(load: rd.Load, rng: np.random.Generator) -> rd.Load:
        return replace(load, lag_ns=np.where(rng.random(SIZE) < 0.02, 20 * rd.MS, 20_000))

    first = told(run(2, late)).shares[0]
    assert (first.trait, first.value) == ("generator lag", None)
    assert first.tail_share > 0.95
    assert first.all_share == pytest.approx(0.02, abs=0.01)


def test_the_tail_of_a_long_run_comes_from_the_uniform_samples() -> None:
    """20 of each endpoint were kept: they are not the slowest 1 %."""
    data = run(3, slower(lambda load: load.extra["new"] > 0, 0.5), most=20)
    found = told(data)
    assert found.count == pytest.approx(0.01 * 2 * SIZE, rel=0.05)
    assert found.shares[0].trait == "new connection"


def test_without_samples_nothing_is_told() -> None:
    data = run(4)
    for part in (
        replace(data, reservoir=data.reservoir[:0]),
        replace(data, reservoir=data.reservoir[:50]),
        rd.empty(),
    ):
        assert tail(part, in_hold(part)) is None


def test_equals_have_nothing_in_common() -> None:
    """At 1 % for all traits together: of 60 runs none or a few."""
    wrong = [seed for seed in range(60) if told(run(seed + 100)).shares]
    assert len(wrong) <= 3
