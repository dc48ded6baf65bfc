"""Drift and R13: a leak fails, noise does not, a short or missing series is said to be one."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.reference import rundata as rd
from velroload.analysis.analyse import analyse
from velroload.analysis.compliance import RequirementResult
from velroload.analysis.outlook import Drift
from velroload.rundata import RunData

MS = rd.MS
SECONDS = 600


def run(rise: float = 0.0, leak: float = 0.0, *, memory: bool = True) -> RunData:
    """10 minutes of 20/s; response times and memory grow by these shares over the hold."""
    rng = np.random.default_rng(5)
    at = np.arange(20 * SECONDS) / (20 * SECONDS)
    times = rng.lognormal(0.0, 0.3, len(at)) * 20 * MS * (1.0 + rise * at)
    data = rd.build(
        [rd.steady(20, SECONDS, times.astype(np.int64))],
        SECONDS,
        requirements={"use": "velro-prd", "phase": None},
    )
    if not memory:
        return data
    rows: list[dict[str, Any]] = []
    for second in range(SECONDS):
        level = 1e9 * (1.0 + leak * second / SECONDS) + rng.normal(0.0, 2e6)
        rows.append({"time_s": float(second), "values": {"app.rss": level}})
    probe = {"name": "app", "kind": "process", "values": {}, "roles": {"memory_bytes": "rss"}}
    return replace(data, probes=rows, manifest={**data.manifest, "probes": [probe]})


def r13(data: RunData) -> RequirementResult:
    found = analyse(data).compliance
    assert found is not None
    return found.requirements[-1]


def drift(data: RunData, what: str) -> Drift:
    return next(each for each in analyse(data).drift if each.what.startswith(what))


def test_a_steady_run_is_stable() -> None:
    found = r13(run())
    assert found.verdict == "PASS"
    assert found.why is not None
    assert "response time: no significant trend" in found.why
    assert "memory: no significant trend" in found.why


def test_a_leak_fails() -> None:
    data = run(leak=0.2)
    found = r13(data)
    assert (found.id, found.verdict) == ("R13", "FAIL")
    assert found.observed == pytest.approx(0.2 * 6 / 1.1, rel=0.1)
    memory = drift(data, "memory")
    assert (memory.trend, memory.unit) == ("rising", "bytes")
    assert memory.slope_per_hour == pytest.approx(1.2e9, rel=0.05)


def test_slower_and_slower_fails() -> None:
    data = run(rise=0.5)
    assert r13(data).verdict == "FAIL"
    assert drift(data, "response p95").trend == "rising"


def test_without_memory_it_is_not_measured() -> None:
    found = r13(run(memory=False))
    assert found.verdict == "NOT MEASURED"
    assert found.why is not None
    assert "the target's memory was not read" in found.why


def test_a_drift_that_cannot_be_excluded_is_no_pass() -> None:
    rng = np.random.default_rng(6)
    data = run()
    for row in data.probes:
        row["values"]["app.rss"] = 1e9 * float(rng.lognormal(0.0, 1.5))
    assert r13(data).verdict == "INCONCLUSIVE"


def test_a_short_run_has_no_drift() -> None:
    assert analyse(rd.build([rd.steady(10, 3)], 3)).drift == ()
