"""The arrays' questions, against brute force over the requests they were made of."""

from pathlib import Path

import numpy as np
import pytest

from tests.reference import rundata as rd
from velroload.analysis.analyse import analyse
from velroload.analysis.cells import Late, count_above, counter_values, late, slices, with_failures
from velroload.analysis.result import Quantity
from velroload.histogram import Histogram
from velroload.journal import Counter
from velroload.report.as_json import as_json
from velroload.runfolder import load, save
from velroload.sample import ErrorKind

MS = rd.MS


def test_counters_are_summed_over_endpoints_and_seconds() -> None:
    data = rd.build([rd.steady(10, 3), rd.steady(5, 3, name="b")], 3)
    assert counter_values(data, [0])[Counter.OK] == 30
    assert counter_values(data, [0, 1])[Counter.OK] == 45
    assert counter_values(data, [1], seconds=range(1, 2))[Counter.OK] == 5
    assert counter_values(data, [7]) == {}


def test_slices_hold_every_complete_response() -> None:
    data = rd.build([rd.steady(100, 5)], 5)
    found = slices(data, Quantity.SERVICE, [0])
    assert found.totals().sum() == 500
    assert found.weights.shape == (5, 1)
    assert found.without([0, 4]).totals().sum() == 300
    assert found.between(1, 3).totals().sum() == 200
    assert found.mean_ns() == pytest.approx(3 * MS, rel=0.01)
    column = found.column(0.5)
    assert column is not None
    assert (found.lower_ns(column) or 0) <= 3 * MS <= (found.upper_ns(column) or 0)


def test_failures_move_to_never() -> None:
    error = np.zeros(500, np.int64)
    error[100:150] = ErrorKind.RESET
    error[200:210] = ErrorKind.STATUS
    data = rd.build([rd.steady(100, 5, error=error)], 5)
    found = with_failures(data, slices(data, Quantity.RESPONSE, [0]), Quantity.RESPONSE, [0])
    assert found.bins[-1] == -1
    assert found.weights[:, -1].tolist() == [0, 50, 10, 0, 0]
    assert found.weights.sum() == pytest.approx(500)
    assert found.upper_ns(len(found.bins) - 1) is None
    assert found.lower_ns(len(found.bins) - 1) is None
    assert found.above(10 * MS).sum() == 60


def test_nothing_has_no_column() -> None:
    found = slices(rd.empty(), Quantity.RESPONSE, [0])
    assert found.column(0.5) is None
    assert found.mean_ns() is None


def test_count_above_says_what_a_bin_hides() -> None:
    histogram = Histogram.of([1 * MS, 75 * MS, 80 * MS])
    least, most = count_above(histogram, 75 * MS - 1)
    assert (least, most) == (1, 2)
    assert count_above(histogram, 80 * MS) == (0, 0)
    assert count_above(Histogram(), 1.0) == (0, 0)


@pytest.mark.parametrize("seed", range(20))
def test_the_price_of_lag_is_never_too_low(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = 2_000
    service = (3e6 * rng.lognormal(0, 0.5, size)).astype(np.int64)
    wait = np.where(rng.random(size) < 0.3, 5e6 * rng.random(size), 0).astype(np.int64)
    lag = (2e4 * rng.lognormal(0, rng.choice([0.5, 2.0]), size)).astype(np.int64)
    lag[: rng.integers(0, 100)] += 40 * MS
    clean, response = service + wait, service + wait + lag
    found = Late(Histogram.of(response), Histogram.of(service), Histogram.of(lag))
    for quantile in (0.5, 0.9, 0.95, 0.99, 0.999, 1.0):
        rank = int(np.ceil(quantile * size)) - 1
        truth = np.sort(response)[rank] - np.sort(clean)[rank]
        most = found.most_added_ns(quantile)
        assert most is not None
        assert truth <= most <= lag.max()
    for limit in np.quantile(response, [0.2, 0.9, 0.99]):
        assert found.least_above(limit) <= (clean > limit).sum()


def test_without_waits_the_price_is_sharp() -> None:
    rng = np.random.default_rng(4)
    service = (3e6 * rng.lognormal(0, 0.5, 10_000)).astype(np.int64)
    found = Late(
        Histogram.of(service + 20_000), Histogram.of(service), Histogram.of([20_000] * 10_000)
    )
    assert found.most_added_ns(0.99) == 20_000


def test_without_responses_there_is_no_price() -> None:
    assert late(rd.empty(), [0]).most_added_ns(0.99) is None
    some = Histogram.of([5])
    assert Late(some, some, Histogram()).most_added_ns(0.5) == 0
    assert Late(some, some, Histogram()).least_above(1) == 1


def test_a_loaded_folder_is_judged_from_its_indexes_alone(tmp_path: Path) -> None:
    data = rd.with_thresholds(rd.build([rd.steady(100, 12), rd.steady(9, 12, name="b")], 12),
                              "p95(response) < 75ms", "errors < 1% over 2s")  # fmt: skip
    save(tmp_path, data)
    loaded = load(tmp_path)
    assert as_json(analyse(loaded)) == as_json(analyse(data))
    for name in ("hist", "stats", "series", "counts"):
        with pytest.raises(AttributeError):  # no array was made of an index
            object.__getattribute__(loaded, name)


@pytest.mark.parametrize("ids", [[0], [1], [0, 1]])
def test_slices_are_what_a_search_of_all_rows_finds(ids: list[int]) -> None:
    spread = rd.Load(np.arange(900) * 10 * MS, (np.arange(900) % 37 + 1) * MS)
    data = rd.build([spread, rd.steady(9, 9, name="b")], 9)
    found = slices(data, Quantity.RESPONSE, ids)
    chosen = np.isin(data.series["endpoint"], ids) & (data.series["quantity"] == 0)
    want = np.zeros((len(found.weights), 3_840))
    np.add.at(want, (data.series["second"][chosen], data.series["bin"][chosen]),
              data.series["count"][chosen])  # fmt: skip
    assert np.array_equal(found.weights, want[:, found.bins])
    assert want.sum() == found.weights.sum()
