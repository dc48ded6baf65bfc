"""How long a run folder takes to be understood: a suite of 4,140 s × 20 endpoints, 100 million
samples, without a load having been sent.

    OPENBLAS_NUM_THREADS=1 python -m bench.analysis [--seconds 4140] [--endpoints 20]
        [--samples 100000000] [--short]

"folder" is a process of its own: load, analyse, then every kind of report there is; its peak memory
is that of the process. "verdict" is the analysis of a run that is still in memory, as after a load.
"resamples" are 1,000 of the slice bootstrap over every endpoint. One thread for products of
matrices, as the command velroload has it.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bench.flags import parser_for
from bench.harness import announce, save, say_length
from velroload.histogram import bins_of
from velroload.journal import COUNTS, HIST_SUM, SERIES, STATS, Counter, Rows
from velroload.rundata import RunData
from velroload.runfolder import save as save_run

LIMITS = {"folder_s": 15.0, "peak_bytes": 1 << 30, "resamples_s": 3.0, "verdict_s": 2.0}
PHASES = 6
QUANTITIES = 8
SPREAD = 0.5
"""Of the logarithm of a time: p99 is 3.2 times the median."""
MIDDLE_NS = 20_000_000
SHORT = {"seconds": 240, "endpoints": 6, "samples": 600_000}

CHILD = """
import json, sys, time
started = time.perf_counter()
from velroload.runfolder import load
data = load(sys.argv[1])
loaded = time.perf_counter()
from velroload.analysis.analyse import analyse
result = analyse(data)
judged = time.perf_counter()
from velroload.report import REPORTS, Told
reports_s, last = {}, judged
for pattern, report in REPORTS.items():
    report(Told(result, data, sys.argv[1], None, pattern.replace("*", "run-")))
    now = time.perf_counter()
    reports_s[pattern], last = round(now - last, 3), now
status = open("/proc/self/status").read()  # getrusage's maximum is the parent's too: before exec
peak_kib = int(status.partition("VmHWM:")[2].split()[0])
print(json.dumps({"load_s": loaded - started, "analyse_s": judged - loaded,
                  "tell_s": last - judged, "verdict": result.verdict,
                  "peak_bytes": peak_kib * 1024, "reports_s": reports_s}))
