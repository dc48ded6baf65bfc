"""RunData with a known truth, made of plain arrays; the merge of the engine in ten lines of numpy.

A Load is one row's requests; build() makes the run folder's arrays of several. Everything that a
test does not name is a healthy paced run of one worker.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from velroload.histogram import bins_of
from velroload.journal import COUNTS, HIST_SUM, SERIES, STATS
from velroload.rundata import RunData
from velroload.sample import SAMPLE, ErrorKind

Ints = NDArray[np.int64]
SECOND_NS = 1_000_000_000
MS = 1_000_000


def ints(values: Any, size: int) -> Ints:
    """A number or array → int64[size]."""
    return np.broadcast_to(np.asarray(values, dtype=np.int64), (size,))


@dataclass(frozen=True)
class Load:
    """Requests of one row; every field but `scheduled_ns` may be one number for all of them."""

    scheduled_ns: Ints
    service_ns: Any
    lag_ns: Any = 20_000
    read_lag_ns: Any = 15_000
    wait_ns: Any = 0
    status: Any = 200
    error: Any = 0
    user_clock: Any = 0
    name: str = "GET /"
    kind: str = "request"
    cls: str | None = None
    scenario: str | None = "main"
    setup: bool = False
    think_ns: Any = 0
    extra: dict[str, Any] = field(default_factory=dict)


def steady(rate_per_s: int, seconds: float, service_ns: Any = 3 * MS, **more: Any) -> Load:
    """`rate_per_s` uniform starts for `seconds`; service_ns: one number or one per request."""
    count = round(rate_per_s * seconds)
    return Load(np.arange(count, dtype=np.int64) * SECOND_NS // rate_per_s, service_ns, **more)


def manifest(seconds: float, loads: list[Load], **more: Any) -> dict[str, Any]:
    """A manifest of a paced open run with a hold of all its seconds."""
    endpoints = [
        {
            "id": place,
            "name": load.name,
            "kind": load.kind,
            "scenario": load.scenario,
            "cls": load.cls,
            "setup": load.setup,
        }
        for place, load in enumerate(loads)
    ]
    end_ns = round(seconds * SECOND_NS)
    hold = {"id": 0, "name": "main", "kind": "hold", "start_ns": 0, "end_ns": end_ns}
    base: dict[str, Any] = {
        "format": "velroload-run/1",
        "name": "synthetic",
        "seed": 4711,
        "started_at": "2026-01-02T03:04:05Z",
        "epoch_monotonic_ns": 1,
        "build": {"profile": "release"},
        "host": {"cpus": 2, "kernel": "6.1", "python": "3.11.9", "hostname": "box"},
        "target": {"url": "http://127.0.0.1:8080/", "addresses": ["127.0.0.1"], "embedded": False},
        "command": "velroload http://127.0.0.1:8080/ -R 1000 -d 10s",
        "plan": {"thresholds": []},
        "phases": [hold],
        "endpoints": endpoints,
        "model": {"open": True, "paced": True, "offered_rate_per_s": 1000, "users": None},
        "workers": [{"index": 0, "cpu": 1, "pid": 4711}],
    }
    return base | more


def healthy_second(second: int, **more: Any) -> dict[str, Any]:
    """One entry of evidence.seconds in which nothing is wrong."""
    base: dict[str, Any] = {
        "second": second,
        "worker_cpu": [0.4],
        "run_delay": [0.001],
        "steal": 0.0,
        "throttled": False,
        "heartbeat_late_ms": 1.0,
        "collections": 0,
    }
    return base | more


def end(seconds: float, counts: dict[str, int], **more: Any) -> dict[str, Any]:
    """An end record whose ledger adds up to `counts` (ok, http_errors, timeouts, transport)."""
    done = sum(counts[key] for key in ("ok", "http_errors", "timeouts", "transport"))
    worker = {
        "index": 0,
        "cpu": 1,
        "pinned": True,
        "counters": {},
        "stalls": [],
        "ring_high_water": 0.01,
        "ring_slots": 65536,
    }
    service = counts["service_sum_ns"]
    base: dict[str, Any] = {
        "ended_ns": round(seconds * SECOND_NS),
        "ended": "planned",
        "reason": None,
        "incomplete": [],
        "ledger": _ledger(counts, done),
        "evidence": {
            "workers": [worker],
            "clock_jumps": 0,
            "littles_law": {
                "integral_request_ns": service,
                "service_sum_ns": service,
                "open_age_ns": 0,
                "requests": done,
            },
            "seconds": [healthy_second(second) for second in range(int(np.ceil(seconds)))],
        },
    }
    return base | more


def _ledger(counts: dict[str, int], done: int) -> dict[str, Any]:
    requests = {
        "planned": done,
        "started": done,
        "sent": done,
        "ok": counts["ok"],
        "http_errors": counts["http_errors"],
        "transport_errors": {"reset": counts["transport"]} if counts["transport"] else {},
        "timeouts": counts["timeouts"],
        "failed_before_sending": {},
        "in_flight": 0,
        "dropped": 0,
        "unstarted": 0,
        "skipped": 0,
    }
    iterations = {
        "planned": done,
        "started": done,
        "completed": done,
        "interrupted": 0,
        "in_flight": 0,
        "dropped": 0,
        "unstarted": 0,
    }
    return {
        "requests": requests,
        "iterations": iterations,
        "samples": {"pushed": done, "drained": done, "lost": 0},
        "problems": [],
    }


def build(loads: list[Load], seconds: float, **more: Any) -> RunData:
    """The run folder's data of these rows; `more` goes into the manifest."""
    starts = [phase["start_ns"] for phase in more.get("phases") or [{"start_ns": 0}]]
    parts = [
        _arrays(place, phase, part)
        for place, load in enumerate(loads)
        for phase, part in enumerate(_by_phase(load, starts))
    ]
    flow = [part for part in parts if part.flow]
    counts = {
        key: int(sum(part.totals[key] for part in flow))
        for key in ("ok", "http_errors", "timeouts", "transport", "service_sum_ns")
    }
    return RunData(
        manifest=manifest(seconds, loads, **more),
        end=end(seconds, counts),
        events=[],
        counters=[],
        probes=[],
        hist=np.concatenate([part.hist for part in parts]),
        stats=np.concatenate([part.stats for part in parts]),
        series=np.concatenate([part.series for part in parts]),
        counts=np.concatenate([part.counts for part in parts]),
        tail=np.zeros(0, SAMPLE),
        reservoir=np.zeros(0, SAMPLE),
        complete=True,
        notes=[],
    )


