"""What the phases of a run say of more load: levels, the curve through them, what growth needs."""

from collections.abc import Iterator, Sequence

import numpy as np

from velroload.analysis.beta import student_quantile
from velroload.analysis.outlook import Capacity, Growth, Level, Usl
from velroload.analysis.probed import readings
from velroload.analysis.reach import slo_of
from velroload.analysis.result import PhaseResult
from velroload.analysis.scope import Scope
from velroload.analysis.usl import BELIEVED, LEVELS_LEAST, fit_usl
from velroload.plan.threshold import Threshold

RESOURCES = {
    "cpu_share": ("CPU", "share", 0.80),
    "memory_share": ("memory", "share", 0.85),
    "memory_bytes": ("memory", "bytes", None),
    "open_connections": ("open connections", "count", None),
    "db_connections": ("database connections", "count", None),
    "db_in_use": ("database connections in use", "count", None),
}
"""Role → what it is, its unit, and the limit that the product document sets."""
LINE_LEAST = 3
"""Levels that a line needs to have an interval."""


def capacity_of(
    phases: Sequence[PhaseResult],
    scopes: Sequence[Scope],
    thresholds: dict[str, list[Threshold]],
) -> Capacity | None:
    """Over the phases of a suite, each with its scope, in which something was answered; None below
    two of them. thresholds: of each phase, by its name."""
    levels = [
        level
        for phase, scope in zip(phases, scopes, strict=True)
        if (level := _level(phase, scope, thresholds.get(phase.name, [])))
    ]
    if len(levels) < 2:
        return None
    met = [level for level in levels if level.met]
    limits = {slo_of(thresholds.get(level.phase, []), {}) for level in levels} - {None}
    largest = max(met, key=lambda level: level.rate_per_s) if met else None
    users = [level.users for level in met if level.users is not None]
    usl, why = _curve([level for level in levels if level.phase not in _offered(scopes)])
    return Capacity(
        levels=tuple(levels),
        limit=" / ".join(f"p95 < {limit / 1e6:g} ms" for limit in sorted(filter(None, limits)))
        or None,
        largest_met_per_s=largest.rate_per_s if largest else None,
        largest_met_users=max(users, default=None),
        usl=usl,
        growth=tuple(_growths(levels, scopes)),
        why=why,
    )


def _level(phase: PhaseResult, scope: Scope, thresholds: list[Threshold]) -> Level | None:
    total = phase.summary.total
    if not total.rate_per_s or total.reach is None:
        return None
    slo_ns = slo_of(thresholds, {})
    p95 = total.reach.adjusted["p95"].value_ns
    met = None
    if slo_ns is not None and (p95 is not None or "p95" in total.reach.infinite):
        met = p95 is not None and p95 <= slo_ns
    return Level(
        phase=phase.name,
        users=scope.users,
        rate_per_s=total.rate_per_s,
        p95_ns=p95,
        failed_share=total.failed_share,
        met=met,
        resources=dict(_resources(scope)),
    )


def _resources(scope: Scope) -> Iterator[tuple[str, float]]:
    for role in RESOURCES:
        means = [
            float(inside.values.mean())
            for found in readings(scope.whole, role)
            if len((inside := found.between(*scope.window_ns)).values)
        ]
        if means:
            yield role, max(means)


def _offered(scopes: Sequence[Scope]) -> set[str | None]:
    """Phases whose rate the plan has set: through them goes the plan's curve, not the target's."""
    return {scope.name for scope in scopes if (scope.whole.manifest.get("model") or {}).get("open")}


def _curve(levels: Sequence[Level]) -> tuple[Usl | None, str | None]:
    """Of levels that held: a level that failed its users shows the target's limit, not its law."""
    known = [level for level in levels if level.users]
    if not known:
        return (
            None,
            "the plan offers the rates: a curve needs phases whose users go on by themselves",
        )
    users = np.array([level.users or 0.0 for level in known])
    if len(np.unique(users)) < LEVELS_LEAST:
        return None, (
            f"a curve needs {LEVELS_LEAST} levels of users, this run has {len(np.unique(users))}"
        )
    offered = [level.rate_per_s for level in known]
    found = fit_usl(users, np.array(offered))
    return found, None if found else "no curve of the Universal Scalability Law fits"


def _growths(levels: Sequence[Level], scopes: Sequence[Scope]) -> Iterator[Growth]:
    """A line through the levels for each resource that was read in at least LINE_LEAST of them."""
    for role, (name, unit, limit) in RESOURCES.items():
        read = [level for level in levels if role in level.resources]
        rates = np.array([level.rate_per_s for level in read])
        values = np.array([level.resources[role] for level in read])
        if len(read) < LINE_LEAST or np.ptp(rates) <= 0.0:
            continue
        centred = rates - rates.mean()
        slope = float(centred @ values / (centred @ centred))
        base = float(values.mean() - slope * rates.mean())
        residual = values - base - slope * rates
        error = float(np.sqrt(residual @ residual / (len(read) - 2) / (centred @ centred)))
        half = student_quantile(len(read) - 2, 0.975) * error
        largest = float(rates.max())
        most = _most(scopes) if role == "db_in_use" else limit
        until = (most - base) / slope if most is not None and slope > 0.0 else None
        yield Growth(
            resource=name,
            unit=unit,
            per_request_per_s=slope,
            low=slope - half,
            high=slope + half,
            at_largest=base + slope * largest,
            until_per_s=until if until is not None and 0.0 < until <= BELIEVED * largest else None,
            believed_to_per_s=BELIEVED * largest,
        )


def _most(scopes: Sequence[Scope]) -> float | None:
    """How many database connections there can be, where a probe tells."""
    found = [
        float(each.values.max()) for scope in scopes for each in readings(scope.whole, "db_max")
    ]
    return max(found, default=None)
