"""A stand-in for velroload: 400 requests over one connection, and the run folder that they make.

    python stand_in.py URL … --out DIR

Times are taken like velroload's, but by the user clock. The documented formats only: run.json,
result.json, reservoir.npy.
"""

import http.client
import json
import sys
import time
from pathlib import Path

import numpy as np

from velroload.sample import SAMPLE

REQUESTS = 400


def main() -> None:
    url, folder = sys.argv[1], Path(sys.argv[sys.argv.index("--out") + 1])
    folder.mkdir()
    epoch_ns = time.monotonic_ns()
    samples = np.zeros(REQUESTS, SAMPLE)
    connection = http.client.HTTPConnection(url.removeprefix("http://").rstrip("/"))
    for sample in samples:
        sample["scheduled_ns"] = sample["sent_ns"] = time.monotonic_ns() - epoch_ns
        connection.request("GET", "/")
        connection.getresponse().read()
        sample["end_ns"] = time.monotonic_ns() - epoch_ns
        sample["status"] = 200
    connection.close()
    taken_ms = np.sort(samples["end_ns"] - samples["sent_ns"]) / 1e6
    levels = {"p50": 50, "p90": 90, "p95": 95, "p99": 99, "p99_9": 99.9, "max": 100}
    times = {name: float(np.percentile(taken_ms, level)) for name, level in levels.items()}
    end_ns = int(samples["end_ns"][-1])
    counters = {"cpu_ns": time.thread_time_ns(), "spin_ns": 0}
    seconds = [{"second": n, "worker_cpu": [0.5]} for n in range(3)]
    manifest = {
        "format": "velroload-run/1",
        "epoch_monotonic_ns": epoch_ns,
        "phases": [{"id": 0, "start_ns": 0, "end_ns": end_ns}],
        "end": {"evidence": {"workers": [{"index": 0, "counters": counters}], "seconds": seconds}},
    }
    row = {"kind": "request", "name": "/", "service_time_ms": times, "response_time_ms": times}
    result = {
        "validity": {"verdict": "VALID"},
        "ledger": {"sent": REQUESTS, "http_errors": 0, "transport_errors": {}},
        "endpoints": [row],
        "generator_lag_ms": {"p99": 0.01},
    }
    (folder / "run.json").write_text(json.dumps(manifest))
    (folder / "result.json").write_text(json.dumps(result))
    np.save(folder / "reservoir.npy", samples)


if __name__ == "__main__":
    main()
