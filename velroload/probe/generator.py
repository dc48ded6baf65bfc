"""What the generating machine did in a second: CPU, waiting for a core, steal, throttling.

From /proc/PID/schedstat (Documentation/scheduler/sched-stats), /proc/stat and the control group's
cpu.stat. What cannot be read is None, never 0.
"""

import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Second:
    """Shares of the time since the reading before. Lists run over the workers."""

    worker_cpu: list[float | None]
    run_delay: list[float | None]
    steal: float | None
    throttled: bool


class GeneratorProbe:
    """Reads the workers' and the machine's counters; each call gives the change since the last."""

    def __init__(self, pids: list[int], cpus: list[int], root: Path = Path("/")) -> None:
        self.pids = pids
        self.cpus = set(cpus)
        self.root = root
        self.proc = root / "proc"
        self._at_ns = time.monotonic_ns()
        self._workers = [self._schedstat(pid) for pid in pids]
        self._steal = self._stolen()
        self._throttled = self._throttlings()

    def second(self) -> Second:
        now_ns = time.monotonic_ns()
        span_ns = max(1, now_ns - self._at_ns)
        workers = [self._schedstat(pid) for pid in self.pids]
        steal, throttled = self._stolen(), self._throttlings()
        result = Second(
            [share(a, b, 0, span_ns) for a, b in zip(self._workers, workers, strict=True)],
            [share(a, b, 1, span_ns) for a, b in zip(self._workers, workers, strict=True)],
            stolen_share(self._steal, steal),
            throttled is not None and self._throttled is not None and throttled > self._throttled,
        )
        self._at_ns, self._workers = now_ns, workers
        self._steal, self._throttled = steal, throttled
        return result

    def _schedstat(self, pid: int) -> tuple[int, int] | None:
        """(ns on a CPU, ns waiting for one) of the process's main thread."""
        try:
            run_ns, waited_ns, _ = (self.proc / str(pid) / "schedstat").read_text().split()
            return int(run_ns), int(waited_ns)
        except (OSError, ValueError):
            return None

    def _stolen(self) -> tuple[int, int] | None:
        """(stolen ticks, all ticks) of the workers' CPUs."""
        stolen = total = 0
        try:
            for line in (self.proc / "stat").read_text().splitlines():
                name, *ticks = line.split()
                if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in self.cpus:
                    stolen += int(ticks[7])
                    total += sum(map(int, ticks[:8]))
        except (OSError, ValueError, IndexError):
            return None
        return (stolen, total) if total else None

    def _throttlings(self) -> int | None:
        """How often the control group was throttled."""
        try:
            own = (self.proc / "self/cgroup").read_text().strip().rpartition("::")[2]
            path = self.root / "sys/fs/cgroup" / own.lstrip("/") / "cpu.stat"
            fields = dict(line.split() for line in path.read_text().splitlines())
            return int(fields["nr_throttled"])
        except (OSError, ValueError, KeyError):
            return None


def share(
    before: tuple[int, int] | None, after: tuple[int, int] | None, field: int, span_ns: int
) -> float | None:
    if before is None or after is None:
        return None
    return (after[field] - before[field]) / span_ns


def stolen_share(before: tuple[int, int] | None, after: tuple[int, int] | None) -> float | None:
    if before is None or after is None or after[1] <= before[1]:
        return None
    return (after[0] - before[0]) / (after[1] - before[1])
