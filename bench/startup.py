"""How long --help takes, the way from the command to the first request, and what a run costs.

    python -m bench.startup [--rounds 20] [--velroload "CMD"] [--short]

The first request is the truth server's kernel stamp against CLOCK_MONOTONIC just before the
command was started. "overhead" is the CPU of the whole process tree in a run of one worker that
sends next to nothing for a second: start and end. Medians, with the slowest beside them.
"""

import shlex
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import ourselves
from bench.flags import parser_for
from bench.harness import Finished, announce, run_tree, save, say_length
from bench.truthserver import Truth, answered

HELP_LIMIT_S = 0.150
FIRST_REQUEST_LIMIT_S = 1.5
OVERHEAD_LIMIT_S = 0.4
ROUND_S = 3.5


def help_s(command: str) -> float:
    """One `velroload --help`. RuntimeError when it fails."""
    done = run_tree([*shlex.split(command), "--help"], timeout_s=30)
    if done.code:
        raise RuntimeError(f"--help: exit {done.code}: {done.stderr.strip()}")
    return done.elapsed_s


def short_run(command: str, server_cpu: int, client_cpu: int) -> tuple[Finished, float]:
    """One user, who thinks for most of a second: the process, and the seconds from the command to
    his first request. RuntimeError when none came."""
    with tempfile.TemporaryDirectory(prefix="velroload-bench-") as scratch:
        with Truth("zero", cpu=server_cpu) as truth:
            full = ourselves.command_for(
                command,
                truth.url,
                seconds=1,
                folder=Path(scratch) / "run",
                cpus=[client_cpu],
                extra=["-u", "1", "--think", "400ms"],
            )
            started_ns = time.monotonic_ns()
            done = run_tree(full, timeout_s=60)
        log = answered(truth.log)
    if not len(log):
        raise RuntimeError(f"no request came: exit {done.code}: {done.stderr.strip()}")
    return done, float(log["received_ns"][0] - started_ns) / 1e9


def describe(values: list[float], limit_s: float) -> dict[str, Any]:
    """Median and slowest against the limit."""
    middle = statistics.median(values)
    return {
        "median_s": middle,
        "max_s": max(values),
        "rounds": len(values),
        "limit_s": limit_s,
        "verdict": "PASS" if middle < limit_s else "FAIL",
    }


def main(argv: list[str] | None = None) -> int:
    parser = parser_for("startup", __doc__)
    parser.add_argument("--rounds", type=int, default=20)
    flags = parser.parse_args(argv)
    rounds = 3 if flags.short else flags.rounds
    head = announce("startup", argv)
    say_length(rounds * ROUND_S)
    figures: dict[str, Any] = {}

    def run() -> tuple[Finished, float]:
        return short_run(flags.velroload, flags.server_cpu, flags.client_cpu)

    parts: dict[str, tuple[Callable[[], float], float]] = {
        "help": (lambda: help_s(flags.velroload), HELP_LIMIT_S),
        "first_request": (lambda: run()[1], FIRST_REQUEST_LIMIT_S),
        "overhead": (lambda: run()[0].cpu_s, OVERHEAD_LIMIT_S),
    }
    for name, (measure, limit_s) in parts.items():
        try:
            figures[name] = describe([measure() for _ in range(rounds)], limit_s)
        except RuntimeError as error:
            figures[name] = {"failed": str(error), "limit_s": limit_s}
        print(f"{name:14s} {figures[name]}")
    save(head, figures, flags.results)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
