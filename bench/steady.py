"""CPU of workers and coordinator in steady state, from outside, beside the bare C loop.

    python -m bench.steady [--rounds 5] [--window 10] [--connections 64,1000,10000]
                           [--rate 5000] [--velroload "CMD"] [--short]

Start-up is left out: a window of --window seconds in the middle of a run, CPU per process from
/proc (schedstat, nanoseconds, all threads), requests counted by nginx in the same window. The
goals: worker <= 1.15 x floor, coordinator <= 3 % of the workers. At a planned rate the worker
sleeps between starts (--idle sleep): spinning is CPU spent on purpose, not per request. Nothing but
the worker and the floor is bound to the client's CPU.
"""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import ourselves
from bench.background import Gone, running, until
from bench.flags import parser_for
from bench.harness import (
    ROOT,
    alternate,
    announce,
    compile_c,
    median,
    on_cpus,
    raise_descriptor_limit,
    save,
    say_length,
    show,
)
from bench.nginx import Nginx

Json = dict[str, Any]
WORKER_TO_FLOOR_LIMIT = 1.15
COORDINATOR_LIMIT = 0.03
SETTLE_S = 2.0
AROUND_S = 2.0
MARGIN_S = 30
"""How much longer than the window a run is planned: start-up and settling stay outside."""

FIGURES = ("worker_us", "coordinator_us", "rate_per_s")


def cpu_ns(pid: int) -> int:
    """Time on a CPU of all threads that live. OSError when the process is gone."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total


def window(nginx: Nginx, command: Sequence[str], users: int, seconds: float, *, ours: bool) -> Json:
    """One run looked at for `seconds`. Gone when it ends before or shows no worker."""
    with running(command) as process:
        until(process, lambda: nginx.status()["active"] >= users, 60)
        time.sleep(SETTLE_S)
        workers = ourselves.worker_pids(process.pid) if ours else [process.pid]
        if not workers:
            raise Gone("no worker process was found")
        watched = [*workers, *([process.pid] if ours else [])]
        started, requests = time.monotonic(), nginx.requests()
        before = {pid: cpu_ns(pid) for pid in watched}
        time.sleep(seconds)
        taken = {pid: cpu_ns(pid) - before[pid] for pid in watched}
        requests = nginx.requests() - requests
        elapsed_s = time.monotonic() - started
    if not requests:
        raise Gone("no request came within the window")
    row: Json = {
        "command": show(command),
        "requests": requests,
        "rate_per_s": requests / elapsed_s,
        "worker_us": sum(taken[pid] for pid in workers) / 1e3 / requests,
    }
    if ours:
        row["coordinator_us"] = taken[process.pid] / 1e3 / requests
    return row


def command_for(flags: Any, nginx: Nginx, row: Json, scratch: str, floor: Path) -> list[str]:
    """The floor, or velroload as fast as it can or at the rate."""
    seconds = flags.window + MARGIN_S
    if row["tool"] == "floor":
        place = f"127.0.0.1:{nginx.port}"
        arguments = [place, "/", str(row["connections"]), str(seconds)]
        return on_cpus([str(floor), *arguments], [flags.client_cpu])
    load = ["-u", str(row["connections"])]
    if row["mode"] == "planned":
        load += ["-R", f"{flags.rate:g}", "--idle", "sleep"]
    return ourselves.command_for(
        flags.velroload,
        nginx.url,
        seconds=seconds,
        folder=Path(scratch) / "run",
        cpus=[flags.client_cpu],
        extra=load,
    )


def measure(flags: Any, row: Json, floor: Path) -> Json:
    """One round of one row, against a fresh nginx."""
    ours = row["tool"] == "velroload"
    with (
        tempfile.TemporaryDirectory(prefix="velroload-bench-") as scratch,
        Nginx([flags.server_cpu]) as nginx,
    ):
        command = command_for(flags, nginx, row, scratch, floor)
        try:
            return window(nginx, command, row["connections"], flags.window, ours=ours)
        except (Gone, OSError) as error:
            return {"command": show(command), "failed": str(error)}


def summarise(row: Json, runs: list[Json]) -> Json:
    """Medians over the rounds that worked."""
    good = [run for run in runs if "failed" not in run]
    found = {**row, "command": runs[0]["command"], "rounds": len(good), "runs": runs}
    found |= {key: median([run.get(key) for run in good]) for key in FIGURES}
    if len(good) < len(runs):
        found["failed"] = next(run["failed"] for run in runs if "failed" in run)
    return found


def judge(rows: list[Json]) -> list[Json]:
    """Per row of ours: worker to floor (closed load only), coordinator to workers."""
    floors = {row["connections"]: row["worker_us"] for row in rows if row["tool"] == "floor"}
    found = []
    for row in rows:
        if row["tool"] != "velroload":
            continue
        worker, coordinator = row["worker_us"], row["coordinator_us"]
        floor = floors.get(row["connections"]) if row["mode"] == "closed" else None
        found.append(
            {
                "connections": row["connections"],
                "mode": row["mode"],
                "worker_to_floor": worker / floor if worker and floor else None,
                "coordinator_to_worker": coordinator / worker if worker and coordinator else None,
            }
        )
    return found


def main(argv: list[str] | None = None) -> int:
    parser = parser_for("steady", __doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--window", type=float, default=10)
    parser.add_argument("--connections", default="64,1000,10000")
    parser.add_argument("--rate", type=float, default=5000)
    flags = parser.parse_args(argv)
    if flags.short:
        flags.rounds, flags.window, flags.connections = 1, 3, "64"
    raise_descriptor_limit()
    head = announce("steady", argv)
    wanted: list[Json] = [
        {"tool": tool, "mode": mode, "connections": int(connections)}
        for connections in flags.connections.split(",")
        for tool, mode in (("velroload", "closed"), ("velroload", "planned"), ("floor", "closed"))
    ]
    say_length(flags.rounds * len(wanted) * (flags.window + SETTLE_S + AROUND_S))
    runs: dict[int, list[Json]] = {}
    with tempfile.TemporaryDirectory(prefix="velroload-bench-") as scratch:
        floor = compile_c(ROOT / "bench" / "floor.c", Path(scratch))
        for _, (place, row) in alternate(list(enumerate(wanted)), flags.rounds):
            run = measure(flags, row, floor)
            runs.setdefault(place, []).append(run)
            print({**row, **{k: v for k, v in run.items() if k != "command"}}, flush=True)
    rows = [summarise(row, runs[place]) for place, row in enumerate(wanted)]
    judged = judge(rows)
    for each in judged:
        print(each)
    save(
        head,
        {
            "window_s": flags.window,
            "planned_rate_per_s": flags.rate,
            "rows": rows,
            "ratios": judged,
            "limits": {
                "worker_to_floor": WORKER_TO_FLOOR_LIMIT,
                "coordinator_to_worker": COORDINATOR_LIMIT,
            },
        },
        flags.results,
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
