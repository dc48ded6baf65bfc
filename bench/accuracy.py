"""Reported service time against the server's own log, beside wrk, core quiet and core busy.

    python -m bench.accuracy [--rounds 5] [--seconds 10] [--cases fixed,bimodal,lognormal,stall,lag]
                             [--conditions quiet,busy] [--velroload "CMD"] [--short] [--gate]

The truth server (CPU 0) answers after known delays and logs, from kernel stamps, what it took. The
loopback path is calibrated on the same server just before each run and taken off. "busy" = an
endless loop on the worker's CPU. Medians over the rounds are judged; --gate: exit 1 on a FAIL.
The law of the stall (x_p = base + S - (1 - p) T) is about response time under open load; rounds in
which the server itself missed it by more than half the limit are not judged, and counted.
"""

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import ourselves
from bench.harness import (
    RESULTS,
    ROOT,
    alternate,
    announce,
    on_cpus,
    raise_descriptor_limit,
    run_tree,
    save,
    stop,
)
from bench.rivals import read_wrk
from bench.truthmath import (
    LAW_LIMIT_SHARE,
    LIMITS_US,
    PAIRED_LIMITS_US,
    STALL_LIMITS_US,
    VALID_LIMIT_FACTOR,
    errors_us,
    judge,
    law_errors,
    pair,
    truth_us,
)
from bench.truthserver import Truth, answered, loopback_path_ns

Json = dict[str, Any]
CONNECTIONS = 20
OPEN_RATE = 500
STALL_MS = (5.0, 1000.0, 5000.0)
LAG_LIMITS_MS = {"": 2.0, "spin": 0.5}
"""p99 of generator lag at 500/s, core idle: sleeping and spinning."""


@dataclass(frozen=True, slots=True)
class Case:
    """A delay model and how velroload loads it; `idle` is velroload's idle strategy."""

    name: str
    delay: str
    open_load: bool = False
    idle: str = ""
    wrk: bool = True


