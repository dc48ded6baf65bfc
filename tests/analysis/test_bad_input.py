"""Whatever a run is cut down to: a report that says what is missing, never NaN or a traceback."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.reference import rundata as rd
from velroload.analysis.analyse import analyse
from velroload.errors import ConfigError
from velroload.report.as_json import as_json
from velroload.report.as_text import as_text
from velroload.rundata import RunData
from velroload.runfolder import MANIFEST, load, save
from velroload.sample import ErrorKind

PRD = {"use": "velro-prd", "phase": None}
RUNS: dict[str, RunData] = {
    "no samples": rd.empty(requirements=PRD),
    "one sample": rd.build([rd.steady(1, 1)], 1, requirements=PRD),
    "all timeouts": rd.build([rd.steady(9, 9, error=ErrorKind.TIMEOUT)], 9, requirements=PRD),
    "all errors": rd.build([rd.steady(9, 9, error=ErrorKind.RESET)], 9, requirements=PRD),
    "0.1 s": rd.build([rd.steady(100, 0.1)], 0.1, requirements=PRD),
    "no end": replace(rd.build([rd.steady(9, 9)], 9, requirements=PRD), end=None),
    "no manifest": replace(rd.empty(), manifest={}, end=None),
    "unknown document": rd.build([rd.steady(9, 9)], 9, requirements={"use": "of-next-year"}),
    "probes without readings": rd.build(
        [rd.steady(9, 9)], 9, requirements=PRD,
        probes=[{"name": "a", "kind": "json", "values": {}, "roles": {"cpu_share": "cpu"}}],
    ),
    "a suite that never began": rd.build(
        [rd.steady(9, 9)], 9, requirements=PRD,
        suite=[{"name": "later", "users": 9, "thresholds": []}],
    ),
}  # fmt: skip


def numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [number for each in value.values() for number in numbers(each)]
    if isinstance(value, list):
        return [number for each in value for number in numbers(each)]
    return [value] if isinstance(value, float) else []


@pytest.mark.parametrize("name", RUNS)
def test_a_report_all_the_same(name: str) -> None:
    result = analyse(RUNS[name])
    assert as_text(result, verbose=True)
    assert all(map(math.isfinite, numbers(json.loads(as_json(result)))))
    if result.compliance is not None:
        assert result.compliance.band is None


@pytest.mark.parametrize("name", ["all timeouts", "all errors"])
def test_failures_pass_nothing(name: str) -> None:
    found = analyse(RUNS[name]).compliance
    assert found is not None
    assert found.count("PASS") == 0
    assert found.verdict == "FAIL"


def test_a_truncated_folder_is_made_from_its_journal_or_refused(tmp_path: Path) -> None:
    save(tmp_path, RUNS["one sample"])
    (tmp_path / "histograms.npz").write_bytes(b"PK")
    with pytest.raises(ConfigError, match="no run can be read here"):
        load(tmp_path)


def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text("[1, 2]")
    with pytest.raises(ConfigError, match="no run can be read here"):
        load(tmp_path)


def test_percentiles_never_fall_and_the_last_is_the_maximum() -> None:
    times = np.random.default_rng(4).lognormal(0, 1.5, 20_000) * rd.MS
    data = rd.build([rd.steady(1_000, 20, times.astype(np.int64))], 20)
    all_ = analyse(data).summary.total.response.all
    values = [each.value_ns for each in all_.percentiles.values() if each.value_ns is not None]
    assert values == sorted(values)
    whole = data.histogram("response")
    assert whole.percentile(100.0) == whole.max == all_.max_ns


def test_shards_together_are_one_stream() -> None:
    times = (np.random.default_rng(4).lognormal(0, 1.0, 6_000) * rd.MS).astype(np.int64)
    starts = np.arange(6_000, dtype=np.int64) * 5 * rd.MS
    one = rd.build([rd.Load(starts, times)], 30)
    shards = [rd.build([rd.Load(starts[k::3], times[k::3])], 30) for k in range(3)]
    names = ("hist", "stats", "series", "counts")
    parts: dict[str, Any] = {n: np.concatenate([getattr(s, n) for s in shards]) for n in names}
    joined = replace(one, memo={}, **parts)
    assert analyse(joined).summary == analyse(one).summary