def example(endpoint: int = 0, error: int = ErrorKind.RESET, **more: Any) -> dict[str, Any]:
    """An event that shows a failed request: 4 of 100 bytes of a body had come."""
    base: dict[str, Any] = {
        "event": "failure",
        "at_ns": 1_500 * MS,
        "worker": 0,
        "user": 3,
        "endpoint": endpoint,
        "error": int(error),
        "status": 200,
        "errno": "ECONNRESET",
        "new_connection": True,
        "request_bytes": 40,
        "written_bytes": 40,
        "received_bytes": 45,
        "body_bytes": 4,
        "content_length": 100,
    }
    return base | more


def empty(seconds: float = 0.0, **more: Any) -> RunData:
    """A run that sent nothing."""
    return build([Load(np.zeros(0, np.int64), 0)], seconds, **more)


def with_end(data: RunData, **more: Any) -> RunData:
    """The run with other fields in its end record, such as ended="interrupted"."""
    assert data.end is not None
    return replace(data, end={**data.end, **more})


def with_evidence(data: RunData, **more: Any) -> RunData:
    """The run with other evidence, such as clock_jumps=3."""
    assert data.end is not None
    return with_end(data, evidence={**data.end["evidence"], **more})


def with_ledger(data: RunData, part: str, **more: Any) -> RunData:
    """The run with other numbers in one part of its ledger."""
    assert data.end is not None
    ledger = data.end["ledger"]
    return with_end(data, ledger={**ledger, part: {**ledger[part], **more}})


def with_thresholds(data: RunData, *texts: str) -> RunData:
    """The run with these thresholds in its plan."""
    return replace(data, manifest={**data.manifest, "plan": {"thresholds": list(texts)}})


def phases(*kinds: tuple[str, float]) -> list[dict[str, Any]]:
    """Phases for build(): (kind, seconds) in order."""
    found: list[dict[str, Any]] = []
    at_ns = 0
    for place, (kind, seconds) in enumerate(kinds):
        row = {"id": place, "name": "main", "kind": kind, "start_ns": at_ns}
        at_ns += round(seconds * SECOND_NS)
        found.append(row | {"end_ns": at_ns})
    return found


def _by_phase(load: Load, starts: list[int]) -> list[Load]:
    """The requests of each phase: those that were scheduled in it."""
    own = np.searchsorted(starts, load.scheduled_ns, side="right") - 1
    return [_chosen(load, own == phase) for phase in range(len(starts))]


def _chosen(load: Load, wanted: NDArray[np.bool_]) -> Load:
    """Some of the requests."""
    rows: dict[str, Any] = {
        name: value[wanted]
        for name, value in vars(load).items()
        if isinstance(value, np.ndarray) and value.shape == wanted.shape
    }
    return replace(load, **rows)