"""


def run_data(seconds: int, endpoints: int, samples: int) -> RunData:
    """A suite of PHASES equal phases, each with ramp, hold and cool-down; lognormal times."""
    rng = np.random.default_rng(1)
    rows = phase_rows(seconds)
    per_cell = max(1, samples // (seconds * endpoints))
    edges = np.arange(1, 400) / 400.0
    times = np.sort(np.exp(rng.standard_normal(edges.size) * SPREAD)) * MIDDLE_NS
    parts: list[tuple[Rows, Rows, Rows, Rows]] = []
    for endpoint in range(endpoints):
        own = (times * (1.0 + endpoint / endpoints)).astype(np.int64)
        parts.append(
            (
                *_histograms(rng, rows, endpoint, per_cell, own),
                _series(rng, rows, endpoint, per_cell, own),
                _counts(rows, endpoint, per_cell),
            )
        )
    hist, stats, series, counts = (
        np.concatenate([part[place] for part in parts]) for place in range(4)
    )
    order = np.argsort(series["second"], kind="stable")
    return RunData(
        manifest=_manifest(rows, endpoints, seconds),
        end=_end(seconds, per_cell * seconds * endpoints),
        hist=hist,
        stats=stats,
        series=series[order],
        counts=counts[np.argsort(counts["second"], kind="stable")],
        complete=True,
    )


def phase_rows(seconds: int) -> list[dict[str, Any]]:
    """Ramp, hold and cool-down of every phase, in whole seconds that add up."""
    rows: list[dict[str, Any]] = []
    edges = np.linspace(0, seconds, PHASES + 1).astype(int)
    for place, (start, stop) in enumerate(pairwise(edges)):
        cuts = [start, start + (stop - start) // 8, stop - (stop - start) // 16, stop]
        for kind, first, last in zip(("ramp", "hold", "cool-down"), cuts, cuts[1:], strict=False):
            rows.append(
                {
                    "id": len(rows),
                    "name": f"phase_{place}",
                    "kind": kind,
                    "start_ns": int(first) * 10**9,
                    "end_ns": int(last) * 10**9,
                }
            )
    return rows


def _histograms(
    rng: np.random.Generator,
    rows: list[dict[str, Any]],
    endpoint: int,
    per_cell: int,
    times: np.ndarray[Any, np.dtype[np.int64]],
) -> tuple[Rows, Rows]:
    """Bins and exact figures of every phase, quantity and outcome."""
    fine = np.unique(bins_of(np.linspace(times[0], times[-1], 4_000).astype(np.int64)))
    hist, stats = [], []
    for row in rows:
        whole = per_cell * (row["end_ns"] - row["start_ns"]) // 10**9
        for quantity in range(QUANTITIES):
            for outcome, share in ((0, 0.998), (1, 0.002)):
                own = np.zeros(len(fine), HIST_SUM)
                own["phase"], own["outcome"], own["endpoint"] = row["id"], outcome, endpoint
                own["quantity"], own["bin"] = quantity, fine
                own["count"] = rng.poisson(whole * share / len(fine), len(fine))
                own = own[own["count"] > 0]
                if not len(own):
                    continue
                one = np.zeros(1, STATS)
                for name in ("phase", "outcome", "endpoint", "quantity"):
                    one[name] = own[name][0]
                one["count"] = own["count"].sum()
                one["sum"] = int(one["count"][0]) * int(times.mean())
                one["min"], one["max"] = times[0], times[-1]
                hist.append(own)
                stats.append(one)
    return np.concatenate(hist), np.concatenate(stats)


def _series(
    rng: np.random.Generator,
    rows: list[dict[str, Any]],
    endpoint: int,
    per_cell: int,
    times: np.ndarray[Any, np.dtype[np.int64]],
) -> Rows:
    """About 60 bins per second of response and service time."""
    coarse, weights = np.unique(bins_of(times, 2), return_counts=True)
    parts = []
    for row in rows:
        seconds = np.arange(row["start_ns"] // 10**9, row["end_ns"] // 10**9)
        for quantity in (0, 1):
            drawn = rng.poisson(per_cell * weights / len(times), (len(seconds), len(coarse)))
            at, which = np.nonzero(drawn)
            own = np.zeros(len(at), SERIES)
            own["second"], own["endpoint"] = seconds[at], endpoint
            own["quantity"], own["phase"] = quantity, row["id"]
            own["bin"], own["count"] = coarse[which], drawn[at, which]
            parts.append(own)
    return np.concatenate(parts)


def _counts(rows: list[dict[str, Any]], endpoint: int, per_cell: int) -> Rows:
    """Per second what the merger counts of healthy requests."""
    bad = per_cell // 500
    values = {
        200: per_cell - bad, 503: bad, 1_070: bad, Counter.OK: per_cell - bad, Counter.FAILED: bad,
        Counter.BYTES_IN: 512 * per_cell, Counter.SENT: per_cell, Counter.KERNEL_STAMP: per_cell,
        Counter.SCHEDULED: per_cell, Counter.AGE + 2: per_cell,
    }  # fmt: skip
    parts = []
    for row in rows:
        seconds = np.arange(row["start_ns"] // 10**9, row["end_ns"] // 10**9)
        for counter, value in values.items():
            own = np.zeros(len(seconds) if value else 0, COUNTS)
            own["second"] = seconds[: len(own)]
            own["endpoint"], own["counter"] = endpoint, counter
            own["phase"], own["value"] = row["id"], value
            parts.append(own)
    return np.concatenate(parts)


def _manifest(rows: list[dict[str, Any]], endpoints: int, seconds: int) -> dict[str, Any]:
    suite: list[dict[str, Any]] = [
        {
            "name": f"phase_{place}",
            "users": 2_500 * (place + 1),
            "rate_per_s": None,
            "gate": False,
            "judges": [],
            "stop_on": None,
            "thresholds": ["p95(response) < 75ms", "errors < 1%"],
            "mix": {},
            "events": [],
        }
        for place in range(PHASES)
    ]
    return {
        "format": "velroload-run/1",
        "name": "synthetic",
        "phases": rows,
        "suite": suite,
        "requirements": {"use": "velro-prd", "phase": f"phase_{PHASES - 1}"},
        "endpoints": [
            {
                "id": number,
                "name": f"endpoint_{number}",
                "kind": "request",
                "scenario": "main",
                "cls": ("authentication", "authorization", "generation_access", "media_url")[
                    number % 4
                ],
                "setup": False,
            }
            for number in range(endpoints)
        ],
        "model": {"open": True, "paced": True, "users": 15_000},
        "plan": {"thresholds": []},
        "workers": [],
    }


def _end(seconds: int, samples: int) -> dict[str, Any]:
    requests = {"planned": samples, "started": samples, "sent": samples, "ok": samples}
    return {
        "ended": "planned",
        "ended_ns": seconds * 10**9,
        "reason": None,
        "incomplete": [],
        "ledger": {"requests": requests, "samples": {"lost": 0}, "problems": []},
        "evidence": {"workers": [], "seconds": []},
    }


def of_folder(folder: Path) -> dict[str, Any]:
    """Load, analyse and tell in a process of its own. RuntimeError when it fails."""
    command = [sys.executable, "-c", CHILD, str(folder)]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    elapsed = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(done.stderr[-2_000:])
    found: dict[str, Any] = json.loads(done.stdout)
    return {"folder_s": elapsed, **found}


def of_resamples(data: RunData) -> float:
    """Seconds for 1,000 resamples over each endpoint, its five percentiles at once."""
    from velroload.analysis.cells import slices
    from velroload.analysis.interval import percentile_columns
    from velroload.analysis.result import QUANTILES, Quantity

    data.index("series")  # made by loading, in "folder"
    started = time.perf_counter()
    for endpoint in data.endpoint_ids():
        parts = slices(data, Quantity.RESPONSE, [endpoint])
        percentile_columns(parts.weights, tuple(QUANTILES.values()))
    return time.perf_counter() - started


def of_verdict(seconds: int = 60, endpoints: int = 6) -> float:
    """Seconds from the data of an ordinary run to its verdict and text."""
    from velroload.analysis.analyse import analyse
    from velroload.report.as_text import as_text

    data = run_data(seconds, endpoints, 1_000 * seconds)
    started = time.perf_counter()
    as_text(analyse(data))
    return time.perf_counter() - started


def rows_of(found: dict[str, Any]) -> Iterator[str]:
    """A line per figure, with its limit."""
    for name, limit in LIMITS.items():
        word = "ok" if found[name] <= limit else "OVER"
        yield f"{name:<12} {found[name]:>16,.2f}   limit {limit:,.2f}   {word}"


def main(argv: list[str] | None = None) -> int:
    parser = parser_for("analysis", __doc__ or "")
    parser.add_argument("--seconds", type=int, default=4_140)
    parser.add_argument("--endpoints", type=int, default=20)
    parser.add_argument("--samples", type=int, default=100_000_000)
    flags = parser.parse_args(argv)
    head = announce("analysis", argv)
    if flags.short:
        flags.seconds, flags.endpoints, flags.samples = SHORT.values()
    say_length(90.0)
    with tempfile.TemporaryDirectory(prefix="velroload-bench-") as scratch:
        folder = Path(scratch)
        data = run_data(flags.seconds, flags.endpoints, flags.samples)
        save_run(folder, data)
        found = of_folder(folder) | {"resamples_s": of_resamples(data)}
    found |= {
        "verdict_s": of_verdict(),
        "series_rows": len(data.series),
        "hist_rows": len(data.hist),
    }
    for line in rows_of(found):
        print(line)
    save(head, found, flags.results)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
