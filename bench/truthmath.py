"""What a tool said against what the server logged: errors per quantile, per request, per law."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.truthserver import service_ns
from velroload.sample import Flag, Kind

LEVELS = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}
LIMITS_US = {"p50": 50.0, "p99": 100.0, "p99.9": 150.0, "max": 500.0}
"""Largest error of service time on a shared 2-core VM, quiet or busy (docs/measurement.md)."""

STALL_LIMITS_US = {"p50": 50.0, "p99": 1150.0, "p99.9": 1200.0, "max": 500.0}
"""Three digits at one second are bins of 0.5 to 1.05 ms; the exact maximum has none."""

PAIRED_LIMITS_US = {"p99": 150.0, "max": 1000.0}
LAW_LIMIT_SHARE = 0.02
VALID_LIMIT_FACTOR = 3.0
"""No VALID run may be off by more than this many limits."""


def truth_us(log: NDArray[np.void]) -> dict[str, float]:
    """Quantiles (nearest rank) of the server's own service time; empty without requests."""
    taken = np.sort(service_ns(log)) / 1e3
    if not len(taken):
        return {}
    return {name: float(taken[rank(level, len(taken)) - 1]) for name, level in LEVELS.items()}


def rank(level: float, count: int) -> int:
    """Nearest rank, from 1: the 99.9th percentile of 5,000 values is the 4,995th."""
    return max(1, ceil(level * count / 100 - 1e-6))


def errors_us(
    said_ms: Mapping[str, float | None], truth: Mapping[str, float], path_us: float
) -> dict[str, float]:
    """Said - path - truth, where both are known."""
    return {
        name: said * 1e3 - path_us - truth[name]
        for name, said in said_ms.items()
        if said is not None and name in truth
    }


def pair(
    samples: NDArray[np.void], epoch_ns: int, log: NDArray[np.void], path_us: float
) -> dict[str, Any]:
    """Errors request by request, of the samples that a run kept.

    Both sides are CLOCK_MONOTONIC of one machine. Over loopback the kernel stamps a request inside
    its own send(), and one worker sends one after the other: the request that belongs to a sample
    is the first that the server received after `sent_ns`. `log` is in the order of receiving.
    Pairs that two samples claim, or that end before they were answered, are counted as unmatched.
    """
    kept = samples[
        (samples["error"] == 0)
        & ((samples["flags"] & 3) == Kind.REQUEST)
        & ((samples["flags"] & Flag.SETUP) == 0)
    ]
    place = np.searchsorted(log["received_ns"], kept["sent_ns"] + epoch_ns, side="left")
    inside = place < len(log)
    kept, place = kept[inside], place[inside]
    unmatched = int((~inside).sum())
    good = log["sent_ns"][place] <= kept["end_ns"] + epoch_ns
    _, first, times = np.unique(place, return_index=True, return_counts=True)
    single = np.zeros(len(place), bool)
    single[first[times == 1]] = True
    good &= single
    unmatched += int((~good).sum())
    if not good.any():
        return {"pairs": 0, "unmatched": unmatched}
    kept, place = kept[good], place[good]
    added_us = (kept["end_ns"] - kept["sent_ns"] - service_ns(log)[place]) / 1e3 - path_us
    off_us = np.abs(added_us)
    preempted = (kept["flags"] & Flag.PREEMPTED) != 0
    return {
        "pairs": len(kept),
        "unmatched": unmatched,
        "p50_us": float(np.percentile(added_us, 50)),
        "p99_us": float(np.percentile(off_us, 99)),
        "max_us": float(off_us.max()),
        "preempted": int(preempted.sum()),
        "max_not_preempted_us": float(off_us[~preempted].max()) if (~preempted).any() else None,
    }


def law_ms(level: float, base_ms: float, stall_ms: float, period_ms: float) -> float | None:
    """Response time at a percentile under a stall of S every T: base + S - (1 - p) T.

    Holds for open load over whole periods; None below the share that is stalled.
    """
    missing_ms = (1 - level / 100) * period_ms
    return base_ms + stall_ms - missing_ms if missing_ms < stall_ms else None


def law_errors(
    said_ms: Mapping[str, float | None], base_ms: float, stall_ms: float, period_ms: float
) -> dict[str, float]:
    """(said - law) / law, for every percentile that the law covers."""
    found = {}
    for name, said in said_ms.items():
        expected = law_ms(LEVELS[name], base_ms, stall_ms, period_ms) if name != "max" else None
        if said is not None and expected is not None:
            found[name] = (said - expected) / expected
    return found


def judge(errors: Sequence[Mapping[str, float]], limits: Mapping[str, float]) -> dict[str, Any]:
    """Median of the absolute error over the rounds against its limit, per quantile."""
    verdicts: dict[str, Any] = {}
    for name, limit in limits.items():
        values = [abs(each[name]) for each in errors if each.get(name) is not None]
        middle = float(np.median(values)) if values else None
        verdicts[name] = {
            "median_us": middle,
            "limit_us": limit,
            "verdict": "NOT MEASURED" if middle is None else "PASS" if middle <= limit else "FAIL",
        }
    return verdicts
