"""Many users from two workers, twice in a row: all of them sending, and what connect() costs.

    python -m bench.connects [--users 15000] [--seconds 10] [--velroload "CMD"] [--short]

The truth server says on how many connections a request came; connect() is timed from outside by
bench/hook.c, as the worker calls it. Per worker the median of the last 1,000 calls is compared
with that of the first 1,000; the worst worker counts.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bench import ourselves
from bench.flags import parser_for
from bench.harness import announce, raise_descriptor_limit, run_tree, save, say_length
from bench.hook import Hook
from bench.truthserver import Truth, answered

WINDOW = 1000
LIMIT_RATIO = 2.0
BUSY = 50
"""A process with fewer connect() calls to IPv4 addresses is no worker."""


def worker_rows(hook: Hook, window: int) -> list[dict[str, Any]]:
    """Per worker: calls, medians of the first and last `window` of them, in us."""
    rows = []
    for pid in hook.pids():
        taken = hook.connect_us(pid)
        if len(taken) < BUSY:
            continue
        first, last = (float(np.median(part)) for part in (taken[:window], taken[-window:]))
        rows.append(
            {
                "connects": len(taken),
                "first_us": first,
                "last_us": last,
                "max_us": float(taken.max()),
                "ratio": last / first,
            }
        )
    return rows


def run_once(flags: Any, users: int, seconds: int) -> dict[str, Any]:
    """One run against a fresh truth server."""
    with tempfile.TemporaryDirectory(prefix="velroload-bench-") as scratch:
        hook = Hook(Path(scratch))
        with Truth("zero", cpu=flags.server_cpu) as truth:
            command = ourselves.command_for(
                flags.velroload,
                truth.url,
                seconds=seconds,
                folder=Path(scratch) / "run",
                cpus=sorted({flags.server_cpu, flags.client_cpu}),
                extra=["-u", str(users)],
            )
            done = run_tree(command, timeout_s=seconds * 3 + 60, environment=hook.environment())
        log = answered(truth.log)
        row: dict[str, Any] = {
            "command": done.command,
            "exit": done.code,
            "requests": len(log),
            "connections": truth.counts["connections"],
            "connections_sending": len(np.unique(log["connection"])),
            "workers": worker_rows(hook, min(WINDOW, max(1, users // 4))),
        }
        if not row["workers"]:
            row["failed"] = f"exit {done.code}: {(done.stderr.strip() or 'no connects').strip()}"
    return row


def main(argv: list[str] | None = None) -> int:
    parser = parser_for("connects", __doc__)
    parser.add_argument("--users", type=int, default=15_000)
    parser.add_argument("--seconds", type=int, default=10)
    flags = parser.parse_args(argv)
    users, seconds = (1000, 3) if flags.short else (flags.users, flags.seconds)
    raise_descriptor_limit()
    head = announce("connects", argv)
    say_length(2 * (seconds + 5))
    rows = []
    for turn in range(2):
        row = run_once(flags, users, seconds)
        rows.append(row)
        print(f"run {turn + 1}: {row}", flush=True)
    ratios = [worker["ratio"] for row in rows for worker in row["workers"]]
    everybody = all(row["connections_sending"] >= users for row in rows)
    figures: dict[str, Any] = {
        "users": users,
        "seconds": seconds,
        "rows": rows,
        "all_sending": everybody if ratios else None,
        "worst_ratio": max(ratios) if ratios else None,
        "limit_ratio": LIMIT_RATIO,
    }
    if ratios:
        good = everybody and max(ratios) <= LIMIT_RATIO
        figures["verdict"] = "PASS" if good else "FAIL"
    save(head, figures, flags.results)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
