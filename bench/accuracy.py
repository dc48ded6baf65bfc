"""Reported service time against the server's own log, beside wrk, core quiet and core busy.

    python -m bench.accuracy [--rounds 5] [--seconds 10] [--cases fixed,bimodal,lognormal,stall,lag]
                             [--conditions quiet,busy] [--velroload "CMD"] [--short] [--gate]

One case after the other, its rows in turn; the result is kept after each case.

The truth server (CPU 0) answers after known delays and logs, from kernel stamps, what it took. The
loopback path is calibrated on the same server just before each run and taken off. "busy" = an
endless loop on the worker's CPU. Medians over the rounds are judged; --gate: exit 1 on a FAIL.
The law of the stall (x_p = base + S - (1 - p) T) is about response time under open load; rounds in
which the server itself missed it by more than half the limit are not judged, and counted.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import ourselves
from bench.cases import (
    BARE_SPIN_US,
    CASES,
    CONNECTIONS,
    OPEN_RATE,
    STALL_MS,
    Entry,
    entries_for,
    seconds_for,
)
from bench.harness import (
    RESULTS,
    ROOT,
    alternate,
    announce,
    compile_c,
    on_cpus,
    raise_descriptor_limit,
    run_tree,
    save,
    say_length,
    stop,
)
from bench.rivals import read_wrk
from bench.truthmath import errors_us, law_errors, pair, truth_us
from bench.truthserver import Truth, answered, loopback_path_ns
from bench.verdicts import failures, summarise

Json = dict[str, Any]
AROUND_S = 1.5
"""Servers, start and end of a run, calibration left out."""


@contextlib.contextmanager
def busy_core(cpu: int, condition: str) -> Iterator[None]:
    """An endless loop on a CPU while the block runs, when the condition is "busy"."""
    if condition != "busy":
        yield
        return
    process = subprocess.Popen(
        on_cpus([sys.executable, "-c", "while True: pass"], [cpu]), text=True
    )
    try:
        yield
    finally:
        stop(process)


def command_for(entry: Entry, url: str, folder: Path, flags: argparse.Namespace) -> list[str]:
    """The tool's command line; wrk is bound to the client's CPU, velroload's worker by -w."""
    seconds = seconds_for(entry.case, flags.seconds)
    if entry.tool == "wrk":
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s"]
        return on_cpus([*command, "-s", str(ROOT / "bench" / "wrk.lua"), url], [flags.client_cpu])
    load = ["-u", str(CONNECTIONS)]
    if entry.case.open_load:
        load = ["-R", str(OPEN_RATE)]
        if entry.case.idle:
            load += ["--idle", entry.case.idle]
    return ourselves.command_for(
        flags.velroload, url, seconds=seconds, folder=folder, cpus=[flags.client_cpu], extra=load
    )


def measure_timer(entry: Entry, flags: argparse.Namespace) -> Json:
    """How late a bare timer loop is on the worker's CPU."""
    with tempfile.TemporaryDirectory(prefix="velroload-bench-") as scratch:
        program = compile_c(ROOT / "bench" / "lag.c", Path(scratch))
        spin_us = BARE_SPIN_US[entry.case.idle]
        command = [str(program), str(OPEN_RATE), str(flags.seconds), str(spin_us)]
        done = run_tree(command, cpus=[flags.client_cpu], timeout_s=3 * flags.seconds + 60)
    if done.code:
        return {"command": done.command, "failed": f"exit {done.code}: {done.stderr.strip()}"}
    return {"command": done.command, "generator_lag_ms": json.loads(done.stdout)}


def measure(entry: Entry, flags: argparse.Namespace, turn: int) -> Json:
    """One round of one row; {"failed": why} when there is nothing to compare."""
    if entry.tool == "timerfd":
        return measure_timer(entry, flags)
    case = entry.case
    with tempfile.TemporaryDirectory(prefix="velroload-bench-") as scratch:
        folder = Path(scratch) / "run"
        with Truth(case.delay, cpu=flags.server_cpu, seed=turn + 1) as truth:
            client_ns = truth.path_ns(flags.calibrate, cpu=flags.client_cpu)
            command = command_for(entry, truth.url, folder, flags)
            with busy_core(flags.client_cpu, entry.condition):
                done = run_tree(command, timeout_s=3 * seconds_for(case, flags.seconds) + 60)
        row: Json = {"command": done.command, "server": truth.counts}
        if done.code not in (ourselves.READABLE_CODES if entry.tool == "velroload" else (0,)):
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            return {**row, "failed": f"exit {done.code}: {said[-1] if said else 'no output'}"}
        path = loopback_path_ns(client_ns, truth.log)
        log = answered(truth.log)
        row |= {"path_us": path["p50"] / 1e3, "truth_us": truth_us(log), "truth_count": len(log)}
        try:
            said_row = read_tool(entry, done.stdout, folder, log, row)
        except (OSError, ValueError, LookupError) as error:
            return {**row, "failed": f"its output was not understood: {error}"}
        return {**row, **said_row}


