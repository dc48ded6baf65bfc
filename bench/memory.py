"""Memory of a worker, and what it still allocates in steady state.

    python -m bench.memory [--users 10000] [--seconds 300] [--rate 1000] [--window 10]
                           [--parts connected,slope,allocations] [--velroload "CMD"] [--short]

connected    RSS without the ring (VmRSS - RssShmem) with all users connected, as nginx counts them
slope        the same over --seconds at --rate: Theil-Sen slope, the first fifth left out
allocations  malloc, calloc, realloc, memalign and mmap calls of the worker within --window seconds,
             counted by bench/hook.c with PYTHONMALLOC=malloc, beside nginx's requests in it
"""

import contextlib
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

from bench import ourselves
from bench.background import Gone, running, until
from bench.flags import parser_for
from bench.harness import announce, raise_descriptor_limit, save, say_length, show
from bench.hook import Counts, Hook
from bench.nginx import Nginx

Json = dict[str, Any]
RSS_LIMIT_MIB = 60.0
SLOPE_LIMIT_MIB_PER_MIN = 1.0
SETTLE_S = 3.0
WARM_SHARE = 0.2


def memory_kib(pid: int) -> dict[str, int]:
    """VmRSS, RssShmem and VmHWM of a process, KiB. OSError when it is gone."""
    wanted = ("VmRSS", "RssShmem", "VmHWM")
    found = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name in wanted:
            found[name] = int(rest.split()[0])
    return found


def without_ring_mib(pid: int) -> float:
    """VmRSS - RssShmem."""
    found = memory_kib(pid)
    return (found["VmRSS"] - found["RssShmem"]) / 1024


