"""Response time bimodality: found where two humps were planted, else in under 5 % of runs."""

from collections.abc import Callable

import numpy as np
import pytest

from tests.reference import rundata as rd
from tests.reference import watched
from tests.reference.planted import wander
from velroload.analysis.hold import in_hold
from velroload.analysis.modes import modes, thinning, two_humps
from velroload.histogram import Histogram

Draw = Callable[[np.random.Generator, int], "np.ndarray[tuple[int], np.dtype[np.float64]]"]
ONE_HUMP: dict[str, Draw] = {
    "lognormal": lambda rng, n: rng.lognormal(15, 0.3, n),
    "wide": lambda rng, n: rng.lognormal(15, 1.2, n),
    "exponential": lambda rng, n: 1e6 * rng.exponential(5, n),
    "shifted": lambda rng, n: 3e6 + 1e6 * rng.exponential(2, n),
    "gamma": lambda rng, n: 1e6 * rng.gamma(2.0, 3.0, n),
    "uniform": lambda rng, n: rng.uniform(2e6, 9e6, n),
    "narrow": lambda rng, n: rng.normal(1e7, 5e4, n),
    "tail": lambda rng, n: 1e6 * (1 + rng.pareto(1.5, n)),
}


@pytest.mark.parametrize("shape", ONE_HUMP)
def test_one_hump_is_one(shape: str) -> None:
    """In at most 5 % of the runs, of every size."""
    rng = np.random.default_rng(11)
    for size, runs in ((600, 100), (5_000, 100), (50_000, 40)):
        drawn = (ONE_HUMP[shape](rng, size).astype(np.int64) for _ in range(runs))
        wrong = sum(two_humps(Histogram.of(values)) is not None for values in drawn)
        assert wrong <= 0.05 * runs, size


@pytest.mark.parametrize(("size", "share"), [(2_000, 0.3), (20_000, 0.05), (100_000, 0.5)])
def test_two_humps_are_found_with_their_places(size: int, share: float) -> None:
    rng = np.random.default_rng(12)
    slow = rng.random(size) < share
    values = np.where(slow, 40e6, 5e6) * rng.lognormal(0, 0.25, size)
    found = two_humps(Histogram.of(values.astype(np.int64)))
    assert found is not None
    fast_ns, slow_ns, valley_ns = found
    assert fast_ns == pytest.approx(5e6, rel=0.25)
    assert slow_ns == pytest.approx(40e6, rel=0.25)
    assert 7e6 < valley_ns < 33e6


def test_a_run_names_the_endpoint_and_what_parts_them() -> None:
    rng = np.random.default_rng(13)
    missed = rng.random(6_000) < 0.2
    times = np.where(missed, 30.0, 4.0) * rd.MS * rng.lognormal(0, 0.2, 6_000)
    loads = [
        rd.steady(200, 30, times.astype(np.int64), extra={"cache": np.where(missed, 1, 3)}),
        rd.steady(100, 30, (3 * rd.MS * rng.lognormal(0, 0.2, 3_000)).astype(np.int64), name="b"),
    ]
    data = watched.with_samples(rd.build(loads, 30), loads)
    (found,) = modes(data, in_hold(data))
    assert found.endpoint == "GET /"
    assert found.slow_share == pytest.approx(0.2, abs=0.02)
    first = found.apart[0]
    assert (first.trait, first.value, first.tail_share > 0.99) == ("cache layer", "miss", True)
    assert modes(rd.empty(), rd.empty()) == ()


def test_seconds_that_are_alike_count_less() -> None:
    rng = np.random.default_rng(14)
    level = np.repeat(np.exp(0.5 * wander(rng, 60)), 100)
    moving = rd.steady(100, 60, (4 * rd.MS * level * rng.lognormal(0, 0.1, 6_000)).astype(np.int64))
    still = rd.steady(100, 60, (4 * rd.MS * rng.lognormal(0, 0.1, 6_000)).astype(np.int64))
    assert thinning(rd.build([moving], 60), 0, 6_000) < 0.1
    assert thinning(rd.build([still], 60), 0, 6_000) > 0.5
    assert thinning(rd.empty(), 0, 0) == 1.0
