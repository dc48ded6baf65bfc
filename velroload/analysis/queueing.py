"""Does work pile up? Where response time bends against the rate, and whether it grows by itself."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from velroload.analysis.chance import correlate, ranks
from velroload.analysis.finding import LIKELY, POSSIBLE, Evidence, Finding
from velroload.analysis.probed import Floats
from velroload.analysis.scene import Scene, Span
from velroload.plan.mask import clean

LEVELS = 8
"""Groups of seconds by rate."""
SPREAD = 1.5
"""Rates that differ less than this say nothing about a bend."""
BENT = 2.0
"""From how many times the response at low rates on work is said to queue."""
BENT_LEVELS = 2
"""So many groups at least lie beyond a knee. A test of the correlation would be worth nothing: in a
ramp both series are one long trend."""
SLOWER = 0.9
"""Seconds beyond the knee are slower than those before in so many of all pairs."""
STEADY = 0.8
"""Rank correlation with time from which on a response grows steadily."""
LEAST_SECONDS = 24


@dataclass(frozen=True, slots=True)
class Knee:
    """Where the response bends: rates in 1/s, times in ns; slower: see slower_share."""

    rate_per_s: float
    at_s: int
    low_ns: float
    high_ns: float
    slower: float


@dataclass(frozen=True, slots=True)
class Growth:
    """Response time that grows while the load stays: median of the first and last fifth, ns."""

    span: Span
    first_ns: float
    last_ns: float
    rho: float


def knee(scene: Scene) -> Knee | None:
    """The lowest group of rates from which on every group's median response is BENT times that of
    the lowest third. None where rates do not differ, or nothing bends."""
    rate, response = scene.rate, scene.response
    used = scene.loaded & np.isfinite(response) & (rate > 0)
    if used.sum() < LEAST_SECONDS:
        return None
    seconds, rate, response = np.flatnonzero(used), rate[used], response[used]
    low, high = np.quantile(rate, (0.05, 0.95))
    if high < SPREAD * low:
        return None
    order = np.argsort(rate, kind="stable")
    groups = np.array_split(order, LEVELS)
    levels = np.array([np.median(response[group]) for group in groups])
    base = float(np.median(np.concatenate([response[group] for group in groups[: LEVELS // 3]])))
    bent = np.flatnonzero(levels < BENT * base)
    first = int(bent[-1]) + 1
    if not 0 < first <= LEVELS - BENT_LEVELS:
        return None
    over = np.concatenate(groups[first:])
    slower = slower_share(np.concatenate(groups[:first]), over, response)
    if slower < SLOWER:
        return None
    return Knee(
        float(rate[groups[first]].min()),
        int(seconds[over].min()),
        base,
        float(np.median(response[over])),
        slower,
    )


def slower_share(before: NDArray[np.int64], beyond: NDArray[np.int64], response: Floats) -> float:
    """How often a second beyond is slower than one before, over all pairs (Mann and Whitney)."""
    places = ranks(response)[beyond]
    pairs = places.sum() - len(beyond) * (len(beyond) - 1) / 2.0
    return float(pairs / (len(before) * len(beyond)))


def growth(scene: Scene) -> Growth | None:
    """The hold whose response time grows most at a steady rate: a queue that never empties."""
    best: Growth | None = None
    for span in scene.spans:
        part = scene.response[span.first : span.last]
        fifth = len(part) // 5
        if len(part) < LEAST_SECONDS or not (known := np.isfinite(part)).mean() > 0.5:
            continue
        first, last = _median(part[:fifth]), _median(part[-fifth:])
        found = correlate(np.arange(len(part), dtype=np.float64), part, (0,))
        if found is None or not known.any() or found.rho < STEADY or last < BENT * first:
            continue
        if best is None or last / first > best.last_ns / best.first_ns:
            best = Growth(span, first, last, found.rho)
    return best


def _median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else np.nan


def queueing(scene: Scene) -> Finding | None:
    """A bend or a growth, as a hint; both are a sign of something that is too small."""
    bend, grown = knee(scene), growth(scene)
    if bend is None and grown is None:
        return None
    evidence: list[Evidence] = []
    parts = []
    name = scene.response_name
    if bend is not None:
        parts.append(
            f"{name} rises from {bend.low_ns / 1e6:.3g} ms to {bend.high_ns / 1e6:.3g} ms as the "
            f"rate rises; it bends at about {bend.rate_per_s:,.0f}/s"
        )
        evidence += [
            Evidence("rate at the knee", bend.rate_per_s, "per_s", "rate"),
            Evidence(f"{name} at low rates", bend.low_ns, "ns", "response"),
            Evidence(f"{name} at the highest rates", bend.high_ns, "ns", "response"),
            Evidence("seconds beyond it slower than before it", bend.slower, "share", "response"),
            *_in_flight(scene, bend),
        ]
    if grown is not None:
        where = f" of {clean(grown.span.name)}" if grown.span.name else ""
        parts.append(
            f"{name} grows from {grown.first_ns / 1e6:.3g} ms to {grown.last_ns / 1e6:.3g} ms "
            f"within the hold{where} though the load stays: more comes in than is served"
        )
        evidence += [
            Evidence(f"{name} in the first fifth", grown.first_ns, "ns", "hold"),
            Evidence(f"{name} in the last fifth", grown.last_ns, "ns", "hold"),
        ]
    return Finding(
        code="queueing",
        title="Requests queue",
        text="; ".join(parts),
        confidence=LIKELY if grown is not None or (bend and bend.slower > 0.97) else POSSIBLE,
        evidence=tuple(evidence),
        phase=grown.span.name if grown is not None else None,
        onset_s=bend.at_s if bend is not None else grown.span.first if grown else None,
    )


def _in_flight(scene: Scene, bend: Knee) -> list[Evidence]:
    """Little's law: requests under way = rate x mean response time, before the knee and in all."""
    mean = scene.summary.total.response.all.mean_ns
    rate = scene.summary.total.rate_per_s
    if mean is None or not rate:
        return []
    below = bend.rate_per_s * bend.low_ns / 1e9
    return [
        Evidence("requests under way in the hold", rate * mean / 1e9, "count", "Little's law"),
        Evidence("requests under way at the knee, at most", below, "count", "Little's law"),
    ]
