"""Failures included: adjusted percentiles, goodput, Apdex, sustained rates, rows of several."""

import numpy as np
import pytest

from tests.reference import rundata as rd
from velroload.analysis.hold import in_hold
from velroload.analysis.result import Reach, Row, Summary
from velroload.analysis.summary import summarise
from velroload.rundata import RunData
from velroload.sample import ErrorKind

MS = rd.MS


def summary(data: RunData) -> Summary:
    return summarise(data, in_hold(data))


def reached(data: RunData) -> Reach:
    found = summary(data).total.reach
    assert found is not None
    return found


def test_a_failure_counts_as_infinitely_slow() -> None:
    error = np.where(np.arange(1_000) % 10 == 9, ErrorKind.RESET, 0)
    found = reached(rd.build([rd.steady(100, 10, 3 * MS, error=error)], 10))
    assert found.adjusted["p50"].value_ns == pytest.approx(3 * MS, rel=0.01)
    assert found.infinite == ("p95", "p99")
    assert found.adjusted["p95"].value_ns is None


def test_goodput_and_apdex() -> None:
    kinds = np.arange(1_000) % 10
    service = np.choose(kinds, [3 * MS] * 6 + [150 * MS] * 2 + [900 * MS] * 2)
    error = np.where(kinds == 5, ErrorKind.STATUS, 0)
    data = rd.build([rd.steady(100, 10, service, error=error)], 10)
    found = reached(rd.with_thresholds(data, "p95(response) < 100ms"))
    assert found.slo_ns == 100 * MS
    assert found.goodput_per_s == pytest.approx(50.0)
    assert found.apdex == pytest.approx(0.5 + 0.2 / 2)


def test_without_an_slo_there_is_no_goodput() -> None:
    found = reached(rd.build([rd.steady(100, 10)], 10))
    assert (found.slo_ns, found.goodput_per_s, found.apdex) == (None, None, None)


def test_sustained_is_the_worst_ten_seconds() -> None:
    starts = np.concatenate([np.arange(1_500) * 10, 15_000 + np.arange(300) * 50]) * MS
    found = reached(rd.build([rd.Load(starts.astype(np.int64), MS)], 30))
    assert found.best_second_per_s == 100.0
    assert found.best_10s_per_s == pytest.approx(100.0, abs=0.5)
    assert found.sustained_per_s == pytest.approx(20.0, abs=0.5)


def rows(data: RunData, kind: str) -> dict[str, Row]:
    return {row.name: row for row in summary(data).rows if row.kind == kind}


def test_rows_of_scenarios_classes_and_tags() -> None:
    loads = [
        rd.steady(100, 5, 3 * MS, name="a", cls="read", scenario="one"),
        rd.steady(200, 5, 9 * MS, name="b", cls="read", scenario="two"),
        rd.steady(50, 5, 3 * MS, name="c", cls="write", scenario="two"),
        rd.steady(50, 5, name="login", cls="read", setup=True),
    ]
    data = rd.build(loads, 5)
    data.manifest["endpoints"][1]["tags"] = ["tier=db"]
    assert {name: row.count for name, row in rows(data, "class").items()} == {
        "read": 1_500, "write": 250,
    }  # fmt: skip
    assert {name: row.count for name, row in rows(data, "scenario").items()} == {
        "one": 500, "two": 1_250,
    }  # fmt: skip
    assert rows(data, "tag")["tier=db"].count == 1_000
    assert rows(data, "class")["read"].rate_per_s == pytest.approx(300.0, abs=1.0)
    assert rows(data, "class")["read"].response.all.max_ns == 9 * MS + 20_000


def test_the_slo_of_a_class_is_its_own() -> None:
    data = rd.build([rd.steady(100, 10, cls="read"), rd.steady(100, 10, name="b")], 10)
    data = rd.with_thresholds(data, "p95 of class:read < 50ms", "p99 < 1s")
    found = rows(data, "class")["read"].reach
    assert found is not None
    assert found.slo_ns == 50 * MS
    total = summary(data).total.reach
    assert total is not None
    assert total.slo_ns == 1_000 * MS