CASES = {
    "fixed": (Case("fixed", "fixed:10"),),
    "bimodal": (Case("bimodal", "bimodal:5:100:0.05"),),
    "lognormal": (Case("lognormal", "lognormal:10:0.5"),),
    "stall": (Case("stall", "stall:{:g}:{:g}:{:g}".format(*STALL_MS), open_load=True),),
    "lag": (
        Case("lag", "fixed:10", open_load=True, wrk=False),
        Case("lag-spin", "fixed:10", open_load=True, idle="spin", wrk=False),
    ),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the table."""

    case: Case
    condition: str
    tool: str


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


def seconds_for(case: Case, seconds: int) -> int:
    """A stall is measured over whole periods, two at least."""
    period_s = int(STALL_MS[2] // 1000)
    return max(2, -(-seconds // period_s)) * period_s if case.name == "stall" else seconds


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


def measure(entry: Entry, flags: argparse.Namespace, turn: int) -> Json:
    """One round of one row; {"failed": why} when there is nothing to compare."""
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


def limits_for(case: Case) -> dict[str, float]:
    """Limits of service time."""
    return STALL_LIMITS_US if case.name == "stall" else LIMITS_US


def summarise(entry: Entry, runs: list[Json]) -> Json:
    """One row: medians over the rounds against the limits (velroload), or just medians (wrk)."""
    good = [run for run in runs if "failed" not in run]
    row: Json = {
        "case": entry.case.name,
        "delay": entry.case.delay,
        "condition": entry.condition,
        "tool": entry.tool,
        "rounds": len(good),
        "command": runs[0]["command"],
        "runs": runs,
        "service": judge([run["errors_us"] for run in good], limits_for(entry.case)),
    }
    if len(good) < len(runs):
        row["failed"] = next(run["failed"] for run in runs if "failed" in run)
    if entry.tool == "velroload" and good:
        row |= judge_ours(entry, good)
    return row


def judge_ours(entry: Entry, good: list[Json]) -> Json:
    """Pairs, stall law, generator lag, and VALID runs that are off by more than three limits."""
    paired = [
        {"p99": run["paired"].get("p99_us"), "max": run["paired"].get("max_us")} for run in good
    ]
    row: Json = {"paired": judge(paired, PAIRED_LIMITS_US)}
    row["valid_but_wrong"] = [
        f"{name} off by {run['errors_us'][name]:.0f} us"
        for run in good
        if run["validity"] == "VALID"
        for name, limit in limits_for(entry.case).items()
        if abs(run["errors_us"].get(name, 0.0)) > VALID_LIMIT_FACTOR * limit
    ]
    if entry.case.name == "stall":
        kept = [run for run in good if server_kept_the_law(run)]
        row["server_late"] = len(good) - len(kept)
        row["law"] = judge_medians(
            [{k: abs(v) for k, v in run["law_errors"].items()} for run in kept], LAW_LIMIT_SHARE
        )
    if entry.case.name.startswith("lag") and entry.condition == "quiet":
        lags = [{"p99": run["generator_lag_ms"]["p99"]} for run in good]
        row["generator_lag_ms"] = judge_medians(lags, LAG_LIMITS_MS[entry.case.idle])
    return row


def server_kept_the_law(run: Json) -> bool:
    """False where the server itself was late by half the limit: its log says nothing about us."""
    return all(abs(v) <= LAW_LIMIT_SHARE / 2 for v in run["server_law_errors"].values())


def judge_medians(values: list[dict[str, Any]], limit: float) -> Json:
    """Per name the median over the rounds against one limit."""
    names = sorted({name for each in values for name in each if each[name] is not None})
    if not names:
        return {"all": {"median": None, "limit": limit, "verdict": "NOT MEASURED"}}
    found = {}
    for name in names:
        middle = statistics.median(v[name] for v in values if v.get(name) is not None)
        found[name] = {
            "median": middle,
            "limit": limit,
            "verdict": "PASS" if middle <= limit else "FAIL",
        }
    return found


def entries_for(flags: argparse.Namespace) -> list[Entry]:
    """All rows that were asked for."""
    return [
        Entry(case, condition, tool)
        for name in flags.cases.split(",")
        for case in CASES[name]
        for condition in flags.conditions.split(",")
        for tool in (("velroload", "wrk") if case.wrk else ("velroload",))
    ]


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
    errors = "  ".join(f"{k} {v:+.0f}" for k, v in run["errors_us"].items())
    print(f"{label} error us: {errors}  path {run['path_us']:.1f} us", flush=True)


def over(verdict: Json) -> str:
    """What was found and what was allowed."""
    if "limit_us" in verdict:
        return f"{verdict['median_us']:.0f} us, limit {verdict['limit_us']:.0f}"
    return f"{verdict['median']:.4g}, limit {verdict['limit']:g}"


def failures(rows: list[Json]) -> list[str]:
    """Everything that velroload's rows missed, one line each."""
    found = []
    for row in rows:
        if row["tool"] != "velroload":
            continue
        label = f"{row['case']} {row['condition']}"
        for part in ("service", "paired", "law", "generator_lag_ms"):
            found += [
                f"{label}: {part} {name} {over(verdict)}"
                for name, verdict in row.get(part, {}).items()
                if verdict["verdict"] == "FAIL"
            ]
        found += [f"{label}: VALID and {text}" for text in row.get("valid_but_wrong", [])]
        if "failed" in row:
            found.append(f"{label}: {row['failed']}")
    return found


def main(argv: list[str] | None = None) -> int:
    flags = read_flags(argv)
    raise_descriptor_limit()
    head = announce("accuracy", argv)
    entries = entries_for(flags)
    runs: dict[Entry, list[Json]] = {}
    for turn, entry in alternate(entries, flags.rounds):
        run = measure(entry, flags, turn)
        runs.setdefault(entry, []).append(run)
        print_run(entry, run)
    rows = [summarise(entry, runs[entry]) for entry in entries]
    missed = failures(rows)
    for line in missed:
        print(f"FAIL     {line}")
    save(
        head,
        {"seconds": flags.seconds, "rounds": flags.rounds, "rows": rows, "missed": missed},
        flags.results,
    )
    return 1 if flags.gate and missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
