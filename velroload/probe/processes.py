"""A process of this machine and its children, by pid or by the port that it listens on."""

import asyncio
import os
import time

import psutil

from velroload.plan.probe import Probe
from velroload.probe.source import Figure, MissingError, Named, Reading

FIGURES = {
    "cpu_share": Figure("share", "CPU time used of the CPUs that it may run on"),
    "cpu_s": Figure("s", "CPU time used so far"),
    "memory_share": Figure("share", "resident memory of the machine's"),
    "memory_bytes": Figure("bytes", "resident memory, shared pages counted in each process"),
    "processes": Figure("count", "it and its children"),
    "threads": Figure("count", "threads of all of them"),
    "descriptors": Figure("count", "open descriptors, where the kernel tells without listing them"),
}
ROLES = {
    "process_cpu_share": "cpu_share",
    "memory_share": "memory_share",
    "memory_bytes": "memory_bytes",
}
LOOK_AGAIN_S = 5.0
"""Between two looks for new children, which go through all processes of the machine, and between
two searches for whoever listens, which list all its sockets."""


class ProcessSource(Named):
    """Watches a process tree; a process that ends takes nothing back of what it used.

    A port may be several processes' (SO_REUSEPORT): all of them.
    """

    def __init__(self, probe: Probe) -> None:
        super().__init__(probe, FIGURES, ROLES)
        self._by, _, number = probe.where.partition(":")
        self._number = int(number)
        self._roots: list[psutil.Process] = []
        self._family: dict[int, psutil.Process] = {}
        self._searched_s = self._looked_s = -LOOK_AGAIN_S
        self._used_s: dict[tuple[int, float], float] = {}
        self._total_s = 0.0
        self._at_s: float | None = None

    async def read(self) -> Reading:
        """Its figures; the first reading has no share of CPU."""
        if not any(root.is_running() for root in self._roots):
            await self._search()
            self._looked_s = -LOOK_AGAIN_S
        if time.monotonic() - self._looked_s >= LOOK_AGAIN_S:
            self._looked_s = time.monotonic()
            self._family = {each.pid: each for root in self._roots for each in tree(root)}
        now_s, before_s = time.monotonic(), self._at_s
        used: dict[tuple[int, float], float] = {}
        sums = dict.fromkeys(("memory", "threads", "descriptors"), 0)
        cpus: set[int] = set()
        for process in self._family.values():
            try:
                with process.oneshot():
                    if process.status() == psutil.STATUS_ZOMBIE:
                        continue
                    times = process.cpu_times()
                    used[process.pid, process.create_time()] = times.user + times.system
                    sums["memory"] += process.memory_info().rss
                    sums["threads"] += process.num_threads()
                    cpus.update(process.cpu_affinity() or ())
                sums["descriptors"] += os.stat(f"/proc/{process.pid}/fd").st_size
            except (psutil.Error, OSError):
                continue
        if not used:
            self._roots = []
            raise MissingError(f"there is no process {self._by} {self._number} any more")
        new_s = sum(max(0.0, s - self._used_s.get(key, 0.0)) for key, s in used.items())
        first = before_s is None
        self._total_s += new_s
        self._used_s, self._at_s = used, now_s
        values = {
            "cpu_s": self._total_s,
            "memory_bytes": float(sums["memory"]),
            "memory_share": sums["memory"] / psutil.virtual_memory().total,
            "processes": float(len(used)),
            "threads": float(sums["threads"]),
        }
        if sums["descriptors"]:
            values["descriptors"] = float(sums["descriptors"])
        if not first and before_s is not None and now_s > before_s:
            values["cpu_share"] = new_s / (now_s - before_s) / max(1, len(cpus))
        return Reading(values)

    async def _search(self) -> None:
        """Find it. MissingError when there is none."""
        if self._by == "pid":
            try:
                self._roots = [psutil.Process(self._number)]
            except psutil.Error:
                raise MissingError(f"there is no process {self._number}") from None
            return
        if time.monotonic() - self._searched_s < LOOK_AGAIN_S:
            raise MissingError(f"nobody listens on port {self._number}")
        self._searched_s = time.monotonic()
        self._roots = await asyncio.to_thread(listeners, self._number)
        if not self._roots:
            raise MissingError(
                f"nobody listens on port {self._number}, or it is another user's process"
            )

    async def close(self) -> None:
        """Nothing is held."""


def tree(root: psutil.Process) -> list[psutil.Process]:
    """A process and its children, those that are still there."""
    try:
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def listeners(port: int) -> list[psutil.Process]:
    """The processes that listen on a TCP port, those below others of them left out."""
    pids = {
        each.pid
        for each in psutil.net_connections("tcp")
        if each.status == psutil.CONN_LISTEN and each.pid and each.laddr[1:2] == (port,)
    }
    found = []
    for pid in pids:
        try:
            process = psutil.Process(pid)
            if not pids & {parent.pid for parent in process.parents()}:
                found.append(process)
        except psutil.Error:
            continue
    return found
