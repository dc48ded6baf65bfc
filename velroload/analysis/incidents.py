"""The resilience table: what every event did, and where rising load broke a threshold."""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from velroload.analysis.cells import SERIES_DIGITS, upper_edges
from velroload.analysis.hold import SECOND_NS, phase_rows
from velroload.analysis.incident import Broken, Resilience
from velroload.analysis.interval import samples_needed
from velroload.analysis.marks import Mark, State, marks, states
from velroload.analysis.probed import Floats
from velroload.analysis.resilience import Figures, Recovery, failed_because, recover, until_next
from velroload.analysis.result import Quantity
from velroload.analysis.scene import Scene, Span
from velroload.errors import ConfigError
from velroload.load.phases import HOLD, RAMP
from velroload.plan.mask import clean
from velroload.plan.threshold import Threshold, parse_threshold

LASTING = 5
"""A threshold is judged over so many seconds in a row."""
RISING = 1.2
"""The rate at a ramp's end over that at its beginning: less is no rising load."""


def resilience(scene: Scene) -> tuple[Resilience, ...]:
    """A row per event of the run, in order of time."""
    known = marks(scene.data)
    begins_s = [mark.at_ns / SECOND_NS for mark in known]
    return tuple(_row(scene, mark, begins_s) for mark in known)


def _row(scene: Scene, mark: Mark, begins_s: Sequence[float]) -> Resilience:
    begin_s = mark.at_ns / SECOND_NS
    span = next((s for s in scene.spans if s.first <= begin_s < s.last), None)
    figures = None if span is None else figures_of(scene, span)
    if figures is not None:
        figures = until_next(figures, begin_s, begins_s)
    if mark.failed is not None:
        found = Recovery(mark.name, begin_s, why=failed_because(mark.failed))
    elif figures is None:
        found = Recovery(mark.name, begin_s, why="it did not happen within the hold")
    else:
        found = recover(mark.name, figures, begin_s, mark.for_s)
    opened, probes = _breakers(scene, mark, found)
    fast, failed, slow = _worst(figures, found) if figures is not None else (None, None, None)
    known = found.why is None
    return Resilience(
        name=mark.name,
        kind=mark.kind,
        phase=mark.phase,
        at_ns=mark.at_ns,
        end_ns=mark.end_ns,
        onset_ns=_ns(found.onset_s),
        fast_fail_ns=_ns(fast),
        depth=found.depth if known else None,
        failed_depth=failed,
        slow=slow,
        lost=found.lost if known else None,
        recovery_ns=_ns(found.back_s) if known else None,
        open_ns=opened,
        half_open=probes,
        text=_text(found),
    )


def figures_of(scene: Scene, span: Span) -> Figures:
    """The seconds of a hold."""
    part = slice(span.first, span.last)
    good = (scene.finished - scene.failed)[part]
    return Figures(span.first, good, scene.failed[part], scene.response[part])


def _ns(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * SECOND_NS)


def _worst(figures: Figures, found: Recovery) -> tuple[float | None, float | None, float | None]:
    """(seconds until failures came fast, worst failed share, worst p95 over the usual)."""
    band = found.usual
    if band is None or found.onset_s is None:
        return None, None, None
    begin = int(found.at_s) - figures.first
    first = max(begin, int(found.at_s + found.onset_s) - figures.first)
    last = len(figures.good)
    if found.back_s is not None:
        last = min(last, int(np.ceil(found.at_s + found.back_s)) - figures.first)
    good, bad = figures.good[first:last], figures.failed[first:last]
    times = figures.p95_ns[first:last]
    share = bad / np.maximum(good + bad, 1.0)
    before = figures.p95_ns[max(0, begin - band.seconds) : begin]
    usual = float(np.median(before[np.isfinite(before)])) if np.isfinite(before).any() else None
    known = times[np.isfinite(times)]
    slow = float(known.max() / usual) if usual and len(known) else None
    fast = None
    if band.most_p95_ns is not None:
        quick = (share > band.most_failed_share) & (times <= band.most_p95_ns)
        if quick.any():
            fast = max(0.0, figures.first + first + int(np.argmax(quick)) - found.at_s)
    return fast, float(share.max()) if len(share) else None, slow


def _breakers(scene: Scene, mark: Mark, found: Recovery) -> tuple[int | None, int | None]:
    """(ns that breakers stood open, times that one was half-open), from the event's begin until the
    next one or the end of the hold: one may stand open when all else is well; None where no breaker
    was watched."""
    until_s = found.at_s + found.watched_s
    last_ns = round((until_s if found.watched_s else scene.length) * SECOND_NS)
    said = states(scene.data, "breaker")
    if said:
        return _told(said, mark.at_ns, last_ns)
    watched = [s.values for s in scene.sensors if (s.role or "").startswith("breaker_")]
    if not watched:
        return None, None
    first, last = mark.at_ns // SECOND_NS, -(-last_ns // SECOND_NS)
    opened = sum(int((values[first:last] >= 1.5).sum()) for values in watched)
    halves = sum(_entries(np.abs(values[first:last] - 1.0) < 0.5) for values in watched)
    return opened * SECOND_NS, halves