@dataclass(frozen=True)
class _Parts:
    flow: bool
    hist: NDArray[np.void]
    stats: NDArray[np.void]
    series: NDArray[np.void]
    counts: NDArray[np.void]
    totals: dict[str, int]


def _arrays(place: int, phase: int, load: Load) -> _Parts:
    size = len(load.scheduled_ns)
    error, status = ints(load.error, size), ints(load.status, size)
    service, lag, wait = (ints(v, size) for v in (load.service_ns, load.lag_ns, load.wait_ns))
    timeout = error == ErrorKind.TIMEOUT
    judged = (error >= 70) | timeout
    outcome = np.where(error == 0, 0, np.where(judged, 1, 2))
    response = service + lag + wait
    end_ns = load.scheduled_ns + response
    values = [response, service, lag, ints(load.read_lag_ns, size), wait]
    if load.kind in ("group", "iteration"):
        values = [response, response - ints(load.think_ns, size)]
    hist, stats, series = [], [], []
    for quantity, value in enumerate(values):
        for which in (0, 1):
            chosen = value[(outcome == which) & ((value > 0) if quantity == 4 else True)]
            if len(chosen):
                bins, counts = np.unique(bins_of(chosen), return_counts=True)
                pairs = zip(bins, counts, strict=True)
                hist += [(phase, which, place, quantity, 0, b, c) for b, c in pairs]
                pad = (0, 0, 0)
                sums = (len(chosen), chosen.sum(), chosen.min(), chosen.max())
                stats.append((phase, which, place, quantity, pad, *sums))
        if quantity < 2:
            kept = outcome < 2
            for second, bin_, count in _pairs(end_ns[kept], bins_of(value[kept], 2)):
                series.append((second, place, quantity, phase, bin_, 0, count))
    sent_ns = load.scheduled_ns + lag + wait
    counted = _counts(load, outcome, status, error, end_ns, sent_ns)
    pad7 = (0,) * 7
    counts_ = [(second, place, counter, phase, pad7, n) for second, counter, n in counted]
    return _Parts(
        load.kind == "request",
        np.array(hist, HIST_SUM),
        np.array(stats, STATS),
        np.array(series, SERIES),
        np.array(counts_, COUNTS),
        {
            "ok": int((outcome == 0).sum()),
            "http_errors": int(((outcome == 1) & ~timeout).sum()),
            "timeouts": int(timeout.sum()),
            "transport": int((outcome == 2).sum()),
            "service_sum_ns": int(service.sum()),
        },
    )


def _counts(
    load: Load,
    outcome: Ints,
    status: Ints,
    error: Ints,
    end_ns: Ints,
    sent_ns: Ints,
) -> list[tuple[int, int, int]]:
    complete = (outcome < 2) & (error != ErrorKind.TIMEOUT)
    user_clock = ints(load.user_clock, len(outcome)) > 0
    keyed: list[tuple[Ints, Ints]] = [
        (end_ns[complete], status[complete]),
        (end_ns[error > 0], 1000 + error[error > 0]),
        (end_ns, 1256 + outcome),
        (end_ns[complete & user_clock], np.full((complete & user_clock).sum(), 1261)),
        (end_ns[complete & ~user_clock], np.full((complete & ~user_clock).sum(), 1266)),
        (sent_ns, np.full(len(sent_ns), 1260)),
        (load.scheduled_ns, np.full(len(sent_ns), 1267)),
    ]
    return [row for when, counters in keyed for row in _pairs(when, counters)]


def _pairs(when_ns: Ints, what: Ints) -> list[tuple[int, int, int]]:
    """(second, what, how often) of every pair that occurs."""
    keys, counts = np.unique(when_ns // SECOND_NS * 65_536 + what, return_counts=True)
    found = zip(keys.tolist(), counts.tolist(), strict=True)
    return [(key // 65_536, key % 65_536, count) for key, count in found]


def extra_times(
    place: int, phase: int, quantity: int, values: Ints
) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """Rows of HIST_SUM and STATS of one more quantity of a row: such as connect (5) or tls (6)."""
    bins, counts = np.unique(bins_of(values), return_counts=True)
    hist = [(phase, 0, place, quantity, 0, b, c) for b, c in zip(bins, counts, strict=True)]
    sums = (len(values), values.sum(), values.min(), values.max())
    stats = [(phase, 0, place, quantity, (0, 0, 0), *sums)]
    return np.array(hist, HIST_SUM), np.array(stats, STATS)
