"""Derived from what was watched: pure functions over a run and one hold's window of it.

Each gives a figure, or None and the reason why there is none. A window is (start, end) in ns since
the run's epoch; `held` is the run with the figures of that hold only.
"""

from collections.abc import Collection
from typing import TypeVar

import numpy as np

from velroload.analysis.cells import counter_values
from velroload.analysis.hold import hold_window
from velroload.analysis.probed import Readings, probes, readings, roles_of
from velroload.analysis.result import Distribution, Row, Summary
from velroload.analysis.summary import is_flow
from velroload.analysis.watching import (
    BreakerChange,
    CacheUse,
    HitRate,
    Level,
    ProbeHealth,
    Watched,
)
from velroload.journal import Counter
from velroload.rundata import RunData

T = TypeVar("T")
Window = tuple[int, int]
TARGET = {"cpu_share": ("cpu_share", "process_cpu_share")}
"""Figure → roles that tell it, the best first, where it is not its own only."""
LIMITS = {"cpu_share": 0.80, "memory_share": 0.85}
"""R12's, for the share of the time that is over them."""
LEVELS = ("db_connections", "db_in_use", "db_waiting", "db_max", "open_connections", "cpu_share",
          "memory_share", "memory_bytes")  # fmt: skip
RATES = {
    "L1": ("l1_hits", "l1_misses"),
    "L2": ("l2_hits", "l2_misses"),
    "authorization": ("authz_hits", "authz_misses"),
    "redis": ("redis_hits", "redis_misses"),
}
"""Name of a hit rate → the roles of its counters."""
EDGE_S = 2.5
"""A counter has to be read so near to the ends of a window; it is read once a second."""
LAYERS = ("L1", "L2", "L3")
BREAKER = "breaker_"


def level(data: RunData, role: str, window: Window) -> tuple[Level | None, str | None]:
    """Readings of a role within the window."""
    source, why = filled(data, role)
    if source is None:
        return None, why
    values = source.between(*window).values
    if not len(values):
        return None, f"{source.name} was not read in the hold"
    return Level(
        source.name,
        len(values),
        float(values.min()),
        float(np.median(values)),
        float(values.mean()),
        float(values.max()),
    ), None


def share_over(data: RunData, source: str, window: Window, limit: float) -> float | None:
    """Share of a value's readings in the window above `limit`; None without any."""
    values = Readings(*data.probe_series(source), source).between(*window).values
    return float((values > limit).mean()) if len(values) else None


def target_level(
    data: RunData, roles: Collection[str], window: Window
) -> tuple[Level | None, str | None]:
    """The level of the first of these roles that is filled, the best first."""
    reasons = []
    for role in roles:
        found, why = level(data, role, window)
        if found is not None:
            return found, None
        reasons.append(why)
    return None, reasons[0]


def rise(data: RunData, role: str, window: Window) -> tuple[int | None, str | None]:
    """By how much a counter grew in the window; one that began again counts from 0."""
    source, why = filled(data, role)
    if source is None:
        return None, why
    time_s, values = source.time_s, source.values
    start_s, end_s = (edge / 1e9 for edge in window)
    first, last = (int(np.abs(time_s - edge_s).argmin()) for edge_s in (start_s, end_s))
    for edge_s, at, which in ((start_s, first, "beginning"), (end_s, last, "end")):
        if abs(time_s[at] - edge_s) > EDGE_S:
            return None, f"{source.name} was not read at the {which} of the hold"
    steps = np.diff(values[first : last + 1])
    grown = np.where(steps < 0, values[first + 1 : last + 1], steps).sum()
    return round(float(grown)), None


def hit_rate(data: RunData, name: str, window: Window) -> tuple[HitRate | None, str | None]:
    """One of RATES, from the target's own counters by difference over the window."""
    hits_role, misses_role = RATES[name]
    hits, why = rise(data, hits_role, window)
    misses, why_too = rise(data, misses_role, window)
    if hits is None or misses is None:
        return None, why or why_too
    source = readings(data, hits_role)[0].name
    found = HitRate(source.partition(".")[0], hits, hits + misses)
    return (found, None) if found.asked else (None, "nothing was looked up in the hold")