def _told(said: Sequence[State], first_ns: int, last_ns: int) -> tuple[int, int]:
    since: dict[str, int] = {}
    opened = halves = 0
    for state in said:
        if state.name in since:
            begin = max(since.pop(state.name), first_ns)
            opened += max(0, min(state.at_ns, last_ns) - begin)
        if state.what == "open":
            since[state.name] = state.at_ns
        halves += state.what == "half-open" and first_ns <= state.at_ns <= last_ns
    opened += sum(max(0, last_ns - max(begin, first_ns)) for begin in since.values())
    return opened, halves


def _entries(inside: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> int:
    return int((np.diff(inside.astype(np.int8), prepend=0) > 0).sum())


def _text(found: Recovery) -> str:
    if found.why is not None:
        return f"not known: {clean(found.why)}"
    if found.onset_s is None:
        return "nothing left the band" if found.back_s == 0 else "watched too shortly to tell"
    parts = [
        f"out of the band after {found.onset_s:.1f} s",
        f"{100 * found.depth:.0f} % of the good answers missing at worst, {found.lost:,} in all",
    ]
    if found.back_s is None:
        parts.append(f"not back within the {found.watched_s:.0f} s that it was watched")
    else:
        parts.append(f"back after {found.back_s:.1f} s")
    return "; ".join(parts)


def broken(scene: Scene) -> tuple[Broken, ...]:
    """Of every phase with rising load, each threshold that it broke, at which rate."""
    found = []
    for name in dict.fromkeys(row["name"] for row in phase_rows(scene.data)):
        rows = [r for r in phase_rows(scene.data, name) if r["kind"] in (RAMP, HOLD)]
        if not any(row["kind"] == RAMP for row in rows):
            continue
        first = -(-min(row["start_ns"] for row in rows) // SECOND_NS)
        ends = [row["end_ns"] for row in rows]
        last = scene.length if None in ends else min(scene.length, max(ends) // SECOND_NS)
        rate = scene.rate[first:last]
        if len(rate) < 2 * LASTING or not _rises(rate):
            continue
        for threshold in _thresholds(scene, str(name)):
            share = _broken_share(scene, threshold)
            at = None if share is None else _breaks(share[0][first:last], share[1])
            if at is not None:
                second = min(last - 1, first + at + LASTING - 1)
                reached = scene.rate_at(second) or 0.0
                found.append(Broken(str(name), threshold.source, reached, second))
    return tuple(found)


def _thresholds(scene: Scene, phase: str) -> list[Threshold]:
    """Those of the plan and of the phase itself; what cannot be read was said elsewhere."""
    texts = list((scene.data.manifest.get("plan") or {}).get("thresholds") or [])
    for row in scene.data.manifest.get("suite") or []:
        texts += (row.get("thresholds") or []) if row.get("name") == phase else []
    found = []
    for text in dict.fromkeys(texts):
        with suppress(ConfigError):
            found.append(parse_threshold(text))
    return [each for each in found if each.selector is None or each.selector.name == phase]


def _rises(rate: Floats) -> bool:
    return float(rate[-LASTING:].mean()) >= RISING * float(rate[:LASTING].mean())


def _broken_share(scene: Scene, threshold: Threshold) -> tuple[Floats, float] | None:
    """(share of requests that a threshold forbids, in the LASTING seconds from each on; how many it
    allows). NaN where they are too few; None for a threshold that says no such thing of all
    requests."""
    if threshold.selector is not None and threshold.selector.kind != "phase":
        return None
    if threshold.metric == "errors" and threshold.op in ("<", "<="):
        return _windowed(scene.failed, scene.finished, LASTING * 2), threshold.limit
    if threshold.metric != "percentile" or threshold.quantity not in (None, "response"):
        return None
    if threshold.quantile is None or threshold.op not in ("<", "<="):
        return None
    slow = np.zeros(scene.length)
    rows = scene.data.part("series", scene.flow, Quantity.RESPONSE)
    for second, bin_, count in rows.pieces("second", "bin", "count"):
        over = upper_edges(SERIES_DIGITS)[bin_] > threshold.limit
        slow += np.bincount(second[over], count[over], scene.length)[: scene.length]
    bad = np.minimum(scene.finished, slow + scene.failed)
    needed = samples_needed(threshold.quantile)
    return _windowed(bad, scene.finished, needed), 1.0 - threshold.quantile


def _windowed(bad: Floats, whole: Floats, needed: int) -> Floats:
    """The share of `bad` in each window of LASTING seconds, NaN where `whole` has too few."""
    window = np.ones(LASTING)
    padded = [np.concatenate([values, np.zeros(LASTING - 1)]) for values in (bad, whole)]
    hits, size = (np.convolve(values, window, "valid") for values in padded)
    return np.where(size >= needed, hits / np.maximum(size, 1.0), np.nan)


def _breaks(share: Floats, allowed: float) -> int | None:
    """The first second from which on most of what can be judged breaks it, after some that did
    not: what is broken from the beginning tells of no rate."""
    known = np.isfinite(share)
    bad = known & (np.nan_to_num(share) > allowed)
    held = np.cumsum(known & ~bad)
    for place in np.flatnonzero(bad & (held >= LASTING)).tolist():
        if 2 * bad[place:].sum() > known[place:].sum():
            return int(place)
    return None
