"""The machine that generates the load, as a source: it, its workers, its coordinator.

What validity judges is read apart (generator.py); this is for looking at.
"""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from velroload.probe.machine import FIGURES, Machine, told, told_lines
from velroload.probe.source import Figure, Reading

NAME = "generator"
TIMEOUT_NS = 1_000_000_000
PER_CORE = {
    "share": Figure("share", "CPU time used of this CPU; stolen time is used"),
    "steal_share": Figure("share", "of this CPU, what the hypervisor took"),
    "softirq_share": Figure("share", "of this CPU, what soft interrupts took"),
}
PER_PROCESS = {
    "cpu_s": Figure("s", "CPU time used so far"),
    "run_delay_s": Figure("s", "time spent waiting for a CPU, so far"),
    "involuntary_switches": Figure("count", "times that it lost its CPU, so far"),
    "memory_bytes": Figure("bytes", "resident memory"),
}
FREQUENCY = Figure("per_s", "mean frequency of the CPUs, in Hz")


def cores() -> list[int]:
    """The CPUs of this machine."""
    return list(range(os.cpu_count() or 1))


def figures_of(cpus: Sequence[int], workers: int) -> dict[str, Figure]:
    """All that can be told of so many workers on these CPUs' machine."""
    processes = (*(f"worker{index}" for index in range(workers)), "coordinator")
    return {
        **FIGURES,
        **{f"cpu{core}_{name}": each for core in cpus for name, each in PER_CORE.items()},
        **{f"{who}_{name}": each for who in processes for name, each in PER_PROCESS.items()},
        "frequency_hz": FREQUENCY,
    }


class GeneratorSource:
    """Reads about 1 ms at a time, on the loop. It has no roles: it is not the target."""

    def __init__(self, pids: Sequence[int], cpus: Sequence[int], root: Path = Path("/")) -> None:
        self.name = self.kind = NAME
        self.timeout_ns = TIMEOUT_NS
        self.figures = figures_of(cpus, len(pids))
        self.roles: dict[str, str] = {}
        self._machine = Machine(cpus, root)
        self._proc = root / "proc"
        names = [f"worker{index}" for index in range(len(pids))]
        self._processes = [*zip(names, pids, strict=True), ("coordinator", os.getpid())]

    async def read(self) -> Reading:
        """Everything."""
        values = self._machine.read()
        for name, pid in self._processes:
            own = told(partial(process, self._proc / str(pid)))
            values |= {f"{name}_{key}": value for key, value in own.items()}
        speeds = self._machine.frequencies_hz()
        if speeds:
            values["frequency_hz"] = sum(speeds) / len(speeds)
        return Reading(values)

    async def close(self) -> None:
        """Nothing is held."""


def process(folder: Path) -> dict[str, float]:
    """A process's main thread, where its work is done: schedstat and status of proc(5)."""
    run_ns, waited_ns, _ = (folder / "schedstat").read_text().split()
    fields = dict(line.split(":", 1) for line in told_lines(folder / "status"))
    return {
        "cpu_s": int(run_ns) / 1e9,
        "run_delay_s": int(waited_ns) / 1e9,
        "involuntary_switches": float(fields["nonvoluntary_ctxt_switches"]),
        "memory_bytes": 1024.0 * int(fields["VmRSS"].split()[0]),
    }
