"""velroload/rundata.py: figures by phase, endpoint, outcome and second, and what probes read."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.reference.runs import MANIFEST, deltas_of, journal_of, samples_of
from velroload import runfolder
from velroload.histogram import Histogram
from velroload.journal import Counter
from velroload.rundata import RunData
from velroload.runfolder import load

BATCHES = (samples_of(0), samples_of(1), samples_of(2))


@pytest.fixture(scope="module")
def recorded() -> bytes:
    return b"".join(journal_of(deltas_of(*BATCHES)))


def test_histogram_selects_by_phase_endpoint_and_outcome(recorded: bytes) -> None:
    data = runfolder.from_journal(recorded)
    whole = data.histogram("response")
    parts = [data.histogram(0, endpoints=[e], outcomes=[o]) for e in range(4) for o in (0, 1)]
    total = Histogram()
    for part in parts:
        total.merge(part)
    assert total == whole
    assert data.histogram("response", phase=0) == whole
    assert data.histogram("response", phase=1).count == 0
    assert data.histogram("generator_lag", endpoints=3).count == 0  # an iteration has none


def test_per_second_has_no_gaps(recorded: bytes) -> None:
    data = runfolder.from_journal(recorded)
    seconds, ok = data.per_second(Counter.OK)
    assert seconds.tolist() == [0, 1, 2]
    assert int(ok.sum()) == sum(int((batch["error"] == 0).sum()) for batch in BATCHES)
    _, failed = data.per_second([503, 500], endpoints=[0, 1, 2])
    assert int(failed.sum()) == data.histogram("response", endpoints=range(3), outcomes=[1]).count
    empty = RunData().per_second(Counter.OK)
    assert [len(part) for part in empty] == [0, 0]


def test_second_histograms_add_up_to_the_run(recorded: bytes) -> None:
    data = runfolder.from_journal(recorded)
    seconds = data.second_histograms("response", endpoints=[1, 2])
    assert list(seconds) == [0, 1, 2]
    whole = data.histogram("response", endpoints=[1, 2])
    assert sum(second.count for second in seconds.values()) == whole.count
    assert RunData().second_histograms("response") == {}


def test_endpoint_ids() -> None:
    data = RunData(manifest=MANIFEST)
    assert data.endpoint_ids(kind="request", setup=False) == [1, 2]
    assert data.endpoint_ids(cls="auth") == [1]
    assert data.endpoint_ids() == [0, 1, 2, 3]


def test_series_and_roles_of_probes(tmp_path: Path) -> None:
    rows = [(2.0, {"a.hits": 5.0}), (0.0, {"a.hits": 1.0, "b.hits": 7.0}), (3.0, {"a.hits": 2.0}),
            (5.0, {"a.hits": 8.0, "a.told_per_s": 3.0})]  # fmt: skip
    probes = [
        {"name": "dead", "roles": {"l1_hits": "hits"}},
        {"name": "a", "roles": {"l1_hits": "hits", "l1_misses": "misses"}},
        {"name": "b", "roles": {"l1_hits": "hits"}},
    ]
    data = RunData(
        manifest={"probes": probes},
        probes=[{"time_s": time_s, "values": values} for time_s, values in rows],
    )
    runfolder.save(tmp_path, replace(data, end={}))
    for run in (data, load(tmp_path)):
        time_s, values = run.probe_series("a.hits")
        assert (time_s.tolist(), values.tolist()) == ([0, 2, 3, 5], [1, 5, 2, 8])
        rate_at_s, rates = run.probe_series("a.hits_per_s")
        assert (rate_at_s.tolist(), rates.tolist()) == ([2, 5], [2, 3]), "none where it began again"
        assert run.probe_series("a.told_per_s")[1].tolist() == [3]
        assert run.roles() == {"l1_hits": "a.hits"}
        assert run.role("l1_hits")[1].tolist() == [1, 5, 2, 8]
        assert [len(part) for part in (*run.role("l1_misses"), *run.probe_series("x.y_per_s"))] == [
            0, 0, 0, 0,
        ]  # fmt: skip
