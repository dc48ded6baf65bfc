"""The result as JSON, after result.schema.json: units in the key names, null for the unknown."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from velroload.analysis.result import (
    ByOutcome,
    Connections,
    Distribution,
    Failure,
    PhaseCount,
    PhaseResult,
    Quantity,
    Result,
    Row,
    Series,
    Summary,
    ThresholdResult,
    Validity,
)
from velroload.analysis.verdict import exit_code
from velroload.errors import Exit
from velroload.load.phases import HOLD
from velroload.report.hints_json import hints
from velroload.report.judged_json import (
    capacity_json,
    compliance_json,
    drift_json,
    fidelity_json,
    reach_json,
    warm_up_json,
)
from velroload.report.sessions import sessions_json
from velroload.report.watched import as_json as watched_json
from velroload.runfolder import write_file

FORMAT = "velroload-result/1"
RESULT = "result.json"
SCHEMA = Path(__file__).with_name("result.schema.json")
"""The published schema; its major version is that of FORMAT."""

PART_KEYS = {
    Quantity.GENERATOR_LAG: "generator_lag_ms",
    Quantity.READ_LAG: "read_lag_ms",
    Quantity.WAIT: "wait_ms",
    Quantity.CONNECT: "connect_ms",
    Quantity.TLS: "tls_ms",
    Quantity.FIRST_BYTE: "first_byte_ms",
}
REQUEST_KEYS = (
    "planned",
    "started",
    "sent",
    "ok",
    "http_errors",
    "transport_errors",
    "timeouts",
    "failed_before_sending",
    "in_flight",
    "dropped",
    "unstarted",
    "skipped",
)
SAMPLE_KEYS = ("pushed", "drained", "lost", "hops")
ITERATION_KEYS = (
    "planned",
    "started",
    "completed",
    "interrupted",
    "in_flight",
    "dropped",
    "unstarted",
)
ROWS = {
    "endpoints": ("request", "hop"),
    "groups": ("group",),
    "iterations": ("iteration",),
    "addresses": ("address",),
    "scenarios": ("scenario",),
    "classes": ("class",),
    "tags": ("tag",),
}
"""Key → the kinds of rows that stand under it."""
SHOWN_OF_MANIFEST = ("name", "seed", "started_at", "command", "target", "model", "build", "host")


def as_json(result: Result, *, folder: str | None = None, code: Exit | None = None) -> str:
    """The document as text, indented, with a newline at its end."""
    return json.dumps(document(result, folder=folder, code=code), indent=1, allow_nan=False) + "\n"


def save_result(folder: Path, result: Result, *, code: Exit | None = None) -> None:
    """Write result.json into the run folder, whole or not at all. OSError when it cannot."""
    write_file(folder / RESULT, as_json(result, folder=str(folder), code=code).encode())


def document(
    result: Result, *, folder: str | None = None, code: Exit | None = None
) -> dict[str, Any]:
    """The document before it becomes text."""
    summary = result.summary
    total = _row(summary.total)
    code = exit_code(result.codes, result.validity) if code is None else code
    return {
        "format": FORMAT,
        **{key: result.manifest.get(key) for key in SHOWN_OF_MANIFEST},
        "folder": folder,
        "verdict": result.verdict,
        "why": result.why,
        "exit_code": int(code),
        "ended": result.ended,
        "reason": result.reason,
        "complete": not result.incomplete,
        "incomplete": list(result.incomplete),
        "notes": list(result.notes),
        "validity": _validity(result.validity),
        "thresholds": [_threshold(threshold) for threshold in result.thresholds],
        "ledger": _ledger(result.ledger),
        "elapsed_s": summary.elapsed_s,
        "hold_s": summary.hold_s,
        "phases": [_phase(phase) for phase in summary.phases],
        "rate_per_s": summary.total.rate_per_s,
        "response_time_ms": total["response_time_ms"],
        "service_time_ms": total["service_time_ms"],
        "generator_lag_ms": total["generator_lag_ms"],
        "read_lag_ms": total["read_lag_ms"],
        "total": total,
        **_rows(summary),
        "failures": [_failure(failure) for failure in result.failures],
        "connections": _connections(summary.connections),
        "sessions": sessions_json(result.sessions),
        "series": _series(summary.series),
        "watched": watched_json(result.watched),
        **hints(result),
        "compliance": compliance_json(result.compliance),
        "warm_up": warm_up_json(summary.warm_up),
        "drift": [drift_json(drift) for drift in result.drift],
        "capacity": capacity_json(result.capacity),
        "fidelity": fidelity_json(result.fidelity),
        "suite": [_suite_phase(phase) for phase in result.suite],
    }


def _rows(summary: Summary) -> dict[str, Any]:
    return {
        key: [_row(row) for row in summary.rows if row.kind in kinds] for key, kinds in ROWS.items()
    }


def _suite_phase(phase: PhaseResult) -> dict[str, Any]:
    """One phase of the plan, of its hold alone; the series are of its own seconds."""
    summary = phase.summary
    return {
        "name": phase.name,
        "gate": phase.gate,
        "verdict": phase.verdict,
        "why": phase.why,
        "reached": phase.reached,
        "judges": list(phase.judges),
        "validity": _validity(phase.validity),
        "thresholds": [_threshold(threshold) for threshold in phase.thresholds],
        "hold_s": summary.hold_s,
        "phases": [_phase(part) for part in summary.phases],
        "rate_per_s": summary.total.rate_per_s,
        "total": _row(summary.total),
        **_rows(summary),
        "series": _series(summary.series),
        "watched": watched_json(phase.watched),
    }


def _connections(connections: Connections | None) -> dict[str, Any] | None:
    if connections is None:
        return None
    idle = connections.idle_closes
    return {
        "opened": connections.opened,
        "warmed": connections.warmed,
        "closed_by_server": connections.closed_by_server,
        "retries": connections.retries,
        "idle_closes": None
        if idle is None
        else {
            "count": idle.count,
            "least_s": idle.least_ns / 1e9,
            "median_s": idle.median_ns / 1e9,
        },
        "requests_by_age": connections.requests_by_age,
    }


def _ms(value_ns: float | None) -> float | None:
    return None if value_ns is None else value_ns / 1e6


def _distribution(times: Distribution) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: _ms(percentile.value_ns) for name, percentile in times.percentiles.items()
    }
    found |= {
        "max": _ms(times.max_ns),
        "mean": _ms(times.mean_ns),
        "min": _ms(times.min_ns),
        "count": times.count,
    }
    ends = {
        name: [_ms(percentile.low_ns), _ms(percentile.high_ns)]
        for name, percentile in times.percentiles.items()
        if percentile.low_ns is not None
    }
    if ends:
        found["interval_95"] = ends
    return found


def _times(name: str, times: ByOutcome) -> dict[str, Any]:
    return {
        f"{name}_time_ms": _distribution(times.all),
        f"{name}_time_ok_ms": _distribution(times.ok),
        f"{name}_time_failed_ms": _distribution(times.failed),
    }


def _phase(phase: PhaseCount) -> dict[str, Any]:
    return {
        "id": phase.id,
        "name": phase.name,
        "kind": phase.kind,
        "counts": phase.kind == HOLD,
        "start_s": phase.start_ns / 1e9,
        "end_s": phase.end_ns / 1e9,
        "count": phase.count,
        "ok": phase.ok,
    }


def _row(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": row.name,
        "kind": row.kind,
        "scenario": row.scenario,
        "class": row.cls,
        "setup": row.setup,
        "count": row.count,
        "ok": row.ok,
        "failed": row.failed,
        "transport": row.transport,
        "timeouts": row.timeouts,
        "rate_per_s": row.rate_per_s,
        "failed_share": row.failed_share,
        "failed_share_interval_95": None
        if row.failed_share is None
        else [row.failed_low, row.failed_high],
        **_times("response", row.response),
        **_times("service", row.service),
    }
    if row.reach is not None:
        found["reach"] = reach_json(row.reach)
    if row.kind in ("group", "iteration"):
        return found
    found |= {PART_KEYS[part]: _distribution(times) for part, times in row.parts.items()}
    return found | {
        "generator_added_p99_ms": _ms(row.ours_p99_ns),
        "status": {str(status): count for status, count in sorted(row.status.items())},
        "errors": row.errors,
        "received_bytes": row.bytes_in,
        "counters": row.counters,
        "server_timing_ms": {name: _distribution(times) for name, times in row.values.items()},
    }


def _failure(failure: Failure) -> dict[str, Any]:
    found = asdict(failure)
    for example in found["examples"]:
        example["at_s"] = example.pop("at_ns") / 1e9
    return found


def _series(series: Series) -> dict[str, Any]:
    return {
        "second": list(series.second),
        "sent": list(series.sent),
        "completed": list(series.completed),
        "failed": list(series.failed),
        "response_p50_ms": [_ms(value) for value in series.p50_ns],
        "response_p95_ms": [_ms(value) for value in series.p95_ns],
        "response_p99_ms": [_ms(value) for value in series.p99_ns],
    }


def _validity(validity: Validity) -> dict[str, Any]:
    return {
        "verdict": validity.verdict,
        "reasons": [
            {"level": r.level, "code": r.code, "text": r.text, "advice": r.advice}
            for r in validity.reasons
        ],
        "bad_seconds": [
            {"second": bad.second, "causes": list(bad.causes)} for bad in validity.bad_seconds
        ],
        "bad_share": validity.bad_share,
        "stalls": [{"at_s": at / 1e9, "length_ms": _ms(long)} for at, long in validity.stalls],
        "user_clock_share": validity.user_clock_share,
        "unsent": validity.unsent,
        "unsent_share": validity.unsent_share,
    }


def _threshold(threshold: ThresholdResult) -> dict[str, Any]:
    timed = threshold.unit == "ns"

    def value(number: float | None) -> float | None:
        return _ms(number) if timed else number

    return {
        "text": threshold.text,
        "verdict": threshold.verdict,
        "unit": "ms" if timed else threshold.unit,
        "observed": value(threshold.observed),
        "interval_95": [value(threshold.low), value(threshold.high)],
        "limit": value(threshold.limit),
        "infinite": threshold.infinite,
        "margin_share": threshold.margin,
        "count": threshold.count,
        "needed_count": threshold.needed,
        "generator_added": value(threshold.added),
        "why": threshold.why,
        "suspect": threshold.suspect,
    }


def _ledger(ledger: dict[str, Any]) -> dict[str, Any]:
    requests = ledger.get("requests") or {}
    samples = ledger.get("samples") or {}
    iterations = ledger.get("iterations") or {}
    return {
        **{key: requests.get(key) for key in REQUEST_KEYS},
        "transport_errors": requests.get("transport_errors") or {},
        "failed_before_sending": requests.get("failed_before_sending") or {},
        **{key: samples.get(key) for key in SAMPLE_KEYS},
        "values": dict(ledger.get("values") or {}),
        "iterations": {key: iterations.get(key) for key in ITERATION_KEYS},
        "problems": list(ledger.get("problems") or []),
    }
