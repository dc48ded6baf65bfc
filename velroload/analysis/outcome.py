"""A threshold's result as it is built: the margin is computed here, and nowhere else."""

from velroload.analysis.result import ThresholdResult
from velroload.plan.threshold import Threshold, Verdict


def outcome(
    threshold: Threshold,
    verdict: Verdict,
    *,
    observed: float | None = None,
    low: float | None = None,
    high: float | None = None,
    count: int = 0,
    infinite: bool = False,
    added: float | None = None,
    needed: int | None = None,
    why: str | None = None,
    suspect: str | None = None,
) -> ThresholdResult:
    margin = None
    if observed is not None and threshold.limit > 0 and threshold.op != "==":
        sign = -1.0 if threshold.op in (">", ">=") else 1.0
        margin = sign * (threshold.limit - observed) / threshold.limit
    return ThresholdResult(
        text=threshold.source,
        verdict=str(verdict),
        observed=observed,
        low=low,
        high=high,
        limit=threshold.limit,
        unit=threshold.unit,
        count=count,
        infinite=infinite,
        margin=margin,
        added=added,
        needed=needed,
        why=why,
        suspect=suspect,
    )
