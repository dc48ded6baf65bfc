"""Rate and CPU from one worker to all cores there are.

    python -m bench.scaling [--rounds 3] [--seconds 10] [--users 64] [--velroload "CMD"] [--short]

Up to three CPUs the server has CPU 0 and the last row shares it with a worker; from four on the
first half of the CPUs is the server's (one nginx worker each). A row where the server used more
than 95 % of its CPUs, or shared one, says nothing about our scaling: it is marked.
"""

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import ourselves
from bench.flags import parser_for
from bench.harness import (
    alternate,
    announce,
    median,
    raise_descriptor_limit,
    run_tree,
    save,
    say_length,
)
from bench.nginx import Nginx

LIMIT_SHARE = 0.9
SERVER_FULL = 0.95


def split_cpus(cpus: list[int]) -> tuple[list[int], list[int]]:
    """The server's CPUs, and ours in the order in which workers are added."""
    if len(cpus) < 4:
        return cpus[:1], cpus[1:] + cpus[:1]
    half = len(cpus) // 2
    return cpus[:half], cpus[half:]


def measure(flags: Any, nginx: Nginx, cpus: list[int], seconds: int) -> dict[str, Any]:
    """One round with one worker per CPU of `cpus`."""
    with tempfile.TemporaryDirectory(prefix="velroload-bench-") as scratch:
        folder = Path(scratch) / "run"
        users = ["-u", str(flags.users * len(cpus))]
        command = ourselves.command_for(
            flags.velroload, nginx.url, seconds=seconds, folder=folder, cpus=cpus, extra=users
        )
        requests, cpu_s, started = nginx.requests(), nginx.cpu_s(), time.monotonic()
        done = run_tree(command, timeout_s=seconds * 3 + 60)
        requests = nginx.requests() - requests
        elapsed_s = time.monotonic() - started
        server_share = (nginx.cpu_s() - cpu_s) / elapsed_s / len(nginx.cpus)
        if done.code not in ourselves.READABLE_CODES or not requests:
            return {"command": done.command, "failed": f"exit {done.code}: {done.stderr.strip()}"}
        try:
            run_s = ourselves.Run.load(folder).seconds() or seconds
        except (OSError, ValueError, LookupError) as error:
            return {"command": done.command, "failed": f"its output was not understood: {error}"}
        return {
            "command": done.command,
            "requests": requests,
            "rate_per_s": requests / run_s,
            "cpu_us_per_request": done.cpu_s * 1e6 / requests,
            "server_share": min(1.0, server_share * elapsed_s / run_s),
        }


def summarise(cpus: list[int], servers: list[int], runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians of one number of workers."""
    good = [run for run in runs if "failed" not in run]
    row: dict[str, Any] = {"workers": len(cpus), "cpus": cpus, "command": runs[0]["command"]}
    for key in ("rate_per_s", "cpu_us_per_request", "server_share"):
        row[key] = median([run[key] for run in good])
    if not good:
        row["failed"] = runs[0]["failed"]
    elif set(cpus) & set(servers):
        row["limited_by"] = "a worker shares its CPU with the server"
    elif (row["server_share"] or 0) > SERVER_FULL:
        row["limited_by"] = "the server uses all of its CPUs"
    return row


def main(argv: list[str] | None = None) -> int:
    parser = parser_for("scaling", __doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--users", type=int, default=64, help="per worker")
    flags = parser.parse_args(argv)
    rounds, seconds = (1, 2) if flags.short else (flags.rounds, flags.seconds)
    raise_descriptor_limit()
    head = announce("scaling", argv)
    servers, ours = split_cpus(sorted(os.sched_getaffinity(0)))
    levels = [ours[: n + 1] for n in range(len(ours))]
    say_length(rounds * len(levels) * (seconds + 1.5))
    runs: dict[int, list[dict[str, Any]]] = {}
    with Nginx(servers) as nginx:
        for _, cpus in alternate(levels, rounds):
            runs.setdefault(len(cpus), []).append(measure(flags, nginx, cpus, seconds))
            print(f"{len(cpus)} workers: {runs[len(cpus)][-1]}", flush=True)
    rows = [summarise(cpus, servers, runs[len(cpus)]) for cpus in levels]
    first = rows[0]["rate_per_s"]
    for row in rows:
        if first and row["rate_per_s"]:
            row["of_linear"] = row["rate_per_s"] / first / row["workers"]
    save(
        head,
        {
            "seconds": seconds,
            "rounds": rounds,
            "server_cpus": servers,
            "limit_share": LIMIT_SHARE,
            "rows": rows,
        },
        flags.results,
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
