"""The hints of a result as JSON: findings, advice, bursts, tail, resilience, utilisation."""

from dataclasses import asdict
from typing import Any

from velroload.analysis.finding import Evidence, Finding
from velroload.analysis.incident import Resilience
from velroload.analysis.outlier import Modes, Tail
from velroload.analysis.result import Result


def hints(result: Result) -> dict[str, Any]:
    """The keys of the document that hold them."""
    return {
        "findings": [_finding(finding) for finding in result.findings],
        "examined": [asdict(each) for each in result.examined],
        "recommendations": [asdict(each) for each in result.recommendations],
        "error_bursts": [asdict(burst) for burst in result.bursts],
        "tail": _tail(result.tail),
        "response_time_modes": [_modes(each) for each in result.modes],
        "resilience": [_resilience(row) for row in result.resilience],
        "broken": [asdict(each) for each in result.broken],
        "utilisation": [
            {**asdict(each), "uses": [asdict(use) for use in each.uses]}
            for each in result.utilisation
        ],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {**asdict(finding), "evidence": [_evidence(each) for each in finding.evidence]}


def _evidence(evidence: Evidence) -> dict[str, Any]:
    timed = evidence.unit == "ns"
    return {
        "what": evidence.what,
        "value": evidence.value / 1e6 if timed else evidence.value,
        "unit": "ms" if timed else evidence.unit,
        "where": evidence.where,
    }


def _tail(tail: Tail | None) -> dict[str, Any] | None:
    if tail is None:
        return None
    return {
        "limit_ms": tail.limit_ns / 1e6,
        "share": tail.share,
        "count": tail.count,
        "others": tail.others,
        "shares": [asdict(share) for share in tail.shares],
    }


def _modes(modes: Modes) -> dict[str, Any]:
    return {
        "endpoint": modes.endpoint,
        "fast_ms": modes.fast_ns / 1e6,
        "slow_ms": modes.slow_ns / 1e6,
        "valley_ms": modes.valley_ns / 1e6,
        "slow_share": modes.slow_share,
        "count": modes.count,
        "apart": [asdict(share) for share in modes.apart],
    }


def _resilience(row: Resilience) -> dict[str, Any]:
    """Instants and times in seconds: at_ns → at_s."""
    found: dict[str, Any] = {}
    for name, value in asdict(row).items():
        if name.endswith("_ns"):
            found[f"{name.removesuffix('_ns')}_s"] = None if value is None else value / 1e9
        else:
            found[name] = value
    return found
