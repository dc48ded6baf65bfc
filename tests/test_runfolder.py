"""velroload/runfolder.py: what is saved is what is loaded, from arrays or from the journal."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.reference.runs import (
    COUNTERS,
    END,
    EVENT,
    MANIFEST,
    PROBES,
    deltas_of,
    journal_of,
    samples_of,
)
from velroload import runfolder
from velroload.errors import ConfigError, Exit
from velroload.histogram import Histogram
from velroload.journal import Counter
from velroload.runfolder import ARRAYS, RunData, load, save, write_file

BATCHES = (samples_of(0), samples_of(1), samples_of(2))
FIGURES = ("hist", "stats", "series", "counts", "tail", "reservoir")


@pytest.fixture(scope="module")
def recorded() -> bytes:
    return b"".join(journal_of(deltas_of(*BATCHES)))


def assert_same(one: RunData, other: RunData) -> None:
    for name in FIGURES:
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    for name in ("manifest", "end", "events", "counters", "probes", "complete"):
        assert getattr(one, name) == getattr(other, name), name


def test_journal_alone_is_enough(tmp_path: Path, recorded: bytes) -> None:
    (tmp_path / "journal.bin").write_bytes(recorded)
    data = load(tmp_path)
    assert (data.manifest, data.end, data.events) == (MANIFEST, END, [EVENT])
    assert (data.counters, data.probes, data.complete) == ([COUNTERS] * 3, PROBES, True)
    assert data.notes == ["run.json is missing: everything was made from journal.bin."]
    requests = np.concatenate(BATCHES)
    me = requests[(requests["endpoint"] == 1) & (requests["error"] != 40)]
    assert data.histogram("service", endpoints=1) == Histogram.of(me["end_ns"] - me["sent_ns"])


def test_round_trip_equals_the_journal(tmp_path: Path, recorded: bytes) -> None:
    data = runfolder.from_journal(recorded)
    data.reservoir = BATCHES[0][:50]
    save(tmp_path, data)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*ARRAYS, "run.json"])
    again = load(tmp_path)
    assert again.notes == []
    assert_same(again, data)
    manifest = json.loads((tmp_path / "run.json").read_text())
    assert manifest == MANIFEST | {"events": [EVENT], "end": END}
    assert "café" in (tmp_path / "run.json").read_text()


def test_empty_run_round_trip(tmp_path: Path) -> None:
    data = RunData(manifest=MANIFEST, end=END, complete=True)
    save(tmp_path, data)
    assert_same(load(tmp_path), data)


@pytest.mark.parametrize("name", ARRAYS)
def test_missing_array_is_made_from_the_journal(tmp_path: Path, recorded: bytes, name: str) -> None:
    data = runfolder.from_journal(recorded)
    save(tmp_path, data)
    (tmp_path / "journal.bin").write_bytes(recorded)
    (tmp_path / name).unlink()
    again = load(tmp_path)
    assert again.notes == [f"{name} is missing: everything was made from journal.bin."]
    assert_same(again, data)


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no archive", b"\x93NUMPY\x01\x00v\x00{"])
def test_damaged_array_is_made_from_the_journal(
    tmp_path: Path, recorded: bytes, name: str, damage: bytes
) -> None:
    data = runfolder.from_journal(recorded)
    save(tmp_path, data)
    (tmp_path / "journal.bin").write_bytes(recorded)
    (tmp_path / name).write_bytes(damage)
    again = load(tmp_path)
    assert len(again.notes) == 1
    assert again.notes[0].startswith("the finished arrays cannot be read (")
    assert again.notes[0].endswith("): everything was made from journal.bin.")
    assert_same(again, data)


def test_pickle_is_never_loaded(tmp_path: Path, recorded: bytes) -> None:
    save(tmp_path, runfolder.from_journal(recorded))
    (tmp_path / "journal.bin").write_bytes(recorded)
    np.save(tmp_path / "tail.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    again = load(tmp_path)
    assert "Object arrays cannot be loaded" in again.notes[0]


def test_run_that_was_cut_short_says_so(tmp_path: Path) -> None:
    parts = journal_of(deltas_of(*BATCHES), end=False)
    runfolder.save_manifest(tmp_path, MANIFEST)
    (tmp_path / "journal.bin").write_bytes(b"".join(parts)[:-3])
    data = load(tmp_path)
    assert not data.complete
    assert data.notes == [
        f"journal.bin: the record at byte {sum(map(len, parts[:-1]))} is cut off: "
        f"{len(parts[-1]) - 3} bytes were left out.",
        "journal.bin has no end record: the run was cut short.",
    ]
    assert int(data.counts["value"][data.counts["counter"] == Counter.OK].sum()) > 0


def test_no_run_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    def message(folder: Path) -> str:
        with pytest.raises(ConfigError) as caught:
            load(folder)
        assert caught.value.exit_code == Exit.USAGE
        return str(caught.value)

    none, empty = tmp_path / "none", tmp_path / "empty"
    empty.mkdir()
    assert message(none) == f"{none}: no run can be read here: there is no such folder."
    assert message(empty) == f"{empty}: no run can be read here: run.json is missing."
    (empty / "journal.bin").write_bytes(b"noise")
    assert message(empty) == f"{empty}: no run can be read here: journal.bin has no manifest."


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


def test_write_file_leaves_the_old_one_when_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_file(path, b"old")
    write_file(path, b"new")
    assert path.read_bytes() == b"new"
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(IsADirectoryError):
        write_file(folder, b"x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


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
