"""Did the load come as planned? Starts per second against the plan, arrivals, Little's law."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from velroload.analysis.cells import counter_series
from velroload.analysis.hold import ended_ns, held_seconds, hold_ns
from velroload.analysis.outlook import Fidelity
from velroload.analysis.scope import Scope
from velroload.journal import Counter

UNIFORM, POISSON = "uniform", "poisson"
SECONDS_LEAST = 10
LEVEL = 0.01
"""A run is told to differ from its plan at this level only: it is one test of many."""
EDGE = 2.0
"""Uniform starts of one worker: a second may have one more or less at each end."""


def fidelity_of(scope: Scope) -> Fidelity:
    """The load of one hold. What the run folder does not tell is None; `why` says what."""
    loads = _loads(scope)
    arrivals = sorted({str(load.get("arrival")) for load in loads})
    arrival = arrivals[0] if len(arrivals) == 1 and _is_open(scope) else None
    starts = _starts(scope)
    planned = _planned_per_s(scope)
    in_flight, by_law, off = _little(scope)
    if not len(starts):
        none = "the hold has no whole second"
        return Fidelity(arrival, planned, *(None,) * 5, in_flight, by_law, off, none)
    started = float(starts.mean())
    dispersion = float(starts.var(ddof=1) / started) if started and len(starts) > 1 else None
    p_value = as_planned = worst = None
    why: str | None = None if arrival else "users come back by themselves: no arrivals were planned"
    if planned:
        worst = float(np.abs(starts - planned).max()) / planned
    if arrival and planned and len(starts) < SECONDS_LEAST:
        why = f"{len(starts)} seconds are too few to judge arrivals"
    elif arrival == POISSON and dispersion is not None and planned:
        p_value = min(1.0, 2.0 * min(_dispersed(dispersion, len(starts)), _rate(starts, planned)))
        as_planned = p_value >= LEVEL
    elif arrival == UNIFORM and planned:
        room = EDGE * max(1, len(scope.whole.manifest.get("workers") or [])) * max(1, len(loads))
        as_planned = bool(np.abs(starts - planned).max() <= room)
    return Fidelity(
        arrival, planned, started, worst, dispersion, p_value, as_planned, in_flight, by_law, off,
        why,
    )  # fmt: skip


def _is_open(scope: Scope) -> bool:
    return bool((scope.whole.manifest.get("model") or {}).get("open"))


def _loads(scope: Scope) -> list[dict[str, Any]]:
    scenarios = (scope.whole.manifest.get("plan") or {}).get("scenarios") or []
    return [scenario.get("load") or {} for scenario in scenarios]


def _passes(scope: Scope) -> list[int]:
    """Endpoints of which every iteration has one sample."""
    rows = scope.whole.manifest.get("endpoints") or []
    found = [row["id"] for row in rows if row.get("kind") == "iteration"]
    flow = [row["id"] for row in scope.flow()]
    return found or (flow if len(flow) == 1 else [])


def _starts(scope: Scope) -> NDArray[np.float64]:
    """Iterations that were due in each whole second of the hold."""
    parts = held_seconds(scope.whole)
    ids = _passes(scope)
    if not parts or not ids:
        return np.empty(0)
    series = counter_series(scope.held, ids, Counter.SCHEDULED, parts[-1].stop)
    return np.concatenate([series[part.start : part.stop] for part in parts])


def _planned_per_s(scope: Scope) -> float | None:
    """Iterations per second that the hold was to have; None where that is not one number."""
    if not _is_open(scope):
        return None
    span_ns = hold_ns(scope.whole)
    if scope.hold.get("planned") and span_ns:
        return float(scope.hold["planned"]) / span_ns * 1e9
    scenarios = (scope.whole.manifest.get("plan") or {}).get("scenarios") or []
    found = [_constant(scenario) for scenario in scenarios]
    if scope.name is not None or not found or None in found:
        return None
    return float(sum(rate for rate in found if rate is not None))


def _constant(scenario: dict[str, Any]) -> float | None:
    load = scenario.get("load") or {}
    if load.get("model") != "constant-arrival-rate":
        return None
    if load.get("rate_per_s") is not None:
        return float(load["rate_per_s"])
    requests, per = load.get("request_rate_per_s"), scenario.get("requests_per_iteration")
    return float(requests) / float(per) if requests and per else None


def _dispersed(dispersion: float, count: int) -> float:
    """How likely so small or so large a dispersion is for Poisson counts: chi-square by Wilson and
    Hilferty's cube root; two-sided."""
    freedom = count - 1
    z = (dispersion ** (1.0 / 3.0) - (1.0 - 2.0 / (9.0 * freedom))) / math.sqrt(
        2.0 / (9.0 * freedom)
    )
    return math.erfc(abs(z) / math.sqrt(2.0))


def _rate(starts: NDArray[np.float64], planned: float) -> float:
    """How likely so many Poisson starts in all are at the planned rate; two-sided."""
    expected = planned * len(starts)
    z = (float(starts.sum()) - expected) / math.sqrt(expected)
    return math.erfc(abs(z) / math.sqrt(2.0))


def _little(scope: Scope) -> tuple[float | None, float | None, float | None]:
    """Requests in flight on average over the run: counted, by rate × time, and their difference."""
    law: dict[str, Any] = ((scope.whole.end or {}).get("evidence") or {}).get("littles_law") or {}
    span_ns = ended_ns(scope.whole)
    if not law.get("requests") or span_ns <= 0:
        return None, None, None
    counted = law["integral_request_ns"] / span_ns
    by_law = (law["service_sum_ns"] + law["open_age_ns"]) / span_ns
    larger = max(counted, by_law)
    return counted, by_law, abs(counted - by_law) / larger if larger else 0.0