def slope_mib_per_min(points: Sequence[tuple[float, float]]) -> float | None:
    """Theil-Sen slope of (seconds, MiB); None below three points."""
    if len(points) < 3:
        return None
    every = max(1, len(points) // 300)
    kept = points[::every]
    return 60 * median(
        (b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(kept, 2) if b[0] > a[0]
    )


def command_for(
    flags: Any, nginx: Nginx, folder: str, seconds: float, load: list[str]
) -> list[str]:
    return ourselves.command_for(
        flags.velroload,
        nginx.url,
        seconds=seconds,
        folder=Path(folder) / "run",
        cpus=[flags.client_cpu],
        extra=load,
    )


def connected(flags: Any, nginx: Nginx, users: int) -> Json:
    """RSS of the worker, all users connected and sending."""
    with tempfile.TemporaryDirectory(prefix="velroload-bench-") as scratch:
        command = command_for(flags, nginx, scratch, 60, ["-u", str(users)])
        with running(command) as process:
            until(process, lambda: nginx.status()["active"] >= users, 40)
            time.sleep(SETTLE_S)
            active = nginx.status()["active"]
            workers = {pid: memory_kib(pid) for pid in ourselves.worker_pids(process.pid)}
            if not workers:
                raise Gone("no worker process was found")
            coordinator = without_ring_mib(process.pid)
            mib = max((w["VmRSS"] - w["RssShmem"]) / 1024 for w in workers.values())
    return {
        "command": show(command),
        "users": users,
        "connections": active,
        "worker_rss_mib": mib,
        "worker_status_kib": list(workers.values()),
        "coordinator_rss_mib": coordinator,
        "limit_mib": RSS_LIMIT_MIB,
        "verdict": "PASS" if mib <= RSS_LIMIT_MIB else "FAIL",
    }


def slope(flags: Any, nginx: Nginx, users: int, seconds: int) -> Json:
    """RSS of the worker and of the coordinator once a second."""
    load = ["-u", str(users), "-R", f"{flags.rate:g}"]
    worker_points: list[tuple[float, float]] = []
    own_points: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory(prefix="velroload-bench-") as scratch:
        command = command_for(flags, nginx, scratch, seconds, load)
        before = nginx.requests()
        with running(command) as process:
            until(process, lambda: nginx.requests() - before > 0, 30)
            pids = ourselves.worker_pids(process.pid)
            if not pids:
                raise Gone("no worker process was found")
            started = time.monotonic()
            with contextlib.suppress(OSError, KeyError):  # they have ended
                while (at := time.monotonic() - started) < seconds - 1:
                    worker_points.append((at, sum(map(without_ring_mib, pids))))
                    own_points.append((at, without_ring_mib(process.pid)))
                    time.sleep(1)
            requests = nginx.requests() - before
    warm = seconds * WARM_SHARE
    kept = [point for point in worker_points if point[0] >= warm]
    rise = slope_mib_per_min(kept)
    return {
        "command": show(command),
        "users": users,
        "seconds": seconds,
        "requests": requests,
        "rate_per_s": requests / worker_points[-1][0] if len(worker_points) > 1 else None,
        "worker_mib": [round(mib, 3) for _, mib in worker_points],
        "slope_mib_per_min": rise,
        "coordinator_slope_mib_per_min": slope_mib_per_min(
            [point for point in own_points if point[0] >= warm]
        ),
        "limit_mib_per_min": SLOPE_LIMIT_MIB_PER_MIN,
        "verdict": verdict(rise, SLOPE_LIMIT_MIB_PER_MIN),
    }


def verdict(value: float | None, limit: float) -> str:
    """PASS below the limit."""
    return "NOT MEASURED" if value is None else "PASS" if value < limit else "FAIL"


def allocations(flags: Any, nginx: Nginx, users: int, window_s: float) -> Json:
    """Calls within the window, for the worker and for the coordinator."""
    with tempfile.TemporaryDirectory(prefix="velroload-bench-") as scratch:
        hook = Hook(Path(scratch))
        command = command_for(flags, nginx, scratch, window_s + 30, ["-u", str(users)])
        before = nginx.requests()
        with running(command, hook.environment(python_objects=True)) as process:
            until(process, lambda: nginx.requests() - before > 1000, 40)
            time.sleep(SETTLE_S)
            pids = ourselves.worker_pids(process.pid)
            if not pids:
                raise Gone("no worker process was found")
            watched = [*pids, process.pid]
            requests = nginx.requests()
            counts = {pid: hook.counts(pid) for pid in watched}
            time.sleep(window_s)
            found = {pid: hook.counts(pid).since(counts[pid]) for pid in watched}
            requests = nginx.requests() - requests
    if not requests:
        raise Gone("no request came within the window")
    worker = [found[pid] for pid in pids]
    return {
        "command": show(command),
        "window_s": window_s,
        "requests": requests,
        "calls_before": sum(counts[pid].total for pid in pids),
        "worker": describe(worker, requests),
        "coordinator": describe([found[process.pid]], requests),
    }


def describe(counts: Sequence[Counts], requests: int) -> Json:
    """Summed over processes."""
    total = sum(each.total for each in counts)
    return {
        "calls": total,
        "calls_per_request": total / requests,
        "bytes": sum(each.bytes for each in counts),
        "by_call": {name: sum(each.calls[name] for each in counts) for name in counts[0].calls},
    }


def main(argv: list[str] | None = None) -> int:
    parser = parser_for("memory", __doc__)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--window", type=float, default=10)
    parser.add_argument("--parts", default="connected,slope,allocations")
    flags = parser.parse_args(argv)
    if flags.short:
        flags.users, flags.seconds, flags.window = 500, 6, 3
        flags.parts = "connected,allocations"
    raise_descriptor_limit()
    head = announce("memory", argv)
    parts: dict[str, Callable[[Nginx], Json]] = {
        "connected": lambda nginx: connected(flags, nginx, flags.users),
        "slope": lambda nginx: slope(flags, nginx, min(flags.users, 1000), flags.seconds),
        "allocations": lambda nginx: allocations(flags, nginx, 64, flags.window),
    }
    lengths_s = {"connected": 10.0, "slope": flags.seconds, "allocations": flags.window + 8}
    say_length(sum(lengths_s[name] for name in flags.parts.split(",")))
    figures: Json = {}
    for name in flags.parts.split(","):
        with Nginx([flags.server_cpu]) as nginx:
            try:
                figures[name] = parts[name](nginx)
            except (Gone, OSError, ValueError) as error:
                figures[name] = {"failed": str(error)}
        shown = {k: v for k, v in figures[name].items() if k != "worker_mib"}
        print(f"{name}: {shown}", flush=True)
    save(head, figures, flags.results)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