def read_tool(entry: Entry, text: str, folder: Path, log: Any, row: Json) -> Json:
    """What the tool said and how far it is off."""
    if entry.tool == "wrk":
        said = read_wrk(text)
        said_ms: dict[str, float | None] = {k: v * 1e3 for k, v in said.times_s.items()}
        if not said_ms:
            raise ValueError("wrk printed no percentiles")
        return {
            "said_ms": said_ms,
            "said_count": said.requests,
            "errors_us": errors_us(said_ms, row["truth_us"], row["path_us"]),
        }
    run = ourselves.Run.load(folder)
    said_ms = run.times_ms("service_time")
    found: Json = {
        "said_ms": said_ms,
        "said_count": run.ledger.get("sent"),
        "validity": run.validity,
        "errors_us": errors_us(said_ms, row["truth_us"], row["path_us"]),
        "generator_lag_ms": run.times_ms("generator_lag"),
        "response_ms": run.times_ms("response_time"),
        "paired": pair(run.samples(), run.epoch_ns, log, row["path_us"]),
    }
    if entry.case.name == "stall":
        found["law_errors"] = law_errors(found["response_ms"], *STALL_MS)
        found["server_law_errors"] = law_errors(
            {name: us / 1e3 for name, us in row["truth_us"].items()}, *STALL_MS
        )
    return found


def read_flags(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line; --short makes it one quick round of two cases."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.accuracy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--conditions", default="quiet,busy")
    parser.add_argument("--calibrate", type=int, default=1000, help="requests of the calibration")
    parser.add_argument("--velroload", default=ourselves.DEFAULT_COMMAND)
    parser.add_argument("--server-cpu", type=int, default=0)
    parser.add_argument("--client-cpu", type=int, default=1)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--gate", action="store_true")
    parser.add_argument("--short", action="store_true")
    flags = parser.parse_args(argv)
    if flags.short:
        flags.rounds, flags.seconds, flags.calibrate = 1, 3, 300
        flags.cases, flags.conditions = "fixed,bimodal", "quiet"
    return flags


def print_run(entry: Entry, run: Json) -> None:
    """One line of a round."""
    label = f"{entry.case.name:10s} {entry.condition:6s} {entry.tool:10s}"
    if "failed" in run:
        print(f"{label} NOT MEASURED: {run['failed']}", flush=True)
        return
    if "errors_us" in run:
        errors = "  ".join(f"{k} {v:+.0f}" for k, v in run["errors_us"].items())
        label += f" error us: {errors}  path {run['path_us']:.1f} us"
    if entry.case.beside == "timerfd":
        label += f"  lag p99 {run['generator_lag_ms']['p99']:.3f} ms"
    print(label, flush=True)


def length_s(entries: list[Entry], flags: argparse.Namespace) -> float:
    """About how long all rounds take."""
    calibration_s = flags.calibrate / 1000
    return float(
        flags.rounds
        * sum(seconds_for(e.case, flags.seconds) + AROUND_S + calibration_s for e in entries)
    )


def run_case(entries: list[Entry], flags: argparse.Namespace) -> list[Json]:
    """All rounds of one case's rows, in turn."""
    runs: dict[Entry, list[Json]] = {}
    for turn, entry in alternate(entries, flags.rounds):
        run = measure(entry, flags, turn)
        runs.setdefault(entry, []).append(run)
        print_run(entry, run)
    return [summarise(entry, runs[entry]) for entry in entries]


def main(argv: list[str] | None = None) -> int:
    flags = read_flags(argv)
    raise_descriptor_limit()
    head = announce("accuracy", argv)
    names = flags.cases.split(",")
    plan = {name: entries_for(name, flags.conditions.split(",")) for name in names}
    say_length(length_s([entry for entries in plan.values() for entry in entries], flags))
    rows: list[Json] = []
    missed: list[str] = []
    for done, (name, entries) in enumerate(plan.items(), 1):
        print(f"case     {name}", flush=True)
        rows += run_case(entries, flags)
        missed = failures(rows)
        figures = {"seconds": flags.seconds, "rounds": flags.rounds, "rows": rows}
        save(head, {**figures, "missed": missed, "not_reached": names[done:]}, flags.results)
    for line in missed:
        print(f"FAIL     {line}")
    return 1 if flags.gate and missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
