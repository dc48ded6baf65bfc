"""CPU per request and peak rate, beside the rivals that are installed and the bare C loop.

    python -m bench.capacity [--rounds 5] [--seconds 20] [--connections 64,1000,10000]
                             [--extra-rounds N] [--rate 20000] [--velroload "CMD"]
                             [--tools wrk,hey] [--short]

A run takes 20 s by default so that start-up weighs as it does in a real one, not more. The result
is kept after each round. --extra-rounds: in how many of the rounds all but the three rows that the
goals are about (velroload closed, floor, wrk) take part.

nginx is pinned to CPU 0 and every client to CPU 1; all entries alternate in one run and the
median of the rounds is kept. Requests are counted by nginx, CPU is that of the whole process tree
(start-up included). "closed": as fast as answers come. "planned": velroload alone, at --rate,
sleeping between starts (spinning is CPU spent on purpose).
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import ourselves
from bench.harness import (
    RESULTS,
    ROOT,
    CountingServer,
    Finished,
    alternate,
    announce,
    compile_c,
    median,
    raise_descriptor_limit,
    run_tree,
    save,
    say_length,
)
from bench.nginx import Nginx
from bench.rivals import RIVALS, Said

Json = dict[str, Any]
AROUND_S = 1.5
"""Start and end of a run, and counting."""

GOALS = (("velroload", "closed"), ("floor", "closed"), ("wrk", "closed"))
MEDIANS = (
    "cpu_us_per_request",
    "user_us_per_request",
    "system_us_per_request",
    "rate_per_s",
    "worker_us_per_request",
    "worker_steady_us_per_request",
    "loop_us_per_request",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: what is run (url → command, folder) and what its output says of itself."""

    tool: str
    mode: str
    connections: int
    command: Callable[[str, Path], list[str]]
    read: Callable[[str, Path], Json]

    @property
    def is_extra(self) -> bool:
        """No goal is about it."""
        return (self.tool, self.mode) not in GOALS


@dataclass(frozen=True, slots=True)
class Options:
    """The bench's flags, read."""

    rounds: int
    extra_rounds: int
    seconds: int
    connections: list[int]
    rate: float
    velroload: str
    tools: list[str]
    server_cpu: int
    client_cpu: int
    results: Path


