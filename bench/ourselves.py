"""velroload as the benches see it: a child process and the run folder it leaves.

Nothing of the engine is imported but the format of a sample: what is read stands in run.json and
result.json, and the samples in reservoir.npy and tail.npy.
"""

import contextlib
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from velroload.sample import SAMPLE

DEFAULT_COMMAND = shlex.join([sys.executable, "-m", "velroload"])
PERCENTILES = {
    "p50": "p50",
    "p90": "p90",
    "p95": "p95",
    "p99": "p99",
    "p99.9": "p99_9",
    "max": "max",
}
"""Names in our tables: keys of result.json."""

WORKER_MODULE = "velroload.engine.worker"

READABLE_CODES = (0, 4, 97, 99)
"""Exit codes after which there is a measurement to read (the validity is kept beside it)."""


def command_for(
    base: str, url: str, *, seconds: float, folder: Path, cpus: Sequence[int], extra: Sequence[str]
) -> list[str]:
    """One run of velroload; `base` is the command line that starts it."""
    workers = "cpus:" + ",".join(map(str, cpus))
    return [
        *shlex.split(base),
        url,
        *extra,
        "-d",
        f"{seconds:g}s",
        "-w",
        workers,
        "-q",
        "--out",
        str(folder),
    ]


def worker_pids(root: int) -> list[int]:
    """Worker processes below a running velroload."""
    found = []
    for process in psutil.Process(root).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if any(WORKER_MODULE in part for part in process.cmdline()):
                found.append(process.pid)
    return found


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run folder."""

    folder: Path
    manifest: dict[str, Any]
    result: dict[str, Any]

    @classmethod
    def load(cls, folder: Path) -> "Run":
        """OSError or ValueError when there is no readable run.json or result.json."""
        return cls(
            folder,
            json.loads((folder / "run.json").read_text()),
            json.loads((folder / "result.json").read_text()),
        )

    @property
    def validity(self) -> str:
        """VALID | SUSPECT | INVALID | unknown."""
        validity = self.result.get("validity", {})
        return str(validity.get("verdict", "unknown"))

    @property
    def ledger(self) -> dict[str, Any]:
        return dict(self.result.get("ledger") or {})

    @property
    def epoch_ns(self) -> int:
        """CLOCK_MONOTONIC at the run's time zero."""
        return int(self.manifest["epoch_monotonic_ns"])

    def seconds(self) -> float | None:
        """How long load was sent, by the phases; None when the manifest does not say."""
        phases = self.manifest.get("phases") or []
        ends = [p["end_ns"] for p in phases if p.get("end_ns") is not None]
        starts = [p["start_ns"] for p in phases if p.get("start_ns") is not None]
        return (max(ends) - min(starts)) / 1e9 if starts and ends else None

    def endpoint(self) -> dict[str, Any]:
        """The figures of the run's one request. LookupError without."""
        rows = self.result.get("endpoints") or []
        for row in rows:
            if row.get("kind", "request") == "request" and not row.get("setup"):
                return dict(row)
        raise LookupError("result.json has no endpoint of kind request")

    def times_ms(self, quantity: str) -> dict[str, float | None]:
        """`service_time` or `response_time` or `generator_lag` of the request, ms."""
        row = self.endpoint()
        figures = row.get(f"{quantity}_ms") or self.result.get(f"{quantity}_ms") or {}
        return {name: number(figures.get(key)) for name, key in PERCENTILES.items()}

    def workers(self) -> list[dict[str, Any]]:
        """Evidence per worker; empty when the run left none."""
        return list(self.evidence().get("workers") or [])

    def evidence(self) -> dict[str, Any]:
        return dict((self.manifest.get("end") or {}).get("evidence") or {})

    def worker_cpu_s(self) -> float | None:
        """CPU of the workers' loop threads from start to end, spinning left out."""
        counters = [worker.get("counters") or {} for worker in self.workers()]
        if not counters or not all("cpu_ns" in each for each in counters):
            return None
        return float(sum(each["cpu_ns"] - each.get("spin_ns", 0) for each in counters)) / 1e9

    def worker_steady_cpu(self) -> float | None:
        """Mean share of a core that all workers together take, first and last second left out."""
        rows = self.evidence().get("seconds") or []
        shares = [float(sum(row["worker_cpu"])) for row in rows[1:-1] if row.get("worker_cpu")]
        return sum(shares) / len(shares) if shares else None

    def samples(self) -> NDArray[np.void]:
        """Whole samples that were kept: the uniform reservoir and the slowest; may be empty."""
        parts: list[NDArray[np.void]] = [
            np.load(path, allow_pickle=False)
            for name in ("reservoir.npy", "tail.npy")
            if (path := self.folder / name).exists()
        ]
        parts = [part for part in parts if len(part)]
        return np.unique(np.concatenate(parts)) if parts else np.zeros(0, SAMPLE)


def number(value: Any) -> float | None:
    """A figure, or the value of a figure with its interval; None when there is none."""
    if isinstance(value, dict):
        value = value.get("value")
    return float(value) if isinstance(value, int | float) else None
