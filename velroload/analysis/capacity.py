"""What the phases of a run say of more load: levels, the curve through them, what growth needs."""

from collections.abc import Iterator, Sequence

import numpy as np

from velroload.analysis.beta import student_quantile
from velroload.analysis.cells import counter_values
from velroload.analysis.hold import held_seconds
from velroload.analysis.outlook import Capacity, Growth, Level, Usl
from velroload.analysis.reach import complete_per_second, reach, slo_of
from velroload.analysis.roles import readings
from velroload.analysis.scope import Scope
from velroload.analysis.usl import BELIEVED, LEVELS_LEAST, fit_usl
from velroload.journal import Counter
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


def capacity_of(scopes: Sequence[Scope], thresholds: dict[str, list[Threshold]]) -> Capacity | None:
    """Over the scopes of a suite's phases in which something was answered; None below two of them.

    thresholds: of each phase, by its name.
    """
    levels = [
        level for scope in scopes if (level := _level(scope, thresholds.get(scope.name or "", [])))
    ]
    if len(levels) < 2:
        return None
    met = [level for level in levels if level.met]
    limits = {slo_of(thresholds.get(level.phase, []), {}) for level in levels} - {None}
    largest = max(met, key=lambda level: level.rate_per_s) if met else None
    users = [level.users for level in met if level.users is not None]
    usl, why = _curve(levels)
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


def _level(scope: Scope, thresholds: list[Threshold]) -> Level | None:
    ids = [row["id"] for row in scope.flow()]
    parts = held_seconds(scope.whole)
    if not parts:
        return None
    complete = complete_per_second(scope.whole, ids, parts[-1].stop)
    rate = float(np.concatenate([complete[part.start : part.stop] for part in parts]).mean())
    values = counter_values(scope.held, ids)
    bad = values.get(Counter.FAILED, 0) + values.get(Counter.TRANSPORT, 0)
    whole = bad + values.get(Counter.OK, 0)
    if not rate or not whole:
        return None
    slo_ns = slo_of(thresholds, {})
    found = reach(scope.whole, scope.held, ids, slo_ns)
    p95 = found.adjusted["p95"].value_ns
    met = None if slo_ns is None else p95 is not None and p95 <= slo_ns
    if slo_ns is not None and p95 is None and "p95" not in found.infinite:
        met = None
    return Level(
        phase=scope.name or "",
        users=scope.users,
        rate_per_s=rate,
        p95_ns=p95,
        failed_share=bad / whole,
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


def _curve(levels: Sequence[Level]) -> tuple[Usl | None, str | None]:
    """Of levels that held: a level that failed its users shows the target's limit, not its law."""
    known = [level for level in levels if level.users]
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