def read_options(argv: list[str] | None = None) -> Options:
    """Parse the command line; --short makes it one quick round."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.capacity",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--extra-rounds", type=int, default=None)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--connections", default="64,1000,10000")
    parser.add_argument("--rate", type=float, default=20_000)
    parser.add_argument("--velroload", default=ourselves.DEFAULT_COMMAND)
    parser.add_argument("--tools", default="velroload,floor,wrk,h2load,hey,ab")
    parser.add_argument("--server-cpu", type=int, default=0)
    parser.add_argument("--client-cpu", type=int, default=1)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--short", action="store_true")
    flags = parser.parse_args(argv)
    if flags.short:
        flags.rounds, flags.seconds, flags.connections = 1, 3, "64"
        flags.tools = "velroload,floor,wrk"
    return Options(
        rounds=flags.rounds,
        extra_rounds=flags.rounds if flags.extra_rounds is None else flags.extra_rounds,
        seconds=flags.seconds,
        connections=[int(n) for n in flags.connections.split(",")],
        rate=flags.rate,
        velroload=flags.velroload,
        tools=flags.tools.split(","),
        server_cpu=flags.server_cpu,
        client_cpu=flags.client_cpu,
        results=flags.results,
    )


def floor_entry(options: Options, connections: int, program: Path) -> Entry:
    """The bare C loop."""

    def command(url: str, folder: Path) -> list[str]:
        place = url.removeprefix("http://").rstrip("/")
        return [str(program), place, "/", str(connections), str(options.seconds)]

    def read(text: str, folder: Path) -> Json:
        said = json.loads(text)
        return {
            "requests_said": said["requests"],
            "seconds": said["elapsed_s"],
            "errors": said["closed"],
            "loop_us_per_request": said["cpu_us_per_request"],
        }

    return Entry("floor", "closed", connections, command, read)


def rival_entry(options: Options, connections: int, name: str) -> Entry:
    """wrk, h2load, hey or ab."""
    rival = RIVALS[name]

    def read(text: str, folder: Path) -> Json:
        said: Said = rival.read(text)
        return {"requests_said": said.requests, "seconds": said.seconds, "errors": said.errors}

    return Entry(
        name,
        "closed",
        connections,
        lambda url, folder: rival.command(url, connections, options.seconds),
        read,
    )


def velroload_entry(options: Options, connections: int, mode: str) -> Entry:
    """Ourselves: closed, or with `connections` users at the planned rate."""
    load = ["-u", str(connections)]
    if mode == "planned":
        load += ["-R", f"{options.rate:g}", "--idle", "sleep"]

    def command(url: str, folder: Path) -> list[str]:
        return ourselves.command_for(
            options.velroload,
            url,
            seconds=options.seconds,
            folder=folder,
            cpus=[options.client_cpu],
            extra=load,
        )

    def read(text: str, folder: Path) -> Json:
        run = ourselves.Run.load(folder)
        steady = run.worker_steady_cpu()
        worker_s = run.worker_cpu_s()
        seconds = run.seconds()
        ledger = run.ledger
        return {
            "requests_said": ledger.get("sent"),
            "seconds": seconds,
            "errors": (ledger.get("http_errors") or 0)
            + sum((ledger.get("transport_errors") or {}).values()),
            "validity": run.validity,
            "worker_cpu_s": worker_s,
            "worker_steady_share": steady,
        }

    return Entry("velroload", mode, connections, command, read)


def measure(entry: Entry, server: CountingServer, options: Options) -> Json:
    """One round of one entry; {"failed": why} when there is nothing to measure."""
    with tempfile.TemporaryDirectory(prefix="velroload-bench-") as scratch:
        folder = Path(scratch) / "run"
        before = server.requests()
        done = run_tree(
            entry.command(server.url, folder),
            cpus=[options.client_cpu],
            timeout_s=options.seconds * 3 + 60,
        )
        requests = server.requests() - before
        good = ourselves.READABLE_CODES if entry.tool == "velroload" else (0,)
        if done.code not in good or requests == 0:
            return {"command": done.command, "failed": why(done, requests)}
        try:
            said = entry.read(done.stdout, folder)
        except (OSError, ValueError, LookupError) as error:
            return {"command": done.command, "failed": f"its output was not understood: {error}"}
        return {"command": done.command, **figures(done, requests, said, options)}


def why(done: Finished, requests: int) -> str:
    """One line: exit code, requests that came, the last thing the tool said."""
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return f"exit {done.code}, {requests} requests came: {said[-1] if said else 'no output'}"


def figures(done: Finished, requests: int, said: Json, options: Options) -> Json:
    """Per request over the server's count; the rate over the seconds the tool sent load."""
    each = 1e6 / requests
    seconds = said.get("seconds") or options.seconds
    row: Json = {
        "requests": requests,
        "rate_per_s": requests / seconds,
        "cpu_us_per_request": done.cpu_s * each,
        "user_us_per_request": done.user_s * each,
        "system_us_per_request": done.system_s * each,
        "left_running": done.left,
        **said,
    }
    if said.get("worker_cpu_s") is not None:
        row["worker_us_per_request"] = said["worker_cpu_s"] * each
    if said.get("worker_steady_share") is not None:
        row["worker_steady_us_per_request"] = said["worker_steady_share"] * seconds * each
    return row


def summarise(entry: Entry, runs: list[Json]) -> Json:
    """Medians over the rounds that worked, and every round beside them."""
    good = [run for run in runs if "failed" not in run]
    row: Json = {
        "tool": entry.tool,
        "mode": entry.mode,
        "connections": entry.connections,
        "command": runs[0]["command"],
        "rounds": len(good),
        "runs": runs,
    }
    row.update({key: median([run.get(key) for run in good]) for key in MEDIANS})
    if len(good) < len(runs):
        row["failed"] = next(run["failed"] for run in runs if "failed" in run)
    return row


