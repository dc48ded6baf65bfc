"""What all charts share: marks, bands, roles, rates of counters."""

import dataclasses
from typing import Any

import numpy as np

from tests.reference import rundata as rd
from velroload.analysis.analyse import analyse
from velroload.report.charts.chart import Mark
from velroload.report.charts.frame import MARKS, Frame
from velroload.report.kind import Told
from velroload.rundata import RunData

DATA = rd.build([rd.steady(50, 3.0), rd.steady(5, 3.0, name="login", setup=True)], 3.0)


def frame(data: RunData = DATA, **more: Any) -> Frame:
    data = dataclasses.replace(data, **more)
    return Frame(Told(analyse(data), data))


def mark(what: str, at_s: float, **more: Any) -> dict[str, Any]:
    row = {"event": "mark", "name": "redis_down", "kind": "fault", "what": what, "detail": None}
    return row | {"at_ns": round(at_s * 1e9)} | more


def test_the_flow_is_what_counts() -> None:
    found = frame()
    assert found.flow == [0]
    assert found.counted([1256]).sum() == 150
    assert found.length == 3
    assert found.whole == 3


def test_a_begin_and_its_end_are_one_mark() -> None:
    events = [mark("begin", 1.0), mark("open", 1.5, name="db", kind="breaker"), mark("end", 2.0),
              {"event": "failure", "at_ns": 1}, mark("end", 2.5, name="other")]  # fmt: skip
    data = dataclasses.replace(DATA, events=events)
    found = Frame(Told(analyse(DATA), data)).marks
    assert found == (
        Mark("redis_down", "fault", "begin", 1.0, 2.0),
        Mark("db", "breaker", "open", 1.5),
        Mark("other", "fault", "end", 2.5),
    )


def test_a_flood_of_events_is_cut() -> None:
    data = dataclasses.replace(DATA, events=[mark("open", 1.0)] * (MARKS + 5))
    assert len(Frame(Told(analyse(DATA), data)).marks) == MARKS


def test_a_run_with_one_hold_has_no_bands() -> None:
    assert frame().bands == ()
    phases = rd.phases(("ramp", 1.0), ("hold", 2.0))
    data = rd.build([rd.steady(50, 3.0)], 3.0, phases=phases)
    assert [(band.kind, band.start_s, band.end_s) for band in frame(data).bands] == [
        ("ramp", 0.0, 1.0),
        ("hold", 1.0, 3.0),
    ]


def test_probes_by_role_and_as_rates() -> None:
    rows = [{"time_s": s + 0.5, "values": {"p.hits": value}} for s, value in
            enumerate((10.0, 25.0, 5.0))]  # fmt: skip
    rows.append({"time_s": 3.5, "values": {}})
    probes = [{"name": "p", "kind": "json", "values": {}, "roles": {"l1_hits": "hits"}}]
    data = dataclasses.replace(DATA, probes=rows, manifest={**DATA.manifest, "probes": probes})
    found = Frame(Told(analyse(DATA), data))
    assert found.roles == {"l1_hits": "p.hits"}
    assert found.role("l2_hits") is None
    np.testing.assert_array_equal(found.role("l1_hits"), [10.0, 25.0, 5.0, np.nan])
    np.testing.assert_array_equal(found.rate_of("l1_hits"), [np.nan, 15.0, np.nan, np.nan])


def test_live_counters_are_summed_over_workers() -> None:
    rows: list[dict[str, Any]] = [
        {"at_ns": 2 * 10**9, "workers": [{"vus_active": 3}, {"vus_active": 4}]},
        {"at_ns": 1},
    ]
    data = dataclasses.replace(DATA, counters=rows)
    found = Frame(Told(analyse(DATA), data)).live("vus_active")
    np.testing.assert_array_equal(found, [np.nan, 7.0, np.nan])
