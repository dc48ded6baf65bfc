"""What was seen of the target beside its answers' times, as JSON and as lines."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from velroload.analysis.result import Result
from velroload.analysis.watched import LIMITS, access_times
from velroload.analysis.watching import HitRate, Level, Watched
from velroload.report.table import Style, labelled
from velroload.report.words import clean, ms, number, percent

NAMES = {
    "db_connections": "database connections",
    "db_in_use": "in use",
    "db_waiting": "waiting for one",
    "db_max": "at most",
    "open_connections": "open connections of the target",
}
"""Levels that are counts, as they are told."""


def as_json(watched: Watched | None) -> dict[str, Any] | None:
    """Its part of result.json."""
    if watched is None:
        return None
    use = watched.cache
    return {
        "levels": {role: asdict(level) for role, level in watched.levels.items()},
        "over_limit_share": dict(watched.over),
        "cache": None
        if use is None
        else {
            **asdict(use),
            "hit_rate": use.rate,
            "layers": {name: _rate(rate) for name, rate in use.layers().items()},
        },
        "counted": {name: _rate(rate) for name, rate in watched.counted.items()},
        "rises": dict(watched.rises),
        "breakers": [
            {"name": each.name, "at_s": each.at_ns / 1e9, "state": each.state}
            for each in watched.breakers
        ],
        "probes": [asdict(each) for each in watched.probes],
        "why": dict(watched.why),
    }


def _rate(rate: HitRate) -> dict[str, Any]:
    return {"source": rate.source, "hits": rate.hits, "asked": rate.asked, "hit_rate": rate.rate}


def watched_lines(result: Result, verbose: bool, style: Style) -> list[str]:
    """With -v what was watched; without it only what is wrong: probes that are missing, breakers
    that opened."""
    watched = result.watched
    if watched is None:
        return []
    lines: list[str] = []
    if verbose:
        for label, parts in (("target", _target(watched)), ("cache", _cache(result, watched))):
            found = list(parts)
            if found:
                lines += labelled(label, " · ".join(found), style)
    opened = [each for each in watched.breakers if each.state == "open"]
    if opened:
        names = ", ".join(f"{clean(each.name)} at {each.at_ns / 1e9:.0f} s" for each in opened[:4])
        lines += labelled("breakers", f"{len(opened)} × opened: {names}", style)
    for probe in watched.probes:
        if probe.missing is not None:
            what = f"{clean(probe.name)} was read {probe.readings} times: {clean(probe.missing)}"
            lines += labelled("probe", what, style)
    return lines


def _target(watched: Watched) -> Iterator[str]:
    """Levels: median and highest of the hold."""
    for role, name in (("cpu_share", "CPU"), ("memory_share", "memory")):
        level = watched.levels.get(role)
        if level is not None:
            over = watched.over.get(role, 0.0)
            yield (
                f"{name} {percent(level.mean)}, at most {percent(level.maximum)}, "
                f"{percent(over)} of the time over {percent(LIMITS[role])}"
            )
    for role, name in NAMES.items():
        level = watched.levels.get(role)
        if level is not None:
            yield f"{name} {_count(level)}"


def _count(level: Level) -> str:
    if level.minimum == level.maximum:
        return number(round(level.maximum))
    return f"{number(round(level.median))} to {number(round(level.maximum))}"


def _cache(result: Result, watched: Watched) -> Iterator[str]:
    """Hit rates by answers and by the target's counters, and what the layers took."""
    use = watched.cache
    if use is not None and use.rate is not None:
        unknown = f", {number(use.unknown)} unknown" if use.unknown else ""
        yield f"{percent(use.rate)} of {number(use.known)} answers hit{unknown}"
        for name, rate in use.layers().items():
            yield f"{name} {percent(rate.rate)}"
    for name, rate in watched.counted.items():
        yield f"{name} by its counters {percent(rate.rate)} of {number(rate.asked)}"
    for layer, times in access_times(result.summary.total).items():
        p95_ns = times.percentiles["p95"].value_ns
        if p95_ns is not None:
            yield f"{layer} p95 {ms(p95_ns)} ms"
