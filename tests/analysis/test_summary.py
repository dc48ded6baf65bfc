"""The figures of runs whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from tests.reference import rundata as rd
from velroload.analysis.hold import in_hold
from velroload.analysis.result import QUANTILES, Quantity, Summary
from velroload.analysis.summary import summarise as summarise_both
from velroload.rundata import RunData
from velroload.sample import ErrorKind

MS = rd.MS


def summarise(data: RunData) -> Summary:
    return summarise_both(data, in_hold(data))


def test_a_row_has_the_figures_of_its_requests() -> None:
    rng = np.random.default_rng(1)
    service = (5e6 * rng.lognormal(0, 0.3, 20_000)).astype(np.int64)
    row = summarise(rd.build([rd.steady(1_000, 20, service, lag_ns=10_000)], 20)).rows[0]
    assert (row.count, row.ok, row.failed, row.transport) == (20_000, 20_000, 0, 0)
    for name, quantile in QUANTILES.items():
        truth = np.sort(service)[int(np.ceil(quantile * 20_000)) - 1]
        for times, more in ((row.service.all, 0), (row.response.all, 10_000)):
            found = times.percentiles[name]
            assert found.value_ns == pytest.approx(truth + more, rel=0.001)
            assert found.value_ns is not None
            assert found.low_ns is not None
            assert found.high_ns is not None
            assert found.low_ns <= found.value_ns <= found.high_ns
    assert row.service.all.max_ns == service.max()
    assert row.service.all.mean_ns == pytest.approx(service.mean())
    assert row.parts[Quantity.GENERATOR_LAG].max_ns == 10_000
    assert row.status == {200: 20_000}
    assert row.rate_per_s == pytest.approx(1_000, rel=0.001)
    assert row.ours_p99_ns is not None
    assert row.ours_p99_ns <= 10_000


def test_outcomes_stand_apart() -> None:
    error = np.zeros(1_000, np.int64)
    status = np.full(1_000, 200)
    service = np.full(1_000, 3 * MS)
    error[:100], status[:100], service[:100] = ErrorKind.STATUS, 503, 1 * MS
    error[100:150], service[100:150] = ErrorKind.TIMEOUT, 1_000 * MS
    error[150:170] = ErrorKind.RESET
    row = summarise(rd.build([rd.steady(100, 10, service, error=error, status=status)], 12)).total
    assert (row.ok, row.failed, row.transport, row.timeouts) == (830, 150, 20, 50)
    assert row.response.all.count == 980
    assert row.response.ok.count == 830
    assert row.response.failed.count == 150
    assert row.response.failed.max_ns == 1_000_020_000
    assert row.errors == {"status": 100, "timeout": 50, "reset": 20}
    assert row.failed_share == 0.17
    assert row.failed_low is not None
    assert row.failed_high is not None
    assert row.failed_low < 0.17 < row.failed_high
    assert sum(row.status.values()) == 930
    assert row.rate_per_s == pytest.approx(930 / 12)


def test_setup_and_iterations_stay_out_of_the_total() -> None:
    data = rd.build(
        [
            rd.steady(100, 10),
            rd.steady(10, 10, name="login", setup=True),
            rd.steady(100, 10, 103 * MS, name="main", kind="iteration", think_ns=100 * MS),
        ],
        10,
    )
    summary = summarise(data)
    assert summary.total.count == 1_000
    passes = summary.rows[2]
    assert passes.parts == {}
    assert passes.ours_p99_ns is None
    assert passes.response.all.percentiles["p50"].value_ns == pytest.approx(103 * MS, rel=0.001)
    assert passes.service.all.percentiles["p50"].value_ns == pytest.approx(3 * MS, rel=0.01)


def test_percentiles_are_refused_without_support() -> None:
    row = summarise(rd.build([rd.steady(100, 3.67)], 4)).total
    assert row.count == 367
    assert row.response.all.percentiles["p99"].value_ns is None
    assert row.response.all.percentiles["p95"].value_ns is not None
    assert row.ours_p99_ns is None


def test_a_free_running_loop_is_not_judged_by_its_lag() -> None:
    data = rd.build([rd.steady(100, 10)], 10, model={"open": False, "paced": False})
    assert summarise(data).total.ours_p99_ns is None


def test_figures_are_of_the_hold_alone() -> None:
    """5 s of ramp at 100/s, slow and half of it failed; 5 s of hold at 200/s."""
    ramp, hold = rd.steady(100, 5), rd.steady(200, 5)
    both = np.concatenate([ramp.scheduled_ns, hold.scheduled_ns + 5 * rd.SECOND_NS])
    service = np.where(np.arange(1_500) < 500, 400 * MS, 3 * MS)
    error = np.where((np.arange(1_500) < 500) & (np.arange(1_500) % 2 == 0), ErrorKind.RESET, 0)
    load = replace(ramp, scheduled_ns=both, service_ns=service, error=error)
    login = replace(ramp, name="login", setup=True)
    data = rd.build([load, login], 10, phases=rd.phases(("ramp", 5), ("hold", 5)))
    summary = summarise(data)
    assert summary.hold_s == 5.0
    assert [(p.kind, p.count, p.ok) for p in summary.phases] == [
        ("ramp", 500, 250),
        ("hold", 1_000, 1_000),
    ]
    total, setup = summary.total, summary.rows[1]
    assert (total.count, total.ok, total.failed_share) == (1_000, 1_000, 0.0)
    assert total.response.all.count == sum(total.status.values()) == 1_000
    assert total.response.all.max_ns == pytest.approx(3 * MS, rel=0.01)
    assert total.errors == {}
    p99 = total.response.all.percentiles["p99"]
    assert p99.high_ns is not None
    assert p99.high_ns < 4 * MS
    # of the slow ones, 20 came back in the hold, for those under way at its end
    assert total.rate_per_s == pytest.approx(1_020 / 5, rel=0.01)
    assert (setup.count, setup.rate_per_s) == (500, 50.0)  # of the whole run
    assert len(summary.series.second) == 10


def test_the_series_knows_every_second() -> None:
    error = np.zeros(1_000, np.int64)
    error[500:510] = ErrorKind.RESET
    series = summarise(rd.build([rd.steady(500, 2, error=error)], 2)).series
    assert series.second == (0, 1, 2)
    assert sum(series.completed) == 990
    assert sum(series.failed) == 10
    assert sum(series.sent) == 1_000
    assert series.p99_ns[0] == pytest.approx(3.02 * MS, rel=0.01)
    assert series.p50_ns[2] is None  # two requests carry no median


def test_a_run_of_a_tenth_of_a_second_has_a_rate() -> None:
    total = summarise(rd.build([rd.steady(1_000, 0.1)], 0.1)).total
    assert total.rate_per_s == pytest.approx(1_000)
