"""Runs that reports are made of, analysed once for all tests of this folder."""

import dataclasses

import pytest

from tests.reference import richrun
from tests.reference import rundata as rd
from velroload.analysis.analyse import analyse
from velroload.report.kind import Told


@pytest.fixture(scope="session")
def rich() -> Told:
    """Six phases, twenty endpoints, probes, events, errors."""
    data = richrun.rich(30.0, 10)
    return Told(analyse(data), data, "runs/one")


@pytest.fixture(scope="session")
def hostile() -> Told:
    """The same, with markup, formulas and control letters in every text."""
    data = richrun.hostile()
    return Told(analyse(data), data, richrun.CANARY)


@pytest.fixture(scope="session")
def long() -> Told:
    """Six phases of 69 minutes together, twenty endpoints; for slow tests."""
    data = richrun.rich(4_140.0, 1)
    return Told(analyse(data), data)


@pytest.fixture(scope="session")
def plain() -> Told:
    """A run of one endpoint of which little is known."""
    data = rd.with_thresholds(rd.build([rd.steady(100, 5.0)], 5.0), "p95(response) < 75ms")
    return Told(analyse(data), data)


@pytest.fixture(scope="session", params=["empty", "no-end", "no-manifest", "one", "timeouts"])
def poor(request: pytest.FixtureRequest) -> Told:
    """Runs with next to nothing in them."""
    data = {
        "empty": rd.empty(),
        "no-end": dataclasses.replace(rd.build([rd.steady(100, 2.0)], 2.0), end=None),
        "no-manifest": dataclasses.replace(rd.empty(), manifest={}, end=None),
        "one": rd.build([rd.steady(1, 1.0)], 0.1),
        "timeouts": rd.build([rd.steady(50, 2.0, 2_000 * rd.MS, error=43)], 4.0),
    }[request.param]
    return Told(analyse(data), data)