def ratios(rows: list[Json]) -> list[Json]:
    """Per number of connections: our tree beside wrk's, our worker beside the bare loop."""
    found = []
    for connections in sorted({row["connections"] for row in rows}):
        by = {(r["tool"], r["mode"]): r for r in rows if r["connections"] == connections}
        ours = by.get(("velroload", "closed"), {})
        planned = by.get(("velroload", "planned"), {})
        wrk, floor = by.get(("wrk", "closed"), {}), by.get(("floor", "closed"), {})
        cpu, loop = "cpu_us_per_request", "loop_us_per_request"
        steady = "worker_steady_us_per_request"
        found.append(
            {
                "connections": connections,
                "velroload_to_wrk": divide(ours.get(cpu), wrk.get(cpu)),
                "velroload_planned_to_wrk": divide(planned.get(cpu), wrk.get(cpu)),
                "worker_to_floor": divide(ours.get(steady), floor.get(loop)),
                "worker_with_start_to_floor": divide(
                    ours.get("worker_us_per_request"), floor.get(loop)
                ),
                "wrk_to_floor": divide(wrk.get(cpu), floor.get(cpu)),
                "velroload_rate_to_wrk": divide(ours.get("rate_per_s"), wrk.get("rate_per_s")),
            }
        )
    return found


def divide(a: float | None, b: float | None) -> float | None:
    """a / b; None when either is not there."""
    return a / b if a is not None and b else None


def entries_for(options: Options, program: Path, missing: list[str]) -> list[Entry]:
    """All rows; tools that are not installed are named in `missing`."""
    entries = []
    for connections in options.connections:
        for tool in options.tools:
            if tool == "velroload":
                entries += [
                    velroload_entry(options, connections, mode) for mode in ("closed", "planned")
                ]
            elif tool == "floor":
                entries.append(floor_entry(options, connections, program))
            elif RIVALS[tool].installed:
                entries.append(rival_entry(options, connections, tool))
            elif tool not in missing:
                missing.append(tool)
    return entries


def print_row(entry: Entry, row: Json) -> None:
    """One line of a round."""
    label = f"{entry.tool:10s} {entry.mode:8s} {entry.connections:6d}"
    if "failed" in row:
        print(f"{label}  NOT MEASURED: {row['failed']}", flush=True)
        return
    print(
        f"{label}  {row['cpu_us_per_request']:7.2f} us/request  {row['rate_per_s']:9.0f}/s  "
        f"{row['requests']} requests, {row['errors']} errors",
        flush=True,
    )


def turns(entries: list[Entry], options: Options) -> list[list[tuple[int, Entry]]]:
    """Per round the rows that take part, each with its place in the table."""
    rounds: list[list[tuple[int, Entry]]] = [[] for _ in range(options.rounds)]
    for turn, row in alternate(list(enumerate(entries)), options.rounds):
        if turn < options.extra_rounds or not row[1].is_extra:
            rounds[turn].append(row)
    return rounds


def result(entries: list[Entry], runs: dict[int, list[Json]], options: Options) -> Json:
    """What is kept: rows that have been measured so far."""
    rows = [summarise(entry, runs[place]) for place, entry in enumerate(entries) if place in runs]
    return {
        "seconds": options.seconds,
        "rounds": options.rounds,
        "planned_rate_per_s": options.rate,
        "rows": rows,
        "ratios": ratios(rows),
    }


def main(argv: list[str] | None = None) -> int:
    options = read_options(argv)
    raise_descriptor_limit()
    head = announce("capacity", argv)
    missing: list[str] = []
    runs: dict[int, list[Json]] = {}
    with tempfile.TemporaryDirectory(prefix="velroload-bench-") as scratch:
        program = compile_c(ROOT / "bench" / "floor.c", Path(scratch))
        entries = entries_for(options, program, missing)
        rounds = turns(entries, options)
        say_length(sum(map(len, rounds)) * (options.seconds + AROUND_S))
        with Nginx([options.server_cpu]) as nginx:
            for rows in rounds:
                for place, entry in rows:
                    run = measure(entry, nginx, options)
                    runs.setdefault(place, []).append(run)
                    print_row(entry, run)
                kept = result(entries, runs, options)
                save(head, {**kept, "not_installed": missing}, options.results)
    for row in kept["ratios"]:
        print(
            " ".join(f"{k}={v:.3f}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items())
        )
    for tool in missing:
        print(f"{tool}: not installed, not measured")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
