"""velroload/engine/recorder.py: the folder, the live view, a kill and a full disk."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.reference.runs import COUNTERS, END, EVENT, MANIFEST, PROBES, deltas_of, samples_of
from velroload.engine import recorder as module
from velroload.engine.recorder import Recorder
from velroload.errors import ConfigError
from velroload.rundata import RunData
from velroload.runfolder import from_journal, load

BATCHES = [samples_of(second) for second in range(4)]


def record(folder: Path) -> Recorder:
    recorder = Recorder(folder, dict(MANIFEST))
    for delta in deltas_of(*BATCHES):
        recorder.add(delta)
        recorder.counters(COUNTERS)
    recorder.event(EVENT)
    for probe in PROBES:
        recorder.probe(probe)
    return recorder


def assert_same(one: RunData, other: RunData, *, but: tuple[str, ...] = ()) -> None:
    for name in {"hist", "stats", "series", "counts", "tail", "reservoir"} - set(but):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    for name in ("manifest", "end", "events", "counters", "probes", "complete"):
        assert getattr(one, name) == getattr(other, name), name


def test_folder_journal_and_memory_agree(tmp_path: Path) -> None:
    recorder = record(tmp_path)
    recorder.update_manifest(workers=[{"index": 0, "pid": 7}])
    data = recorder.finish(END, reservoir=BATCHES[0][:9])
    assert recorder.error is None
    assert data.manifest["workers"] == [{"index": 0, "pid": 7}]
    assert_same(load(tmp_path), data)
    assert_same(from_journal((tmp_path / "journal.bin").read_bytes()), data, but=("reservoir",))
    assert not list(tmp_path.glob(".*"))


def test_compacting_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMPACT_ROWS", 10)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    compacted = record(tmp_path / "a").finish(END)
    monkeypatch.undo()
    assert_same(compacted, record(tmp_path / "b").finish(END))


def test_probe_values_that_are_not_finite_are_left_out(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, dict(MANIFEST))
    recorder.probe({"time_s": 1.0, "values": {"a": float("nan"), "b": 2.0, "c": float("inf")}})
    assert recorder.finish(END).probes == [{"time_s": 1.0, "values": {"b": 2.0}}]


def test_folder_that_cannot_be_written_is_said_before_the_start(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(ConfigError) as caught:
        Recorder(missing, dict(MANIFEST))
    assert str(caught.value) == f"{missing}: cannot be written: No such file or directory."
    (tmp_path / "journal.bin").touch()
    with pytest.raises(ConfigError) as caught:
        Recorder(tmp_path, dict(MANIFEST))
    assert str(caught.value) == f"{tmp_path}: cannot be written: File exists."


RECORD = """
import os, resource, signal, sys
from pathlib import Path
from tests.engine.test_recorder import BATCHES, END, record
folder = Path(sys.argv[1])
"""

KILLED = """
recorder = record(folder)
recorder._journal._queue.put(b"torn")
while not (folder / "journal.bin").read_bytes().endswith(b"torn"):
    pass
os.kill(os.getpid(), signal.SIGKILL)
"""

FULL = """
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, resource.RLIM_INFINITY))
recorder = record(folder)
data = recorder.finish(END)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(recorder.error)
print(data.histogram("response", endpoints=[1]).count, data.complete)
"""


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", RECORD + script, str(folder)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )


def test_killed_recorder_leaves_a_journal_that_is_enough(tmp_path: Path) -> None:
    (tmp_path / "killed").mkdir()
    (tmp_path / "whole").mkdir()
    assert run(KILLED, tmp_path / "killed").returncode == -9
    data = load(tmp_path / "killed")
    whole = record(tmp_path / "whole").finish(END)
    for name in ("hist", "stats", "series", "counts", "tail"):
        assert np.array_equal(getattr(data, name), getattr(whole, name)), name
    assert (data.complete, data.end) == (False, None)
    assert data.notes[0].endswith("is cut off: 4 bytes were left out.")
    assert data.notes[1] == "journal.bin has no end record: the run was cut short."


def test_full_disk_does_not_stop_the_measurement(tmp_path: Path) -> None:
    done = run(FULL, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    error, figures = done.stdout.splitlines()
    assert error == f"{tmp_path}/journal.bin: File too large"
    whole = np.concatenate(BATCHES)
    timed = int(((whole["endpoint"] == 1) & (whole["error"] != 40)).sum())
    assert figures == f"{timed} True"
    left = load(tmp_path)
    assert not left.complete
    assert left.notes[0].endswith("bytes were left out.")
    assert not list(tmp_path.glob(".*"))
