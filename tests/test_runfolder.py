"""velroload/runfolder.py: what is saved is what is loaded, from arrays or from the journal."""

import json
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
from velroload.rundata import RunData
from velroload.runfolder import ARRAYS, load, save, write_file

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
