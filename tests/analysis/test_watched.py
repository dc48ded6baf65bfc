"""Figures of what was watched, from runs with a known truth; and why there are none."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.reference.rundata import build, phases, steady
from velroload.analysis.analyse import analyse
from velroload.analysis.watched import (
    breaker_changes,
    cache_use,
    hit_rate,
    level,
    rise,
    share_over,
    target_level,
)
from velroload.analysis.watching import CacheUse, HitRate, Level, ProbeHealth
from velroload.journal import COUNTS, Counter
from velroload.rundata import RunData

HOLD = (2 * 10**9, 8 * 10**9)
ROLES = {"db_connections": "open", "l1_hits": "hits", "l1_misses": "misses", "cpu_share": "cpu"}
PROBES: list[dict[str, Any]] = [
    {"name": "generator", "kind": "generator", "values": {}, "roles": {}},
    {"name": "dead", "kind": "json", "values": {}, "roles": {"db_max": "max"}},
    {"name": "p", "kind": "prometheus", "values": {}, "roles": ROLES},
    {"name": "cdn", "kind": "cache_header", "values": {}, "roles": {}},
]


def watched(**series: list[float]) -> RunData:
    """A run of 10 s with a hold from 2 to 8 s; series: of probe p, a reading each second from 0."""
    data = build([steady(10, 10.0)], 10.0, probes=PROBES,
                 phases=phases(("ramp", 2.0), ("hold", 6.0), ("cool-down", 2.0)))  # fmt: skip
    rows = [
        {
            "time_s": float(second),
            "values": {
                f"p.{name}": values[second]
                for name, values in series.items()
                if second < len(values) and np.isfinite(values[second])
            },
        }
        for second in range(11)
    ]
    return replace(data, probes=rows)


def test_a_level_is_of_the_hold() -> None:
    data = watched(open=[0, 0, 3, 4, 5, 6, 7, 9, 3, 99, 99])
    found, why = level(data, "db_connections", HOLD)
    assert found == Level("p.open", 7, 3, 5, 37 / 7, 9)
    assert why is None
    assert share_over(data, "p.open", HOLD, 5) == 3 / 7
    assert share_over(data, "p.nothing", HOLD, 5) is None


@pytest.mark.parametrize(
    ("role", "why"),
    [
        ("redis_hits", "no probe tells redis_hits"),
        ("db_max", "probe dead was never read"),
        ("db_connections", "p.open was not read in the hold"),
    ],
)
def test_why_there_is_no_level(role: str, why: str) -> None:
    data = watched(open=[1, 1])
    assert level(data, role, HOLD) == (None, why)
    assert target_level(data, ("redis_hits", role), HOLD)[1] == "no probe tells redis_hits"


def test_a_counter_grows_by_what_was_added() -> None:
    data = watched(hits=[0, 5, 10, 20, 30, 3, 13, 23, 33, 90, 99])
    assert rise(data, "l1_hits", HOLD) == (20 + 3 + 30, None), "it began again"


@pytest.mark.parametrize(
    ("values", "end"), [([0.0] * 5, "end"), ([float("nan")] * 5 + [1.0] * 6, "beginning")]
)
def test_a_counter_that_was_not_read_at_both_ends(values: list[float], end: str) -> None:
    data = watched(hits=values)
    assert rise(data, "l1_hits", HOLD) == (None, f"p.hits was not read at the {end} of the hold")


def test_a_hit_rate_from_counters() -> None:
    climbing = [float(10 * second) for second in range(11)]
    data = watched(hits=climbing, misses=[float(second) for second in range(11)])
    assert hit_rate(data, "L1", HOLD) == (HitRate("p", 60, 66), None)
    assert hit_rate(watched(hits=[1.0] * 11, misses=[2.0] * 11), "L1", HOLD) == (
        None, "nothing was looked up in the hold",
    )  # fmt: skip
    assert hit_rate(data, "redis", HOLD) == (None, "no probe tells redis_hits")


def counts(*pairs: tuple[int, int]) -> np.ndarray[Any, np.dtype[Any]]:
    rows = np.zeros(len(pairs), COUNTS)
    rows["second"], rows["phase"] = 3, 1
    rows["counter"] = [Counter.CACHE + code for code, _ in pairs]
    rows["value"] = [count for _, count in pairs]
    return rows


def test_cache_use_of_answers() -> None:
    data = watched()
    data.counts = np.concatenate([data.counts, counts((0, 7), (1, 2), (3, 90), (4, 5), (5, 3))])
    use, why = cache_use(data, [0])
    assert use == CacheUse(unknown=7, miss=2, hit=0, l1=90, l2=5, l3=3)
    assert why is None
    assert (use.hits, use.known, use.rate) == (95, 100, 0.95), "unknown is no miss; L3 is no hit"
    assert use.layers() == {"L1": HitRate("answers", 90, 98), "L2": HitRate("answers", 5, 8)}
    assert cache_use(data, [1]) == (None, "no answer of a reading request came")


def test_a_cache_of_which_nothing_is_known() -> None:
    data = watched()
    data.counts = np.concatenate([data.counts, counts((0, 7))])
    use, why = cache_use(data, [0])
    assert use is not None
    assert (use.rate, use.layers(), why) == (None, {}, "no answer told of the cache")
    silent = replace(data, manifest={**data.manifest, "probes": []})
    assert cache_use(silent, [9]) == (
        None, "no header of answers is named that tells of the cache (cache_header)",
    )  # fmt: skip


def mark(kind: str, name: str, what: str, at_s: float, detail: str | None = None) -> Any:
    at_ns = round(at_s * 1e9)
    row = {"event": "mark", "kind": kind, "name": name, "what": what, "at_ns": at_ns}
    return {**row, "phase": "main", "detail": detail}


def test_breakers() -> None:
    data = replace(watched(), events=[
        mark("breaker", "db", "open", 3.0), mark("breaker", "db", "closed", 9.0),
        mark("fault", "redis_down", "begin", 3.0), {"event": "aborted", "at_ns": 1},
    ])  # fmt: skip
    assert [(each.name, each.state) for each in breaker_changes(data)] == [
        ("db", "open"), ("db", "closed"),
    ]  # fmt: skip
    assert [each.state for each in breaker_changes(data, HOLD)] == ["open"]


def test_all_of_it_in_a_result() -> None:
    data = watched(cpu=[0.1, 0.1, 0.5, 0.5, 0.9, 0.9, 0.5, 0.5, 0.2, 1, 1], open=[7.0] * 11)
    data.events = [mark("probe", "dead", "missing", -0.1, "connection refused")]
    found = analyse(data).watched
    assert found is not None
    assert set(found.levels) == {"db_connections", "cpu_share"}
    assert found.over == {"cpu_share": 2 / 7}
    assert (found.cache, found.counted, found.rises, found.breakers) == (None, {}, {}, ())
    assert found.probes == (
        ProbeHealth("generator", "generator", 0, None),
        ProbeHealth("dead", "json", 0, "connection refused"),
        ProbeHealth("p", "prometheus", 11, None),
    )
    assert found.why["db_max"] == "probe dead was never read"
    assert found.why["memory_share"] == "no probe tells memory_share"
    assert set(found.why) == {
        "db_in_use", "db_waiting", "db_max", "open_connections", "memory_share", "memory_bytes",
        "L1 hit rate", "L2 hit rate", "authorization hit rate", "redis hit rate", "cache",
        "rate_limited", "access",
    }  # fmt: skip


def test_a_run_without_probes() -> None:
    found = analyse(build([steady(10, 2.0)], 2.0)).watched
    assert found is not None
    assert (found.levels, found.probes, found.over) == ({}, (), {})
    assert found.why["cpu_share"] == "no probe tells cpu_share"
