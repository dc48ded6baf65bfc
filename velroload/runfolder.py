"""The run folder: where engine and analysis meet. A report can be made from it years later.

run.json           manifest, events and the end record
journal.bin        the same and all figures, as they came (journal.py); alone it is enough
histograms.npz     hist, stats, series
counters.npz       counts, and the workers' live counters as JSON
probes.npz         time_s, names, values (NaN where nothing was read)
tail.npy           the 1,000 slowest samples of each phase × endpoint
reservoir.npy      up to 20,000 samples, uniform over the run

Files appear whole or not at all: temporary name, fsync, rename. Nothing is pickled.
"""

import io
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from velroload import journal
from velroload.errors import ConfigError
from velroload.index import Index, read_index
from velroload.journal import COUNTS, HIST_SUM, SERIES, STATS, RecordKind, Rows
from velroload.rundata import Row, RunData, in_indexes
from velroload.sample import SAMPLE

JOURNAL = "journal.bin"
MANIFEST = "run.json"
ARRAYS = ("histograms.npz", "counters.npz", "probes.npz", "tail.npy", "reservoir.npy")


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: temporary name beside it, fsync, rename.

    OSError names the file, also when the disk is full (the system's own error does not).
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        error.filename = str(path)
        raise


def _json_bytes(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def save_manifest(folder: Path, manifest: Row) -> None:
    """run.json of a run that goes on: it has no end yet."""
    write_file(folder / MANIFEST, _json_bytes(manifest))


def save(folder: Path, data: RunData) -> None:
    """Write everything but the journal; run.json last, since its "end" says that all is there."""
    names, values = _probe_table(data.probes)
    counters = np.frombuffer(json.dumps(data.counters).encode(), dtype=np.uint8)
    times = np.array([row["time_s"] for row in data.probes], dtype=np.float64)
    _save_npz(folder / ARRAYS[0], hist=data.hist, stats=data.stats, series=data.series)
    _save_npz(folder / ARRAYS[1], counts=data.counts, workers_json=counters)
    _save_npz(folder / ARRAYS[2], time_s=times, names=np.array(names, dtype=np.str_), values=values)
    for name, array in (("tail.npy", data.tail), ("reservoir.npy", data.reservoir)):
        file = io.BytesIO()
        np.save(file, array, allow_pickle=False)
        write_file(folder / name, file.getvalue())
    manifest = data.manifest | {"events": data.events, "end": data.end}
    write_file(folder / MANIFEST, _json_bytes(manifest))


def _save_npz(path: Path, **arrays: NDArray[Any]) -> None:
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    write_file(path, file.getvalue())


def _probe_table(probes: list[Row]) -> tuple[list[str], NDArray[np.float64]]:
    names = sorted({name for row in probes for name in row["values"]})
    values = [[row["values"].get(name, np.nan) for name in names] for row in probes]
    return names, np.array(values, dtype=np.float64).reshape(len(probes), len(names))


def load(folder: str | Path) -> RunData:
    """Read a run from its finished arrays or, where these are missing, from its journal alone.

    ConfigError when the folder holds no run.
    """
    folder = Path(folder)
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        if isinstance(manifest, dict) and manifest.get("end") is not None:
            return _load_arrays(folder, manifest)
        problem = None
    except FileNotFoundError as error:
        problem = f"{Path(error.filename).name} is missing"
    except Exception as error:  # numpy and zipfile fail in many ways on damaged files
        problem = f"the finished arrays cannot be read ({error})"
    try:
        found = from_journal((folder / JOURNAL).read_bytes())
    except OSError as error:
        reason = "there is no such folder" if not folder.is_dir() else problem or error.strerror
        raise ConfigError(f"{folder}: no run can be read here: {reason}.") from None
    if not found.manifest:
        raise ConfigError(f"{folder}: no run can be read here: journal.bin has no manifest.")
    if problem:
        found.notes.append(f"{problem}: everything was made from journal.bin.")
    return found


def _load_arrays(folder: Path, manifest: Row) -> RunData:
    data = RunData(manifest=manifest, events=manifest.pop("events"), end=manifest.pop("end"))
    types = {"hist": HIST_SUM, "stats": STATS, "series": SERIES, "counts": COUNTS}
    indexes: dict[str, Index] = {}
    for name, dtype in types.items():
        file = ARRAYS[1] if name == "counts" else ARRAYS[0]
        indexes[name] = read_index(folder / file, name, dtype)
    with _load_array(folder / ARRAYS[1]) as arrays:
        data.counters = json.loads(arrays["workers_json"].tobytes())
    with _load_array(folder / ARRAYS[2]) as arrays:
        names = [str(name) for name in arrays["names"]]
        for time_s, row in zip(arrays["time_s"], arrays["values"], strict=True):
            known = {n: float(v) for n, v in zip(names, row, strict=True) if not np.isnan(v)}
            data.probes.append({"time_s": float(time_s), "values": known})
    data.tail = _checked(_load_array(folder / "tail.npy"), SAMPLE)
    data.reservoir = _checked(_load_array(folder / "reservoir.npy"), SAMPLE)
    data.complete = True
    return in_indexes(data, indexes)


def _load_array(path: Path) -> Any:
    """An array, or the arrays of an .npz. From memory: np.load leaks the file it cannot read."""
    return np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)


def _checked(array: Rows, dtype: np.dtype[Any]) -> Rows:
    if array.dtype != dtype:
        raise ValueError("an array of another layout")
    return array


def from_journal(data: bytes) -> RunData:
    """A run from the bytes of its journal; notes say what was cut off."""
    found = RunData()
    deltas = []
    for record in journal.records(data):
        if isinstance(record, str):
            found.notes.append(record)
        elif record[0] == RecordKind.DELTA:
            deltas.append(record[1])
        else:
            add_record(found, *record)
    set_figures(found, deltas)
    found.complete = found.end is not None
    if not found.complete:
        found.notes.append("journal.bin has no end record: the run was cut short.")
    return found


def add_record(data: RunData, kind: RecordKind, value: Row) -> None:
    """Take in one record that is not a delta. A later manifest replaces an earlier one."""
    if kind == RecordKind.MANIFEST:
        data.manifest = value
    elif kind == RecordKind.END:
        data.end = value
    else:
        rows = {
            RecordKind.EVENT: data.events,
            RecordKind.COUNTERS: data.counters,
            RecordKind.PROBE: data.probes,
        }
        rows[kind].append(value)


def set_figures(data: RunData, deltas: Iterable[journal.Delta]) -> None:
    """Set hist, stats, series, counts and tail to the sums of these deltas."""
    columns = list(zip(*(delta.arrays for delta in deltas), strict=True))
    if not columns:
        return
    hist, stats, series, counts, tail = (np.concatenate(column) for column in columns)
    data.hist = journal.sum_rows(hist)
    data.stats = journal.sum_rows(stats)
    data.series = journal.sum_rows(series)
    data.counts = journal.sum_rows(counts)
    data.tail = journal.slowest(tail)
