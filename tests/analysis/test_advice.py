"""Advice follows from findings alone, and its arithmetic is right."""

import re

import numpy as np
import pytest

from tests.analysis import test_bottlenecks as planted
from tests.reference import planted as pl
from tests.reference import rundata as rd
from velroload.analysis.advice import ADVISE, TITLES
from velroload.analysis.analyse import analyse
from velroload.analysis.bottlenecks import TIERS
from velroload.analysis.finding import CODES, Recommendation
from velroload.rundata import RunData


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    planted.without_intervals(monkeypatch)


def first(data: RunData) -> Recommendation:
    return analyse(data).recommendations[0]


def test_every_code_has_its_advice() -> None:
    assert set(ADVISE) == set(TITLES) == set(TIERS) == set(CODES)


def test_no_finding_no_advice() -> None:
    assert analyse(pl.Service(1).make()).recommendations == ()


def test_cpu_by_the_utilisation_law() -> None:
    found = first(planted.cpu(1))
    assert (found.code, found.priority) == ("cpu", 1)
    assert found.figure == "The target's CPU, median: 98.5 % (service.cpu_share)"
    assert found.gain is not None
    factor = float(re.findall(r"it needs ([\d.]+) times", found.gain)[0])
    assert factor == pytest.approx(0.98 / 0.7, rel=0.02)
    below = float(re.findall(r"at about (\d+)/s", found.gain)[0])
    assert below == pytest.approx(100.5 / factor, rel=0.02)


def test_pool_by_littles_law() -> None:
    found = first(planted.pool(1))
    connections = int(re.findall(r"about (\d+) connections", found.text)[0])
    result = analyse(planted.pool(1))
    waiting = result.utilisation[0].most_waiting
    assert waiting is not None
    assert connections == np.ceil((20 + waiting) / 0.8)
    assert found.gain is not None
    assert "ms of every request (Little's law)" in found.gain


def test_the_hit_rate_that_a_threshold_needs() -> None:
    """Misses take 8 x and break the p90; hits keep it: nine of ten must hit."""
    data = rd.with_thresholds(planted.standing_cache(1), "p90 < 30ms")
    found = next(each for each in analyse(data).recommendations if each.code == "cache")
    assert found.gain is not None
    assert found.gain.startswith("p90 < 30ms needs a hit rate of 90 % at least: hits (")
    assert re.search(r"it was (59|60)(\.\d)? %$", found.gain)


def test_the_hit_rate_of_95_percent_where_no_threshold_asks() -> None:
    gain = first(planted.standing_cache(1)).gain
    assert gain is not None
    assert re.fullmatch(
        r"at a hit rate of 95 % \(now [\d.]+ %\) the mean response is [\d.]+ ms instead of "
        r"[\d.]+ ms",
        gain,
    )


def test_a_rate_limit_says_what_passed() -> None:
    found = first(planted.rate_limit(1))
    passed = int(re.findall(r"at most about (\d+)/s", found.text)[0])
    assert passed == pytest.approx(80, abs=4)


def test_the_generator_first_and_its_mend() -> None:
    found = first(planted.generator(1))
    assert found.code == "generator"
    assert found.text.startswith("before anything is said of the target: ")
    assert "raise the container's CPU quota" in found.text
