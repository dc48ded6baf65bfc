"""A run with everything in it: six phases, twenty endpoints, probes, events, errors, cache layers.

rich() for reports and analysis alike; hostile() is the same with markup, formulas and control
letters wherever a user or a server can write.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from tests.reference import rundata as rd
from velroload.journal import COUNTS
from velroload.rundata import RunData
from velroload.sample import SAMPLE, ErrorKind

PHASES = (
    ("warm_up_baseline", 500, 100.0),
    ("intermediate_scaling", 2_500, 500.0),
    ("large_scale_validation", 5_000, 800.0),
    ("prd_compliance_validation", 10_000, 1_000.0),
    ("stress_test_beyond_prd", 15_000, 1_200.0),
    ("endurance_test", 8_000, 800.0),
)
"""Name, users, rate as the manifest tells it; the samples are fewer."""
NAMES = (
    "authentication_check", "authorization_check", "generation_list", "model_access",
    "generation_create", "media_url_access", *(f"GET /api/v1/part{n}" for n in range(14)),
)  # fmt: skip
RAMP, COOL = 0.2, 0.1
THRESHOLDS = ("p95(response) < 75ms", "p99(response) < 60ms", "errors < 5%")
PROBES: list[dict[str, Any]] = [
    {
        "name": "velro",
        "kind": "prometheus",
        "values": {
            "db_used": {"unit": "count", "says": "database connections in use"},
            "db_queue": {"unit": "count", "says": "requests waiting for a connection"},
            "db_limit": {"unit": "count", "says": "most database connections"},
            "l1": {"unit": "count", "says": "hits in L1"},
            "l1_missed": {"unit": "count", "says": "misses of L1"},
            "token": {"unit": "state", "says": "the token breaker"},
            "database": {"unit": "state", "says": "the database breaker"},
            "jobs": {"unit": "count", "says": "jobs in line"},
            "build": {"unit": "count", "says": "the build's number"},
        },
        "roles": {
            "db_in_use": "db_used",
            "db_waiting": "db_queue",
            "db_max": "db_limit",
            "l1_hits": "l1",
            "l1_misses": "l1_missed",
            "breaker_token": "token",
            "breaker_database": "database",
        },
    },
    {
        "name": "host",
        "kind": "agent",
        "values": {
            "cpu": {"unit": "share", "says": "CPU of the machine"},
            "memory": {"unit": "share", "says": "memory of the machine"},
            "rss": {"unit": "bytes", "says": "memory of the service"},
        },
        "roles": {"cpu_share": "cpu", "memory_share": "memory", "memory_bytes": "rss"},
    },
]


def spans(seconds: float) -> list[tuple[str, str, float, float]]:
    """(name, kind, start, end) of every phase: a ramp, a hold and a cool-down for each."""
    each = seconds / len(PHASES)
    found = []
    for place, (name, _, _) in enumerate(PHASES):
        start = place * each
        cuts = (start, start + RAMP * each, start + (1 - COOL) * each, start + each)
        found += [
            (name, kind, cuts[part], cuts[part + 1])
            for part, kind in enumerate(("ramp", "hold", "cool-down"))
        ]
    return found


def rich(
    seconds: float = 60.0, rate_per_s: int = 25, endpoints: int = len(NAMES), **more: Any
) -> RunData:
    """`seconds` of all phases together, `rate_per_s` requests for each of the endpoints."""
    rng = np.random.default_rng(4711)
    size = round(rate_per_s * seconds)
    loads = [
        _load(rng, place, name, size, rate_per_s, seconds)
        for place, name in enumerate(NAMES[:endpoints])
    ]
    loads.append(rd.steady(5, seconds, 40 * rd.MS, name="POST /auth/login", setup=True))
    loads.append(rd.steady(rate_per_s, seconds, 400 * rd.MS, name="user", kind="iteration",
                           think_ns=200 * rd.MS))  # fmt: skip
    phases = [
        {"id": place, "name": name, "kind": kind, "start_ns": round(start * 1e9),
         "end_ns": round(end * 1e9)}
        for place, (name, kind, start, end) in enumerate(spans(seconds))
    ]  # fmt: skip
    data = rd.build(loads, seconds, name="velro-prd", phases=phases, suite=_suite(seconds),
                    probes=PROBES, requirements={"use": "velro-prd", "phase": PHASES[3][0]},
                    plan=_plan(), **more)  # fmt: skip
    data.counts = np.concatenate([data.counts, _cache(data, endpoints)])
    data.counts.sort(order=["second", "endpoint", "counter"])
    data.probes = _probes(seconds)
    data.counters = _counters(seconds)
    data.events = _events(seconds)
    data.reservoir = _samples(rng, seconds, 4_000, endpoints)
    data.tail = np.sort(_samples(rng, seconds, 500, endpoints), order="end_ns")
    return _with_generator(data, seconds)


def _load(
    rng: np.random.Generator, place: int, name: str, size: int, rate_per_s: int, seconds: float
) -> rd.Load:
    at = np.arange(size) / rate_per_s
    service = np.round(rng.lognormal(1.6 + place / 15, 0.5, size) * rd.MS).astype(np.int64)
    if place % 3 == 0:  # a cache in front: two humps
        service = np.where(rng.random(size) < 0.8, service // 6, service)
    bad = (at > 0.70 * seconds) & (at < 0.74 * seconds)  # while Redis is away
    service = np.where(bad, service * 12, service)
    error = np.zeros(size, np.int64)
    error[(rng.random(size) < 0.20) & bad] = ErrorKind.STATUS
    error[rng.random(size) < 0.0008] = ErrorKind.TIMEOUT
    error[rng.random(size) < 0.0006] = ErrorKind.RESET
    error[rng.random(size) < 0.0004] = ErrorKind.CHECK_FAILED
    service = np.where(error == ErrorKind.TIMEOUT, 2_000 * rd.MS, service)
    status = np.where(error == ErrorKind.STATUS, 503, 201 if place == 4 else 200)
    lag = np.round(rng.exponential(60_000, size)).astype(np.int64)
    wait = np.where(rng.random(size) < 0.1, 3 * rd.MS, 0) * bad
    return rd.steady(rate_per_s, seconds, service, name=name, lag_ns=lag, wait_ns=wait,
                     error=error, status=status, cls="read" if place < 4 else None)  # fmt: skip


def _suite(seconds: float) -> list[dict[str, Any]]:
    each_ns = round(seconds / len(PHASES) * 1e9)
    return [
        {
            "name": name,
            "users": users,
            "rate_per_s": 1.05 * rate,
            "ramp_ns": round(RAMP * each_ns),
            "hold_ns": round((1 - RAMP - COOL) * each_ns),
            "cool_down_ns": round(COOL * each_ns),
            "start_ns": place * each_ns,
            "gate": place == 3,
            "judges": ["R1", "R4"] if place == 3 else [],
            "stop_on": None,
            "thresholds": ["p95(response) < 75ms", "errors < 2%"],
            "mix": dict.fromkeys(NAMES[:6], 0.5),
            "events": [],
        }
        for place, (name, users, rate) in enumerate(PHASES)
    ]


def _plan() -> dict[str, Any]:
    return {
        "name": "velro-prd",
        "target": "http://127.0.0.1:8080/",
        "thresholds": list(THRESHOLDS),
        "phases": [{"name": name, "users": users} for name, users, _ in PHASES],
    }


def _cache(data: RunData, endpoints: int) -> Any:
    """Cache codes (miss, L1, L2, L3) for the answers that are there."""
    ok = data.counts[(data.counts["counter"] == 1256) & (data.counts["endpoint"] < endpoints)]
    parts, left = [], ok["value"].copy()
    for code, share in ((4, 0.12), (5, 0.05), (1, 0.03), (3, 1.0)):  # what is left came from L1
        rows = np.zeros(len(ok), COUNTS)
        for name in ("second", "endpoint", "phase"):
            rows[name] = ok[name]
        rows["counter"] = 1272 + code
        rows["value"] = left if code == 3 else np.minimum(np.ceil(ok["value"] * share), left)
        left = left - rows["value"]
        parts.append(rows[rows["value"] > 0])
    return np.concatenate(parts)


def _probes(seconds: float) -> list[dict[str, Any]]:
    rows = []
    for second in range(int(seconds)):
        load = 0.3 + 0.5 * second / seconds
        away = 0.70 * seconds < second < 0.74 * seconds
        values = {
            "velro.db_used": round(200 * load),
            "velro.db_queue": 12.0 if away else 0.0,
            "velro.db_limit": 210.0,
            "velro.l1": 900.0 * second,
            "velro.l1_missed": 80.0 * second,
            "velro.token": 0.0,
            "velro.database": 2.0 if away else 0.0,
            "velro.jobs": round(40 * load),
            "velro.build": 7.0,
            "generator.sockets": 90.0 + second,
            "host.cpu": load,
            "host.memory": 0.4 + 0.1 * load,
            "host.rss": 3e8 + 1e6 * second,
        }
        if second % 17:  # now and then a probe does not answer
            rows.append({"time_s": second + 0.5, "values": values})
    return rows


def _counters(seconds: float) -> list[dict[str, Any]]:
    rows = []
    for second in range(int(seconds)):
        phase = PHASES[min(int(second / seconds * len(PHASES)), len(PHASES) - 1)]
        own = {"vus_active": phase[1] // 2, "connections_open": phase[1] // 8, "in_flight": 9}
        rows.append({"at_ns": (second + 1) * rd.SECOND_NS, "workers": [own, own]})
    return rows


def _events(seconds: float) -> list[dict[str, Any]]:
    at, until = round(0.70 * seconds * 1e9), round(0.74 * seconds * 1e9)
    phase = "stress_test_beyond_prd"
    mark = {"event": "mark", "phase": phase, "detail": None}
    return [
        {**mark, "name": "redis_down", "kind": "fault", "what": "begin", "at_ns": at},
        {**mark, "name": "database", "kind": "breaker", "what": "open", "at_ns": at + 10**9},
        {**mark, "name": "redis_down", "kind": "fault", "what": "end", "at_ns": until},
        {**mark, "name": "database", "kind": "breaker", "what": "closed", "at_ns": until + 10**9},
        rd.example(1, ErrorKind.RESET),
        rd.example(2, ErrorKind.STATUS, status=503, errno=None, body_bytes=52, content_length=52,
                   text='HTTP/1.1 503\\r\\n\\r\\n{"detail": "Redis is away"}'),
    ]  # fmt: skip


def _samples(rng: np.random.Generator, seconds: float, size: int, endpoints: int) -> Any:
    found = np.zeros(size, SAMPLE)
    found["scheduled_ns"] = np.sort(rng.integers(0, round(seconds * 1e9), size))
    found["sent_ns"] = found["scheduled_ns"] + rng.exponential(60_000, size).astype(np.int64)
    found["end_ns"] = found["sent_ns"] + rng.integers(2 * rd.MS, 40 * rd.MS, size)
    found["read_lag_ns"] = rng.exponential(20_000, size)
    found["endpoint"] = rng.integers(0, endpoints, size)
    found["status"] = 200
    return found


def _with_generator(data: RunData, seconds: float) -> RunData:
    rows = [
        rd.healthy_second(
            second,
            worker_cpu=[0.35 + 0.2 * np.sin(second / 9), 0.3],
            run_delay=[0.01, 0.02],
            steal=0.03 if second % 20 == 3 else 0.001,
        )
        for second in range(int(np.ceil(seconds)))
    ]
    return rd.with_evidence(data, seconds=rows)


CANARY = "<script>window.hit=1</script><img src=x onerror=window.hit=1>'\"`${7*7}{{7*7}}</script>"
FORMULAS = ("=1+1", "+1", "-1", "@SUM(1)")
TERMINAL = "\x1b]0;owned\x07\x1b[31mred\x1b[0m"


def hostile() -> RunData:
    """rich(), with what a user or a server can write turned against whoever reads the report."""
    data = rich(20.0, 10, 7)
    manifest = data.manifest
    for place, row in enumerate(manifest["endpoints"]):
        row["name"] = f"{FORMULAS[place % 4]} {CANARY} {TERMINAL} {place}"
        row["cls"] = CANARY
        row["scenario"] = CANARY
    for row in (*manifest["phases"], *manifest["suite"]):
        row["name"] = f"{row['name']} {CANARY}"
    probes = [
        {**probe, "name": CANARY, "roles": {**probe["roles"], f"breaker_{CANARY}": "token"}}
        for probe in PROBES
    ]
    manifest |= {
        "name": f"=cmd|' /C calc'!A0 {CANARY}{TERMINAL}",
        "command": f"velroload run {CANARY}",
        "target": {"url": f"http://127.0.0.1/{CANARY}", "addresses": [CANARY], "embedded": False},
        "plan": {**manifest["plan"], "name": CANARY, "note": CANARY, CANARY: CANARY},
        "probes": probes,
        "host": {"cpus": 2, "kernel": CANARY, "python": CANARY, "hostname": CANARY},
        "build": {"profile": CANARY},
        "series": [CANARY],
    }
    data.probes = [
        {**row, "values": {f"{CANARY}.{name.partition('.')[2]}": v for name, v in
                           row["values"].items()}}
        for row in data.probes
    ]  # fmt: skip
    mark = {"event": "mark", "kind": CANARY, "what": "begin", "phase": CANARY, "at_ns": 3 * 10**9}
    data.events = [
        {**mark, "name": CANARY, "detail": CANARY},
        {**mark, "name": TERMINAL, "detail": TERMINAL},
        rd.example(1, ErrorKind.RESET, text=CANARY + TERMINAL, reason=CANARY, errno=CANARY),
        rd.example(2, ErrorKind.STATUS, status=503, text=f"=1+1 {CANARY}"),
    ]
    data.notes = [CANARY]
    end = data.end or {}
    return replace(data, end={**end, "reason": CANARY, "incomplete": []})