def cache_use(held: RunData, ids: Collection[int]) -> tuple[CacheUse | None, str | None]:
    """What the answers of these endpoints said of the cache."""
    values = counter_values(held, ids)
    counted = [values.get(Counter.CACHE + code, 0) for code in range(6)]
    use = CacheUse(*counted)
    if sum(counted):
        return use, None if use.known else "no answer told of the cache"
    if not any(each.get("kind") == "cache_header" for each in probes(held)):
        return None, "no header of answers is named that tells of the cache (cache_header)"
    return None, "no answer of a reading request came"


def access_times(total: Row) -> dict[str, Distribution]:
    """Layer → time of the look-ups that ended there, as Server-Timing told it."""
    found = {layer: total.values.get(f"cache {layer}") for layer in LAYERS}
    return {layer: times for layer, times in found.items() if times is not None}


def breaker_changes(data: RunData, window: Window | None = None) -> tuple[BreakerChange, ...]:
    """Changes of state that the probes saw; within a window or in all of the run."""
    low, high = window or (-(1 << 62), 1 << 62)
    return tuple(
        BreakerChange(str(row["name"]), int(row["at_ns"]), str(row["what"]))
        for row in data.events
        if row.get("event") == "mark" and row.get("kind") == "breaker"
        and low <= row["at_ns"] <= high
    )  # fmt: skip


def health(data: RunData) -> tuple[ProbeHealth, ...]:
    """How each probe fared."""
    reasons: dict[str, str] = {}
    for row in data.events:
        if row.get("kind") == "probe" and row.get("what") == "missing":
            reasons.setdefault(str(row["name"]), str(row.get("detail")))
    found = []
    for probe in probes(data):
        name = str(probe["name"])
        read = sum(any(key.startswith(f"{name}.") for key in row["values"]) for row in data.probes)
        if probe.get("kind") != "cache_header":
            found.append(ProbeHealth(name, str(probe.get("kind")), read, reasons.get(name)))
    return tuple(found)


def watched(data: RunData, held: RunData, summary: Summary) -> Watched:
    """Everything that was watched in the hold."""
    window = hold_window(data)
    why: dict[str, str] = {}

    def known(name: str, found: tuple[T | None, str | None]) -> T | None:
        """A figure; where there is none, its reason is kept."""
        value, reason = found
        if reason is not None:
            why[name] = reason
        return value

    levels = {
        role: known(role, target_level(data, TARGET.get(role, (role,)), window)) for role in LEVELS
    }
    counted = {name: known(f"{name} hit rate", hit_rate(data, name, window)) for name in RATES}
    ids = [e["id"] for e in data.manifest.get("endpoints", []) if is_flow(e)]
    use = known("cache", cache_use(held, ids))
    limited = known("rate_limited", rise(data, "rate_limited", window))
    if not access_times(summary.total):
        why["access"] = "no answer told what its look-up took (Server-Timing: cache;desc=L1;dur=…)"
    return Watched(
        levels={role: found for role, found in levels.items() if found is not None},
        over={
            role: share
            for role, limit in LIMITS.items()
            if (found := levels[role]) is not None
            and (share := share_over(data, found.source, window, limit)) is not None
        },
        cache=use,
        counted={name: found for name, found in counted.items() if found is not None},
        rises={} if limited is None else {"rate_limited": limited},
        breakers=breaker_changes(data),
        probes=health(data),
        why=why,
    )


def filled(data: RunData, role: str) -> tuple[Readings | None, str | None]:
    """The first that was read of what a role names, or why nothing was."""
    found = readings(data, role)
    if found:
        return found[0], None
    for name in roles_of(data).get(role, []):
        return None, f"probe {name.partition('.')[0]} was never read"
    return None, f"no probe tells {role}"
