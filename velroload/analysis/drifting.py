"""Does the target change while the load stays? Response time, memory and connections over a hold.

Points are seconds (p95 of the response time) or readings of a probe; trend.py says what is a trend.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from velroload.analysis.cells import slices
from velroload.analysis.document import Part
from velroload.analysis.hold import SECOND_NS, whole_seconds
from velroload.analysis.observed import Finding, missing
from velroload.analysis.outlook import Drift
from velroload.analysis.probed import readings
from velroload.analysis.result import Quantity
from velroload.analysis.scope import Scope
from velroload.analysis.trend import BLOCKS_LEAST, Trend, trend
from velroload.plan.threshold import Verdict

SIGNIFICANT = 0.05
LEAST_PER_HOUR = 0.01
"""A rise below this share of the median per hour is no drift, however surely it is seen."""
EXCLUDED = 0.10
"""A stable series must exclude a growth of this share of the median over the hold."""
ENDURANCE_LEAST_S = 600.0
"""A shorter hold is no endurance: what leaks shows after minutes."""
SLICES = 120
QUANTILE = 0.95
SECONDS_PER_HOUR = 3_600.0
ROLES = {
    "memory_bytes": ("memory", "bytes"),
    "open_connections": ("open connections", "count"),
    "db_connections": ("database connections", "count"),
}

Floats = NDArray[np.float64]


def drifts(scope: Scope) -> Iterator[Drift]:
    """Every series that there is, of a hold; those without readings are left out."""
    x, y = response_points(scope)
    yield drift_of("response p95", "ns", scope.name, x, y)
    for role, (what, unit) in ROLES.items():
        for found in readings(scope.whole, role):
            inside = found.between(*scope.window_ns)
            if len(inside.values):
                name = f"{what} ({inside.name})"
                yield drift_of(name, unit, scope.name, inside.time_s, inside.values)


def response_points(scope: Scope) -> tuple[Floats, Floats]:
    """(seconds since the epoch, p95 in ns) of up to SLICES equal slices of the hold; slices too
    thin for a p95 are joined, those with nothing are left out."""
    first, last = whole_seconds(scope.whole)
    parts = slices(scope.held, Quantity.RESPONSE, [row["id"] for row in scope.flow()])
    weights = parts.weights[first:last]
    length = max(1, -(-len(weights) // SLICES))
    while length < len(weights) and weights.sum() * length < 100.0 * len(weights):
        length *= 2
    count = len(weights) // length
    if not count or not len(parts.bins):
        return np.empty(0), np.empty(0)
    joined = weights[: count * length].reshape(count, length, -1).sum(axis=1)
    cumulative = np.cumsum(joined, axis=1)
    filled = cumulative[:, -1] > 0
    columns = np.argmax(cumulative >= QUANTILE * cumulative[:, -1:] * (1.0 - 1e-12), axis=1)
    tops = np.array([float(parts.upper_ns(column) or 0) for column in range(len(parts.bins))])
    bottoms = np.array([float(parts.lower_ns(column) or 0) for column in range(len(parts.bins))])
    inside = _within_bin(joined, cumulative, columns)
    values = bottoms[columns] + inside * (tops[columns] - bottoms[columns])
    middles = first + (np.arange(count) + 0.5) * length
    return middles[filled].astype(np.float64), np.asarray(values[filled], np.float64)


def _within_bin(joined: Floats, cumulative: Floats, columns: NDArray[np.intp]) -> Floats:
    """How far into its bin the quantile lies: without it a slow drift moves in steps of a bin."""
    rows = np.arange(len(columns))
    own = joined[rows, columns]
    below = cumulative[rows, columns] - own
    return np.asarray(
        np.clip((QUANTILE * cumulative[:, -1] - below) / np.maximum(own, 1e-9), 0.0, 1.0)
    )


def drift_of(what: str, unit: str, phase: str | None, x: Floats, y: Floats) -> Drift:
    """The drift of a series over seconds x."""
    found = trend(x, y)
    median = float(np.median(y)) if len(y) else None
    if found is None:
        nothing = (None,) * 6
        return Drift(what, unit, phase, len(y), median, *nothing)
    slope, low, high = (SECONDS_PER_HOUR * each for each in (found.slope, found.low, found.high))
    rising = "rising" if found.slope > 0 else "falling"
    return Drift(
        what=what,
        unit=unit,
        phase=phase,
        count=len(y),
        median=median,
        slope_per_hour=slope,
        low_per_hour=low,
        high_per_hour=high,
        share_per_hour=slope / median if median else None,
        p_value=found.p_value,
        trend=rising if found.p_value < SIGNIFICANT and found.slope else "none",
    )


def stability(scope: Scope, part: Part, *, tests: int) -> Finding:
    """R13 for one series: PASS when there is no significant rise and one of EXCLUDED over the hold
    can be excluded. `tests`: how many series are tested together (Bonferroni)."""
    noun = part.label
    start, end = scope.window_ns
    if end - start < ENDURANCE_LEAST_S * SECOND_NS:
        return missing("a hold of at least 10 minutes is needed", "per_hour")
    if part.subject == "drift response":
        x, y = response_points(scope)
        evidence = "histograms.npz: series"
    else:
        found = readings(scope.whole, part.subject.removeprefix("drift "))
        if not found:
            return missing(f"the target's {noun} was not read", "per_hour")
        inside = found[0].between(*scope.window_ns)
        x, y, evidence = inside.time_s, inside.values, f"probes.npz: {inside.name}"
    result = trend(x, y)
    median = float(np.median(y)) if len(y) else 0.0
    if result is None or median <= 0.0:
        why = f"{len(y)} readings of {noun}: at least {BLOCKS_LEAST} are needed"
        return missing(why, "per_hour")
    return _judged(result, median, (end - start) / 1e9, noun, len(y), evidence, tests)


def _judged(
    result: Trend, median: float, hold_s: float, noun: str, count: int, evidence: str, tests: int
) -> Finding:
    slope, low, high = (
        SECONDS_PER_HOUR * each / median for each in (result.slope, result.low, result.high)
    )
    growth = result.high * hold_s / median
    surely = result.p_value < SIGNIFICANT / tests and slope > 0.0
    p = f"p = {result.p_value:.2g}"
    if surely and slope >= LEAST_PER_HOUR:
        verdict, why = Verdict.FAIL, f"{noun} rises by {100 * slope:.2g} % per hour ({p})"
    elif growth > EXCLUDED:
        verdict = Verdict.INCONCLUSIVE
        why = f"{noun}: no significant trend, but {100 * growth:.0f} % over the hold is possible"
    else:
        verdict, why = Verdict.PASS, f"{noun}: no significant trend ({p})"
    return Finding(verdict, why, slope, low, high, "per_hour", count, "points", None, evidence)
