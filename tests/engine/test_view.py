"""The live view: the last seconds, and the phases so far."""

import numpy as np

from tests.reference.runs import deltas_of, samples_of
from velroload.engine.view import View
from velroload.histogram import Histogram
from velroload.rundata import RunData

BATCHES = [samples_of(second) for second in range(4)]


def test_window_is_the_last_seconds_of_the_flow() -> None:
    view = View([1, 2])
    for delta in deltas_of(*BATCHES):
        view.add(delta)
    window = view.window(2)
    assert (window.first_second, window.last_second) == (2, 3)
    rows = np.concatenate(BATCHES[2:])
    rows = rows[(rows["endpoint"] == 1) | (rows["endpoint"] == 2)]
    timed = rows[rows["error"] != 40]
    assert window.finished == len(rows)
    assert (window.failed, window.transport) == (
        int((rows["error"] == 70).sum()),
        int((rows["error"] == 40).sum()),
    )
    assert window.ok == int((rows["error"] == 0).sum())
    assert window.errors == {70: window.failed, 40: window.transport}
    assert window.statuses == {200: window.ok, 503: window.failed}
    response = Histogram.of(timed["end_ns"] - timed["scheduled_ns"], digits=2)
    assert np.array_equal(window.response.counts, response.counts)
    assert window.service.count == len(timed)
    assert (window.sent > 0, window.scheduled > 0) == (True, True)


def test_window_of_one_endpoint_until_a_second() -> None:
    view = View([3])
    for delta in deltas_of(*BATCHES):
        view.add(delta)
    assert view.window(1, 1).finished == int((BATCHES[1]["endpoint"] == 3).sum())
    assert view.window(1, 99).finished == 0


def test_empty_window() -> None:
    view = View([1])
    assert (view.window(10).finished, view.window(10).response.count) == (0, 0)
    assert view.phase("response", 0).count == 0


def test_times_of_a_phase_so_far() -> None:
    view = View([1])
    deltas = list(deltas_of(*BATCHES))
    for delta in deltas:
        view.add(delta)
    for quantity in ("response", "generator_lag"):
        whole = RunData(
            hist=np.concatenate([delta.hist for delta in deltas]),
            stats=np.concatenate([delta.stats for delta in deltas]),
        ).histogram(quantity, endpoints=[1])
        assert np.array_equal(view.phase(quantity, 0).counts, whole.counts)
        assert view.phase(quantity, 1).count == 0
