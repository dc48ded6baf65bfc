"""Keeps a run's figures: in memory for the live view and the end, in the journal for a kill.

Writing happens in a thread of its own, so that neither a slow disk nor fsync can hold up the
coordinator's loop. A disk that fails or is full never stops the measurement: the first error is
remembered, the journal ends there, and everything is still in memory.
"""

import math
import os
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from velroload import journal, runfolder
from velroload.engine.view import View
from velroload.errors import ConfigError
from velroload.journal import Delta, RecordKind, Rows
from velroload.rundata import Row, RunData
from velroload.sample import SAMPLE

FSYNC_INTERVAL_S = 5.0
CLOSE_TIMEOUT_S = 30.0
COMPACT_ROWS = 1 << 16
"""Rows of histograms to collect before they are summed: sums cost a sort."""


class JournalWriter:
    """Appends records to a file from a thread of its own; one write per batch, fsync every 5 s."""

    def __init__(self, path: Path) -> None:
        self.error: str | None = None
        self._path = path
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def append(self, record: bytes) -> None:
        """Hand over one whole record; returns at once."""
        self._queue.put(record)

    def close(self) -> None:
        """Write what is left, fsync and close; may be called twice. A disk that hangs is left."""
        self._queue.put(None)
        self._thread.join(CLOSE_TIMEOUT_S)
        if self._thread.is_alive():
            self.error = f"{self._path}: not written after {CLOSE_TIMEOUT_S:.0f} s"

    def _run(self) -> None:
        synced_s = time.monotonic()
        try:
            while (record := self._queue.get()) is not None:
                if self.error is not None:
                    continue  # a record after a torn one could not be read
                try:
                    self._write(record)
                    if time.monotonic() - synced_s >= FSYNC_INTERVAL_S:
                        os.fsync(self._fd)
                        synced_s = time.monotonic()
                except OSError as error:
                    self.error = f"{self._path}: {error.strerror}"
        finally:
            self._finish()

    def _finish(self) -> None:
        try:
            if self.error is None:
                os.fsync(self._fd)
        except OSError as error:
            self.error = f"{self._path}: {error.strerror}"
        finally:
            os.close(self._fd)

    def _write(self, record: bytes) -> None:
        rest = memoryview(record)
        while rest:
            rest = rest[os.write(self._fd, rest) :]


class Recorder:
    """Owns the run folder while a run goes on.

    The folder must exist; ConfigError when journal or manifest cannot be written at the start.
    Afterwards no disk error raises: `error` holds the first one. Not thread-safe.
    """

    def __init__(self, folder: Path, manifest: Row) -> None:
        self.folder = folder
        self.data = RunData(manifest=manifest)
        self._error: str | None = None
        self._deltas: list[Delta] = []  # summed at the end; their hist is in _hist
        self._hist: list[Rows] = []
        self._views: list[View] = []
        self._hist_rows = 0  # in _hist, its first (the sum so far) left out
        try:
            runfolder.save_manifest(folder, manifest)
            self._journal = JournalWriter(folder / runfolder.JOURNAL)
        except OSError as error:
            raise ConfigError(f"{folder}: cannot be written: {error.strerror}.") from None
        self._journal.append(journal.pack_json(RecordKind.MANIFEST, manifest))

    @property
    def error(self) -> str | None:
        """The first disk error, one line; None while all is well."""
        return self._error or self._journal.error

    def update_manifest(self, **fields: Any) -> None:
        """Complete the manifest (workers' pids, phases as they came); the last one counts."""
        self.data.manifest = self.data.manifest | fields
        self._append(RecordKind.MANIFEST, self.data.manifest)

    def add(self, delta: Delta) -> None:
        """Add the figures of one node's last second."""
        self._journal.append(journal.pack(RecordKind.DELTA, delta.encode()))
        self._hist.append(delta.hist)
        self._hist_rows += len(delta.hist)
        if self._hist_rows > max(COMPACT_ROWS, len(self._hist[0])):
            self._hist = [journal.sum_rows(self._all_hist())]
            self._hist_rows = 0
        self._deltas.append(
            Delta(stats=delta.stats, series=delta.series, counts=delta.counts, tail=delta.tail)
        )
        for view in self._views:
            view.add(delta)

    def view(self, endpoints: Collection[int]) -> View:
        """Figures of these endpoints from now on, kept ready to be looked at."""
        view = View(endpoints)
        self._views.append(view)
        return view

    def event(self, row: Row) -> None:
        """Something that happened, with its time."""
        self._append(RecordKind.EVENT, row)

    def counters(self, row: Row) -> None:
        """The workers' live counters, once a second."""
        self._append(RecordKind.COUNTERS, row)

    def probe(self, row: Row) -> None:
        """{"time_s": …, "values": {name: number}}; values that are not finite are left out."""
        values = {name: value for name, value in row["values"].items() if math.isfinite(value)}
        self._append(RecordKind.PROBE, row | {"values": values})

    def finish(self, end: Row, reservoir: Rows | None = None) -> RunData:
        """Write the end record, close the journal and save the run folder. Never raises OSError:
        what could not be saved stands in `error`, and the figures are returned all the same."""
        self._append(RecordKind.END, end)
        self._journal.close()
        data = self.data
        runfolder.set_figures(data, self._deltas)
        data.hist = journal.sum_rows(self._all_hist())
        data.reservoir = np.empty(0, SAMPLE) if reservoir is None else reservoir
        data.complete = True
        try:
            runfolder.save(self.folder, data)
        except OSError as error:
            self._error = self.error or f"{error.filename}: {error.strerror}"
        return data

    def snapshot(self, end: Row) -> Callable[[], RunData]:
        """The run so far as if it ended with `end`. What is returned sums the figures and may be
        called in another thread; what comes later is not in it."""
        now = RunData(manifest=dict(self.data.manifest), end=end, events=list(self.data.events))
        deltas, hist = list(self._deltas), list(self._hist)

        def summed() -> RunData:
            runfolder.set_figures(now, deltas)
            if hist:
                widened = [rows.astype(journal.HIST_SUM) for rows in hist]
                now.hist = journal.sum_rows(np.concatenate(widened))
            return now

        return summed

    def close(self) -> None:
        """Close the journal without an end (a run that failed); may be called twice."""
        self._journal.close()

    def _all_hist(self) -> Rows:
        widened = [rows.astype(journal.HIST_SUM) for rows in self._hist]
        return np.concatenate(widened or [self.data.hist])

    def _append(self, kind: RecordKind, row: Row) -> None:
        runfolder.add_record(self.data, kind, row)
        self._journal.append(journal.pack_json(kind, row))
