"""Load fidelity: uniform and Poisson starts pass, others do not; Little's law."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.reference import rundata as rd
from velroload.analysis.analyse import analyse
from velroload.analysis.outlook import Fidelity

NS = 1_000_000_000


def found(
    starts: NDArray[np.int64], arrival: str, rate: float, seconds: int = 60, **model: Any
) -> Fidelity:
    load = {"model": "constant-arrival-rate", "rate_per_s": rate, "arrival": arrival}
    plan = {"thresholds": [], "scenarios": [{"load": load, "requests_per_iteration": 1.0}]}
    data = rd.build([rd.Load(starts, 3 * rd.MS)], seconds, plan=plan)
    data.manifest["model"] |= model
    result = analyse(data).fidelity
    assert result is not None
    return result


def uniform(rate: int, seconds: int = 60) -> NDArray[np.int64]:
    return np.arange(rate * seconds, dtype=np.int64) * NS // rate


def poisson(rate: float, seed: int, seconds: int = 60) -> NDArray[np.int64]:
    rng = np.random.default_rng(seed)
    return np.sort(rng.integers(0, seconds * NS, rng.poisson(rate * seconds)))


def test_uniform_starts_are_as_planned() -> None:
    result = found(uniform(100), "uniform", 100.0)
    assert (result.as_planned, result.worst_second) == (True, 0.0)
    assert (result.planned_per_s, result.started_per_s) == (100.0, 100.0)


def test_a_gap_is_not_as_planned() -> None:
    starts = uniform(100)
    result = found(starts[(starts < 20 * NS) | (starts >= 21 * NS)], "uniform", 100.0)
    assert result.as_planned is False
    assert result.worst_second == 1.0


def test_poisson_starts_are_told_from_uniform_ones() -> None:
    result = found(poisson(100.0, 1), "poisson", 100.0)
    assert result.as_planned
    assert result.dispersion == pytest.approx(1.0, abs=0.5)
    assert found(uniform(100), "poisson", 100.0).as_planned is False
    assert found(poisson(80.0, 2), "poisson", 100.0).as_planned is False


@pytest.mark.slow
def test_one_in_a_hundred_poisson_runs_seems_not_to_be_one() -> None:
    runs = 400
    wrong = sum(not found(poisson(40.0, seed), "poisson", 40.0).as_planned for seed in range(runs))
    assert wrong <= 0.03 * runs


def test_a_closed_loop_has_no_planned_arrivals() -> None:
    result = found(uniform(100), "uniform", 100.0, open=False)
    assert (result.arrival, result.as_planned, result.planned_per_s) == (None, None, None)
    assert result.why == "users come back by themselves: no arrivals were planned"


def test_littles_law_is_in_the_appendix() -> None:
    result = found(uniform(100), "uniform", 100.0)
    assert result.in_flight == pytest.approx(0.3)
    assert result.off == 0.0


def test_too_short_to_judge() -> None:
    result = found(uniform(100, 5), "uniform", 100.0, 5)
    assert (result.as_planned, result.why) == (None, "5 seconds are too few to judge arrivals")
