"""Fill the tables of docs/performance.md from bench/results/*.json.

    python -m bench.table [--results DIR] [--page docs/performance.md]

A table stands between `<!-- table: NAME -->` and `<!-- end -->`. Only what was measured is
written; everything else is "not measured". Nothing is rounded in our favour: ratios and times
keep enough digits to be compared with their goal.
"""

import argparse
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from re import DOTALL, Match, compile
from typing import Any

from bench.harness import RESULTS, ROOT

Json = dict[str, Any]
ABSENT = "not measured"
BLOCK = compile(r"(<!-- table: ([a-z_]+) -->\n).*?(<!-- end -->)", DOTALL)
RATIO_GOALS = {64: 1.0, 1000: 0.75, 10000: 0.70}
FLOOR_GOAL = 1.15


def show(value: Any, form: str = ".2f") -> str:
    """A figure, or "not measured"."""
    if value is None:
        return ABSENT
    return format(value, form) if isinstance(value, int | float) else str(value)


def rows_of(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A markdown table; one line of "not measured" when there is no row."""
    body = [list(row) for row in rows] or [[ABSENT, *[""] * (len(titles) - 1)]]
    lines = [titles, ["---"] * len(titles), *body]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


def source(result: Json | None) -> str:
    """Where the figures come from: command, machine, build, date."""
    if result is None:
        return f"\n{ABSENT.capitalize()} yet.\n"
    machine, build = result["machine"], result["build"]
    what = build.get("missing") or f"{build.get('profile')}, cc {build.get('compiler')}"
    return (
        f"\n`{result['command']}` · {result['date']} · {machine['cpu']}, {machine['cpus']} CPUs"
        f"{', VM' if machine['virtual'] else ''}, Linux {machine['kernel']}, "
        f"Python {machine['python']} · core: {what}\n"
    )


def capacity(result: Json | None) -> str:
    """Every row: CPU and rate."""
    rows = [
        [
            row["tool"],
            row["mode"],
            f"{row['connections']:,}",
            show(row["cpu_us_per_request"]),
            show(row["user_us_per_request"]),
            show(row["system_us_per_request"]),
            show(row["rate_per_s"], ",.0f"),
            str(row["rounds"]),
            f"`{row['command']}`",
        ]
        for row in (result or {}).get("rows", [])
    ]
    titles = ["tool", "load", "connections", "CPU µs/request", "user", "system", "requests/s"]
    return rows_of([*titles, "rounds", "command (of the first round)"], rows)


def ratios(result: Json | None) -> str:
    """Ours to wrk's and the worker to the floor, with their goals."""
    found = {row["connections"]: row for row in (result or {}).get("ratios", [])}
    rows = [
        [
            f"{connections:,}",
            show(found.get(connections, {}).get("velroload_to_wrk")),
            f"≤ {RATIO_GOALS[connections]:.2f}" if connections in RATIO_GOALS else "",
            show(found.get(connections, {}).get("worker_to_floor")),
            f"≤ {FLOOR_GOAL}",
            show(found.get(connections, {}).get("velroload_rate_to_wrk")),
        ]
        for connections in sorted({*RATIO_GOALS, *found})
    ]
    titles = ["connections", "velroload / wrk", "goal", "worker / floor", "goal"]
    return rows_of([*titles, "peak rate / wrk's"], rows)


def steady(result: Json | None) -> str:
    """Worker and coordinator without start-up."""
    found = result or {}
    known = {(row["connections"], row["mode"]): row for row in found.get("ratios", [])}
    rows = []
    for row in found.get("rows", []):
        ratio = known.get((row["connections"], row["mode"]), {})
        ours = row["tool"] == "velroload"
        rows.append(
            [
                row["tool"],
                row["mode"],
                f"{row['connections']:,}",
                show(row["rate_per_s"], ",.0f"),
                show(row["worker_us"]),
                show(row["coordinator_us"]) if ours else "",
                show(ratio.get("worker_to_floor")) if ours and row["mode"] == "closed" else "",
                show(ratio.get("coordinator_to_worker"), ".1%") if ours else "",
            ]
        )
    titles = ["", "load", "connections", "requests/s", "worker µs/request", "coordinator"]
    return rows_of([*titles, "worker / floor (≤ 1.15)", "coordinator / worker (≤ 3 %)"], rows)


def cell(part: Mapping[str, Any], name: str) -> str:
    """A judged figure and its limit."""
    judged = part.get(name)
    if judged is None or judged.get("median_us") is None:
        return ABSENT
    mark = "" if judged["verdict"] == "PASS" else " ✗"
    return f"{judged['median_us']:.0f}{mark}"


def accuracy(result: Json | None) -> str:
    """Median absolute error in µs, ✗ where it is over velroload's limit."""
    rows = []
    for row in (result or {}).get("rows", []):
        if "service" not in row:
            continue  # the bare timer loop
        service, paired = row["service"], row.get("paired", {})
        ours = row["tool"] == "velroload"
        rows.append(
            [
                row["case"],
                row["condition"],
                row["tool"],
                *[cell(service, name) for name in ("p50", "p99", "p99.9", "max")],
                *[cell(paired, name) if ours else "" for name in ("p99", "max")],
                str(row["rounds"]),
            ]
        )
    titles = ["server", "worker's core", "tool", "p50", "p99", "p99.9", "max"]
    return rows_of([*titles, "paired p99", "paired max", "rounds"], rows)


def laws(result: Json | None) -> str:
    """The stall's law and the generator lag."""
    rows = []
    for row in (result or {}).get("rows", []):
        for part, unit, scale in (("law", "%", 100.0), ("generator_lag_ms", "ms", 1.0)):
            for name, judged in row.get(part, {}).items():
                middle, limit = judged["median"], judged["limit"]
                what = "law of the stall" if part == "law" else "generator lag"
                if row["tool"] == "timerfd":
                    what = "bare timerfd loop, lag"
                rows.append(
                    [
                        f"{what} {name}",
                        f"{row['case']}, {row['condition']}",
                        ABSENT if middle is None else f"{middle * scale:.2f} {unit}",
                        "" if limit is None else f"≤ {limit * scale:g} {unit}",
                        judged["verdict"],
                    ]
                )
    return rows_of(["figure", "case", "median", "limit", "verdict"], rows)


def micro(result: Json | None) -> str:
    """Nanoseconds each."""
    rows = [
        [
            row["name"],
            show(row.get("median_ns"), ".1f"),
            show(row.get("best_ns"), ".1f"),
            f"≤ {row['limit_ns']:g}" if "limit_ns" in row else "",
            row.get("verdict") or row.get("failed", ""),
        ]
        for row in (result or {}).get("rows", [])
    ]
    return rows_of(["part", "median ns", "best ns", "goal", "verdict"], rows)


def memory(result: Json | None) -> str:
    """RSS, slope and allocations."""
    found = result or {}
    joined, slope, calls = (found.get(k, {}) for k in ("connected", "slope", "allocations"))
    worker = calls.get("worker", {})
    rows = [
        [
            f"worker RSS without the ring, {joined.get('users', 10000):,} connected VUs, MiB",
            show(joined.get("worker_rss_mib"), ".1f"),
            f"≤ {joined.get('limit_mib', 60):g}",
            joined.get("verdict") or joined.get("failed", ""),
        ],
        [
            f"its slope over {slope.get('seconds', 300)} s, MiB/min",
            show(slope.get("slope_mib_per_min"), ".3f"),
            f"< {slope.get('limit_mib_per_min', 1):g}",
            slope.get("verdict") or slope.get("failed", ""),
        ],
        [
            f"allocations of the worker in {calls.get('window_s', 10):g} s of steady state "
            f"({show(calls.get('requests'), ',')} requests)",
            show(worker.get("calls"), ","),
            "none per request",
            calls.get("failed", ""),
        ],
    ]
    return rows_of(["figure", "measured", "goal", "verdict"], rows)


def connects(result: Json | None) -> str:
    """Both runs, both workers."""
    rows = []
    for turn, run in enumerate((result or {}).get("rows", []), 1):
        for place, worker in enumerate(run["workers"]):
            rows.append(
                [
                    f"run {turn}, worker {place}",
                    f"{run['connections_sending']:,}",
                    show(worker["first_us"], ".1f"),
                    show(worker["last_us"], ".1f"),
                    f"{worker['ratio']:.2f}",
                    "≤ 2",
                ]
            )
    titles = ["", "connections that sent", "connect() first 1,000, µs", "last 1,000, µs"]
    return rows_of([*titles, "ratio", "goal"], rows)


def scale(result: Json | None) -> str:
    """Many connected users: what each costs, and what the kernel says."""
    found = result or {}
    kernel, ledger = found.get("kernel", {}), found.get("ledger", {})
    counts = found.get("kernel_counters", {})
    limit = found.get("limit_bytes_per_user", 4096)
    exact = {True: "exact", False: "not exact", None: "not measured"}[ledger.get("exact")]
    rows = [
        ["connected users", show(found.get("connections"), ","), f"{found.get('users', 100000):,}"],
        ["our memory per user, bytes", show(found.get("ours_bytes_per_user"), ",.0f"),
         f"≤ {limit:,}"],
        ["kernel slab per connection, both ends, bytes",
         show(kernel.get("slab_bytes_per_connection"), ",.0f"), ""],
        ["kernel socket buffers in all, bytes", show(kernel.get("buffer_bytes"), ","), ""],
        [f"ledger beside nginx's own count ({show(ledger.get('server_requests'), ',')} requests)",
         exact, "exact"],
        ["SYNs sent twice", show(counts.get("TCPSynRetrans"), ","), "0"],
        ["accept queues overflowed", show(counts.get("ListenOverflows"), ","), ""],
    ]  # fmt: skip
    return rows_of(["figure", "measured", "goal"], rows)


def scaling(result: Json | None) -> str:
    """Per number of workers."""
    rows = [
        [
            str(row["workers"]),
            show(row["rate_per_s"], ",.0f"),
            show(row["cpu_us_per_request"]),
            show(row.get("of_linear")),
            row.get("limited_by") or row.get("failed", ""),
        ]
        for row in (result or {}).get("rows", [])
    ]
    return rows_of(["workers", "requests/s", "CPU µs/request", "of linear", "limited by"], rows)


def startup(result: Json | None) -> str:
    """--help, the first request, the CPU of start and end."""
    names = {
        "help": "velroload --help, ms",
        "first_request": "command to first request, ms",
        "overhead": "start and end of a run with one worker, CPU of the tree, ms",
    }
    rows = []
    for key, title in names.items():
        part = (result or {}).get(key, {})
        middle = part.get("median_s")
        limit = {"help": 150, "first_request": 1500, "overhead": 400}[key]
        note = part.get("verdict") or part.get("failed", "")
        rows.append(
            [title, show(None if middle is None else middle * 1e3, ".0f"), f"< {limit}", note]
        )
    return rows_of(["figure", "median", "goal", "verdict"], rows)


TLS_GOALS = {
    ("cpu", 64): "≤ 1.1",
    ("cpu", 1000): "≤ 0.9",
    ("handshakes rate_per_cpu_s", None): "≥ 0.9",
}
TLS_WORDS = {
    "cpu": "CPU per request to wrk's",
    "handshakes rate_per_s": "handshakes/s to `openssl s_time -new` (one at a time)",
    "handshakes rate_per_cpu_s": "handshakes per second of client CPU to openssl's",
}


def tls(result: Json | None) -> str:
    """Ratios to wrk and to OpenSSL's client, and what they are made of."""
    rows = [
        [
            TLS_WORDS[row["what"]],
            "" if row["connections"] is None else f"{row['connections']:,}",
            show(row["ratio"]),
            TLS_GOALS.get((row["what"], row["connections"]), ""),
        ]
        for row in (result or {}).get("ratios", [])
    ]
    each = [
        [
            row["tool"],
            row["mode"],
            f"{row['connections']:,}",
            show(row["cpu_us_per_request"]),
            show(row["rate_per_s"], ",.0f"),
            str(row["rounds"]),
            f"`{row['command']}`",
        ]
        for row in (result or {}).get("rows", [])
    ]
    titles = ["tool", "what", "connections", "CPU µs each", "each/s", "rounds", "command"]
    return (
        rows_of(["ratio", "connections", "measured", "goal"], rows) + "\n" + rows_of(titles, each)
    )


TABLES: dict[str, tuple[str, Callable[[Json | None], str]]] = {
    "capacity": ("capacity", capacity),
    "ratios": ("capacity", ratios),
    "steady": ("steady", steady),
    "accuracy": ("accuracy", accuracy),
    "laws": ("accuracy", laws),
    "micro": ("micro", micro),
    "memory": ("memory", memory),
    "connects": ("connects", connects),
    "scale": ("scale", scale),
    "scaling": ("scaling", scaling),
    "startup": ("startup", startup),
    "tls": ("tls", tls),
}
"""Name in the page: (result that it is made from, how)."""


def read_results(folder: Path) -> dict[str, Json]:
    """Every kept result by its name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def fill(page: str, results: Mapping[str, Json]) -> str:
    """The page with every table made anew. KeyError for a table that nobody makes."""

    def replace(match: Match[str]) -> str:
        name, make = TABLES[match[2]]
        result = results.get(name)
        return f"{match[1]}{make(result)}{source(result)}{match[3]}"

    return BLOCK.sub(replace, page)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.table", description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "performance.md")
    flags = parser.parse_args(argv)
    page = flags.page.read_text()
    flags.page.write_text(fill(page, read_results(flags.results)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
