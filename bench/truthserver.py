"""The ground-truth server as a child process, its log as an array, the calibrated loopback path."""

import functools
import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.harness import ROOT, compile_c, on_cpus, stop

MAGIC = b"VLTRUTH1"
HEADER_BYTES = 32
RECORD = np.dtype(
    [
        ("id", "<i8"),
        ("received_ns", "<i8"),
        ("read_ns", "<i8"),
        ("sent_ns", "<i8"),
        ("planned_ns", "<i8"),
        ("connection", "<u4"),
        ("flags", "<u4"),
    ]
)
"""One request, as bench/truth/log.h has it; instants are CLOCK_MONOTONIC ns."""

USER_CLOCK, ZERO, HALF_CLOSED, UNANSWERED = 1, 2, 4, 8
SOURCES = ROOT / "bench" / "truth"
PROGRAMS = ("truth.c", "path.c")


def read_log(path: Path) -> NDArray[np.void]:
    """The server's records. ValueError when the file is not a whole log or requests are missing."""
    data = path.read_bytes()
    if data[:8] != MAGIC:
        raise ValueError(f"{path}: not a log of the truth server")
    record_bytes = int.from_bytes(data[8:12], "little")
    count, lost = (int.from_bytes(data[at : at + 8], "little") for at in (16, 24))
    if record_bytes != RECORD.itemsize or len(data) != HEADER_BYTES + count * RECORD.itemsize:
        raise ValueError(f"{path}: {count} records of {record_bytes} bytes do not fit its size")
    if lost:
        raise ValueError(f"{path}: {lost} requests did not fit into the log")
    log: NDArray[np.void] = np.frombuffer(data, RECORD, offset=HEADER_BYTES)
    return log


def answered(log: NDArray[np.void], *, zero: bool = False) -> NDArray[np.void]:
    """Answered requests of the delayed (or the /zero) path, in the order they were received."""
    kept: NDArray[np.void] = log[
        ((log["flags"] & UNANSWERED) == 0) & (((log["flags"] & ZERO) != 0) == zero)
    ]
    return kept[np.argsort(kept["received_ns"], kind="stable")]


def service_ns(log: NDArray[np.void]) -> NDArray[np.int64]:
    """What the server itself took: from kernel receive to just before send."""
    taken: NDArray[np.int64] = log["sent_ns"] - log["received_ns"]
    return taken


@functools.cache
def programs() -> tuple[Path, Path, "tempfile.TemporaryDirectory[str]"]:
    """The server and the path's client, compiled once per process; removed at its end."""
    folder = tempfile.TemporaryDirectory(prefix="velroload-truth-")
    server, client = (compile_c(SOURCES / name, Path(folder.name)) for name in PROGRAMS)
    return server, client, folder


class Truth:
    """A context manager; after close(), `counts` and `log` hold what the server says.

    `delay` as bench/truth/delay.h has it. RuntimeError when the server does not start.
    """

    def __init__(
        self,
        delay: str = "zero",
        *,
        cpu: int | None = None,
        spin_us: int = 0,
        seed: int = 1,
        extra: Sequence[str] = (),
    ) -> None:
        self.scratch = tempfile.TemporaryDirectory(prefix="velroload-truth-")
        self.folder = Path(self.scratch.name)
        self.log_path = self.folder / "truth.log"
        command = [str(programs()[0]), "--delay", delay, "--log", str(self.log_path)]
        command += ["--spin-us", str(spin_us), "--seed", str(seed), *extra]
        self.process = subprocess.Popen(
            on_cpus(command, None if cpu is None else [cpu]),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            words = self.process.communicate()[1]
            self.scratch.cleanup()
            raise RuntimeError(f"the truth server did not start: {words}")
        self.port = int(json.loads(line)["port"])
        self.counts: dict[str, int] = {}
        self.log: NDArray[np.void] = np.zeros(0, RECORD)
        self.closed = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def path_ns(self, requests: int = 1000, gap_us: int = 500, cpu: int | None = None) -> list[int]:
        """Per request of a /zero calibration: send to kernel receive, as the client sees it."""
        place = f"127.0.0.1:{self.port}"
        command = [str(programs()[1]), place, "/zero", str(requests), str(gap_us)]
        done = subprocess.run(
            on_cpus(command, None if cpu is None else [cpu]),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode:
            raise RuntimeError(f"the calibration of the loopback path failed: {done.stderr}")
        values: list[int] = json.loads(done.stdout)
        return values

    def close(self) -> None:
        """Stop the server and read its log; twice-safe."""
        if self.closed:
            return
        self.closed = True
        if self.process.poll() is None:
            self.process.terminate()
        try:
            out, _ = self.process.communicate(timeout=30)
            self.counts = json.loads(out)
            self.log = read_log(self.log_path)
        finally:
            stop(self.process)
            self.scratch.cleanup()

    def __enter__(self) -> "Truth":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def loopback_path_ns(client_ns: Sequence[int], log: NDArray[np.void]) -> dict[str, Any]:
    """What the way there and back adds, request by request, from a calibration's own log.

    ValueError when the two do not have the same number of requests.
    """
    server = service_ns(answered(log, zero=True))
    if len(server) != len(client_ns):
        raise ValueError(f"calibration: {len(client_ns)} requests sent, {len(server)} logged")
    added = np.asarray(client_ns, dtype=np.int64) - server
    return {
        "requests": len(added),
        "p50": float(np.percentile(added, 50)),
        "p99": float(np.percentile(added, 99)),
        "min": float(added.min()),
    }
