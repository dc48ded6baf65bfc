"""What is concluded of a run as JSON: compliance, drift, capacity, fidelity, warm-up, reach."""

from dataclasses import asdict
from typing import Any

from velroload.analysis.compliance import Compliance, RequirementResult
from velroload.analysis.outlook import Capacity, Drift, Fidelity, Level, WarmUp
from velroload.analysis.result import Reach


def compliance_json(found: Compliance | None) -> dict[str, Any] | None:
    """The document with its requirements; null where the run is held against none."""
    if found is None:
        return None
    return {
        "document": found.document,
        "scale": found.scale,
        "phase": found.phase,
        "verdict": found.verdict,
        "why": found.why,
        "score": found.score,
        "measured": found.measured,
        "total": found.total,
        "coverage_share": found.coverage,
        "band": found.band,
        "requirements": [_requirement(each) for each in found.requirements],
    }


def _requirement(each: RequirementResult) -> dict[str, Any]:
    timed = each.unit == "ns"

    def value(figure: float | None) -> float | None:
        return figure / 1e6 if timed and figure is not None else figure

    return {
        "id": each.id,
        "title": each.title,
        "verdict": each.verdict,
        "unit": {"ns": "ms", "per_hour": "share_per_hour"}.get(each.unit, each.unit),
        "observed": value(each.observed),
        "interval_95": [value(each.low), value(each.high)],
        "op": each.op,
        "limit": value(each.limit),
        "infinite": each.infinite,
        "headroom_share": each.headroom,
        "count": each.count,
        "count_of": each.what,
        "needed_count": each.needed,
        "phase": each.phase,
        "evidence": each.evidence,
        "why": each.why,
        "suspect": each.suspect,
        "critical": each.critical,
        "weight": each.weight,
    }


def drift_json(drift: Drift) -> dict[str, Any]:
    """One series' trend; its values in `unit` ("ns", "bytes", "count")."""
    return asdict(drift)


def _ms(value_ns: float | None) -> float | None:
    return None if value_ns is None else value_ns / 1e6


def warm_up_json(found: WarmUp | None) -> dict[str, Any] | None:
    """What MSER-5 would cut, and the figures with and without."""
    if found is None:
        return None
    return {
        "seconds": found.seconds,
        "by": found.by,
        "most_s": found.most_s,
        "whole": {
            "p50_ms": _ms(found.p50_ns),
            "p99_ms": _ms(found.p99_ns),
            "rate_per_s": found.rate_per_s,
        },
        "trimmed": {
            "p50_ms": _ms(found.trimmed_p50_ns),
            "p99_ms": _ms(found.trimmed_p99_ns),
            "rate_per_s": found.trimmed_rate_per_s,
        },
    }


def capacity_json(found: Capacity | None) -> dict[str, Any] | None:
    """Levels, curve and growth; null for a run of one level."""
    if found is None:
        return None
    return {
        "levels": [_level(level) for level in found.levels],
        "limit": found.limit,
        "largest_met_per_s": found.largest_met_per_s,
        "largest_met_users": found.largest_met_users,
        "usl": None if found.usl is None else asdict(found.usl),
        "growth": [asdict(growth) for growth in found.growth],
        "why": found.why,
    }


def _level(level: Level) -> dict[str, Any]:
    row = asdict(level)
    row["p95_ms"] = _ms(row.pop("p95_ns"))
    return row


def fidelity_json(found: Fidelity | None) -> dict[str, Any] | None:
    """Planned against started, arrivals, Little's law."""
    return None if found is None else asdict(found)


def reach_json(found: Reach | None) -> dict[str, Any] | None:
    """What users got, failures included."""
    if found is None:
        return None
    return {
        "adjusted_response_time_ms": {
            name: _ms(percentile.value_ns) for name, percentile in found.adjusted.items()
        },
        "infinite": list(found.infinite),
        "best_second_per_s": found.best_second_per_s,
        "best_10s_per_s": found.best_10s_per_s,
        "sustained_per_s": found.sustained_per_s,
        "slo_ms": _ms(found.slo_ns),
        "goodput_per_s": found.goodput_per_s,
        "apdex": found.apdex,
    }
