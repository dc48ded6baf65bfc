"""Whatever a run was: hints, or none, and never a traceback, NaN or a 0 for the unknown."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from tests.reference import planted as pl
from tests.reference import rundata as rd
from tests.reference import watched
from velroload.analysis.analyse import analyse
from velroload.analysis.hints import with_hints
from velroload.analysis.hold import in_hold
from velroload.analysis.result import PhaseResult, Reason
from velroload.report.as_json import SCHEMA, as_json
from velroload.report.as_text import as_text
from velroload.rundata import RunData
from velroload.runfolder import load, save
from velroload.sample import SAMPLE, ErrorKind

N = 30
VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))


def damaged_probes() -> RunData:
    data = rd.build([rd.steady(100, N)], N)
    data.manifest["probes"] = [{"name": "x", "values": {"a": None}, "roles": {"cpu_share": "b"}}]
    data.probes.append({"time_s": 2.0, "values": {"x.a": 1.0, "x.b": 1e300, "y.z": 2.0}})
    return data


def strange_samples() -> RunData:
    data = rd.build([rd.steady(100, N)], N)
    samples = np.zeros(500, SAMPLE)
    samples["endpoint"], samples["flags"] = 999, 0xFFFF
    samples["scheduled_ns"] = np.iinfo(np.int64).max
    return replace(data, tail=samples, reservoir=samples)


CASES: dict[str, Callable[[], RunData]] = {
    "nothing": rd.empty,
    "no manifest": lambda: replace(rd.empty(), manifest={}, end=None),
    "one": lambda: rd.build([rd.Load(np.zeros(1, np.int64), rd.MS)], 1),
    "a tenth of a second": lambda: rd.build([rd.steady(100, 0.1)], 0.1),
    "only timeouts": lambda: rd.build(
        [rd.steady(50, N, 2_000 * rd.MS, error=int(ErrorKind.TIMEOUT))], N
    ),
    "only resets": lambda: rd.build([rd.steady(50, N, error=int(ErrorKind.RESET))], N),
    "no end": lambda: replace(pl.Service(1).make(), end=None),
    "ended in the ramp": lambda: rd.with_end(pl.Service(1).make(), ended_ns=5 * rd.SECOND_NS),
    "damaged probes": damaged_probes,
    "strange samples": strange_samples,
    "no probes": lambda: replace(pl.Service(1).make(), probes=[]),
    "probes and nothing else": lambda: watched.with_probe(rd.empty(), {"cpu_share": np.ones(N)}),
    "an event without seconds": lambda: replace(rd.empty(), events=watched.event("a", 1, 2)),
}


@pytest.mark.parametrize("case", CASES)
def test_every_run_has_hints_or_none(case: str) -> None:
    data = CASES[case]()
    result = analyse(data)
    VALIDATOR.validate(json.loads(as_json(result)))
    for verbose in (False, True):
        text = as_text(result, verbose=verbose)
        assert "nan" not in text
        assert "inf " not in text
    if not result.summary.total.count:
        assert result.findings == ()
        assert result.tail is None


def test_all_errors_are_a_finding() -> None:
    found = analyse(CASES["only resets"]()).findings
    assert [each.code for each in found] == ["errors"]
    assert found[0].text == (
        "1,500 of 1,500 requests failed (100 %), most of them by reset (1,500)"
    )


def test_failures_under_an_event_are_said_to_be() -> None:
    bad = np.where(np.arange(3_000) // 100 == 15, int(ErrorKind.RESET), 0)
    data = rd.build([rd.steady(100, N, error=bad)], N)
    (found,) = analyse(replace(data, events=watched.event("redis_down", 14.5, 17))).findings
    assert found.text == (
        "100 of 3,000 requests failed (3.33 %), most of them by reset (100); 100 % of them under "
        "the event redis_down"
    )


def test_a_saved_run_has_the_same_hints(tmp_path: Path) -> None:
    data = pl.Service(1, values={"cpu_share": pl.used_up(1)}, slow=pl.queued()).make()
    data = replace(data, events=watched.event("redis_down", 40, 50))
    save(tmp_path, data)
    assert analyse(load(tmp_path)) == analyse(data)


def test_the_phase_that_shows_it_is_named() -> None:
    """Two holds, the CPU used up in the second alone."""
    plan = rd.phases(("ramp", 5), ("hold", 25), ("ramp", 5), ("hold", 25))
    for place, row in enumerate(plan):
        row["name"] = ("baseline", "stress")[place // 2]
    data = rd.build([rd.steady(100, 60)], 60, phases=plan)
    used = np.where(np.arange(60) >= 33, 0.97, 0.4)
    (found,) = analyse(watched.with_probe(data, {"cpu_share": used})).findings
    assert (found.code, found.phase, found.confidence) == ("cpu", "stress", "possible")
    assert found.text.endswith("for 100 % of the hold of stress")
    rows = analyse(watched.with_probe(data, {"cpu_share": used})).utilisation
    assert [(row.phase, row.uses[0].usual) for row in rows] == [("baseline", 0.4), ("stress", 0.97)]


def test_what_an_invalid_run_says_of_the_target_is_less_sure() -> None:
    data = pl.Service(1, values={"cpu_share": pl.used_up(1)}, slow=pl.queued()).make()
    sure = {each.code: each.confidence for each in analyse(data).findings}
    spoilt = analyse(rd.with_ledger(data, "samples", lost=5)).findings
    assert spoilt[0].code == "generator"
    assert {each.code: each.confidence for each in spoilt} == {
        "generator": "likely", **dict.fromkeys(sure, "possible"),
    }  # fmt: skip


def test_a_phase_that_is_no_gate_casts_doubt_all_the_same() -> None:
    data = pl.Service(1).make()
    result = analyse(data)
    reason = Reason("INVALID", "generator_lag", "the generator was late")
    spoilt = replace(result.validity, verdict="INVALID", reasons=(reason,))
    phase = PhaseResult("stress", False, "NOT MEASURED", "late", (), result.summary, spoilt)
    found = with_hints(replace(result, suite=(phase,)), data, in_hold(data)).findings
    assert [(each.code, each.text) for each in found] == [
        ("generator", "phase stress: the generator was late"),
    ]
    assert with_hints(result, data, in_hold(data)).findings == ()


def test_the_order_of_saturation_decides_between_equals() -> None:
    """Memory is full from second 5 on, the CPU from 16 on."""
    early = np.where(np.arange(pl.LENGTH) >= 5, 0.95, 0.5)
    values = {"cpu_share": pl.used_up(1), "memory_share": early}
    found = analyse(pl.Service(1, values=values, slow=pl.queued()).make()).findings
    assert [each.code for each in found][:2] == ["memory", "cpu"]
    assert (found[0].onset_s, found[1].onset_s) == (5, 16)


@pytest.mark.slow
@pytest.mark.timing
def test_a_long_suite_takes_less_than_a_second() -> None:
    """4,140 seconds × 20 endpoints, without the bins: what the hints themselves take."""
    seconds, endpoints = 4_140, 20
    loads = [rd.Load(np.zeros(0, np.int64), 0, name=f"e{n}") for n in range(endpoints)]
    data = rd.build(loads, seconds, phases=rd.phases(("ramp", 140), ("hold", 4_000)))
    counters = (200, 500, 1070, 1256, 1257, 1259, 1260, 1266, 1267, 1272, 1273, 1275)
    grid = np.array(np.meshgrid(np.arange(seconds), np.arange(endpoints), counters)).reshape(3, -1)
    values = np.where(np.isin(grid[2], (500, 1070, 1257)), 1, 1_000)
    data = watched.with_columns(data, grid[0], grid[1], grid[2], values)
    data = watched.with_probe(
        data,
        {f"v{n}": np.arange(seconds) * 1.0 for n in range(50)} | {"cpu_share": np.ones(seconds)},
    )
    held, result = in_hold(data), analyse(data)
    start = time.process_time()
    again = with_hints(result, data, held)
    assert time.process_time() - start < 1.0
    assert again.findings
