"""The scenario file of the tool that velroload replaces → a plan in phases.

Each of its keys is mapped, or named as not mapped. Two of its words mean something else here: its
rate was a wish (it sent what a hundred sockets carried), here 5 % more is offered than is demanded;
its hit rate was read from a header that the service never sent.
"""

from collections.abc import Iterator
from typing import Any

import yaml

from velroload.errors import ConfigError
from velroload.plan.importers.imported import Imported
from velroload.plan.importers.velro_keys import Keys, reason
from velroload.plan.importers.velro_parts import (
    ACCOUNTS,
    REQUESTS,
    SESSION,
    error_share,
    event_of,
    percent,
    seconds,
    secret_of,
    target_of,
)

OFFERED = 1.05
"""Offered over demanded."""
ALIASES_MAX = 100
RESPONSE_TIMES = (
    ("authentication_ms", "authentication", 50),
    ("authorization_ms", "authorization", 75),
    ("generation_access_ms", "generation_access", 100),
    ("media_url_ms", "media_url", 200),
)
"""Key, class of requests, and the limit of velro-prd in ms."""
CACHE = "95%"
PRD = {"concurrent_users": 10_000, "throughput_rps": 1_000, "database_connections": 200}
"""What the document velro-prd asks for: a file that asks for the same is held against it."""


def import_velro(text: str, name: str) -> Imported:
    """The plan. ConfigError when it is no such file."""
    keys = Keys(_read(text, name))
    scenarios = keys.document.get("scenarios")
    if not isinstance(scenarios, dict) or not scenarios:
        raise ConfigError(f"import velro: {name}: it has no scenarios")
    kinds = _kinds(keys, scenarios)
    phases = [_phase(keys, str(key), kinds) for key in scenarios]
    document: dict[str, Any] = {
        "name": "imported",
        "target": target_of(keys.take("test_environment.base_url")),
        **_defaults(keys),
        "accounts": _accounts(keys, phases),
        "session": SESSION,
        **_probes(keys),
        "flow": [step for kind in kinds for step in REQUESTS[kind]],
        "phases": phases,
        **_judged(keys, phases),
        **_limits(keys, phases),
    }
    notes = [f"not mapped: {path}: {reason(path)}" for path in keys.left()]
    heading = f"Made of {name} by `velroload import velro`."
    return Imported(document, heading, (*keys.notes, *notes))


def _read(text: str, name: str) -> dict[str, Any]:
    if len(text) > 1 << 20:
        raise ConfigError(f"import velro: {name}: it is larger than 1 MiB")
    try:
        events = yaml.parse(text, Loader=yaml.CSafeLoader)
        if sum(isinstance(event, yaml.AliasEvent) for event in events) > ALIASES_MAX:
            raise ConfigError(f"import velro: {name}: it has more than {ALIASES_MAX} aliases")
        found = yaml.load(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark, said = getattr(error, "problem_mark", None), getattr(error, "problem", str(error))
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise ConfigError(f"import velro: {where}: it is no YAML: {said}") from None
    if not isinstance(found, dict):
        raise ConfigError(f"import velro: {name}: it is no scenario file")
    return found


def _kinds(keys: Keys, scenarios: dict[str, Any]) -> list[str]:
    """The kinds of request that any scenario asks for, in the order of the flow."""
    asked = {
        str(kind)
        for each in scenarios.values() if isinstance(each, dict)
        for kind in (each.get("request_patterns") or {})
    }  # fmt: skip
    return [kind for kind in REQUESTS if kind in asked] or list(REQUESTS)


def _phase(keys: Keys, key: str, kinds: list[str]) -> dict[str, Any]:
    at = f"scenarios.{key}"
    for word in ("name", "description"):
        said = keys.take(f"{at}.{word}")
        if said:
            keys.notes.append(f"{key}: {said}")
    phase: dict[str, Any] = {
        "name": key,
        "users": int(keys.number(f"{at}.concurrent_users") or 1),
        "ramp": seconds(keys.number(f"{at}.ramp_up_time_seconds") or 0),
        "hold": seconds(keys.number(f"{at}.test_duration_seconds") or 60),
    }
    demanded = keys.number(f"{at}.targets.requests_per_second")
    if demanded:
        phase["rate"] = f"{round(demanded * OFFERED, 3):g}/s"
    mix = dict(_mix(keys, f"{at}.request_patterns"))
    if mix:  # what a scenario does not name does not happen in it
        phase["mix"] = {kind: mix.get(kind, 0) for kind in kinds}
    targets = dict(_targets(keys, f"{at}.targets", demanded))
    if targets:
        phase["targets"] = targets
    thresholds = list(_thresholds(keys, f"{at}.targets"))
    if thresholds:
        phase["thresholds"] = thresholds
    events = list(_events(keys, f"{at}.advanced_features", phase))
    if events:
        phase["events"] = events
    if keys.take_all(f"{at}.prd_validation"):
        phase["gate"] = True
    return phase


def _mix(keys: Keys, at: str) -> Iterator[tuple[str, float]]:
    for kind in REQUESTS:
        share = keys.number(f"{at}.{kind}")
        if share is not None:
            yield kind, min(share, 1.0)


def _targets(keys: Keys, at: str, demanded: float | None) -> Iterator[tuple[str, str]]:
    if demanded:
        yield "rate", f"{demanded:g}/s"
    slowest = keys.number(f"{at}.p95_response_time_ms")
    if slowest is not None:
        yield "p95", f"{slowest:g}ms"
    hits = keys.number(f"{at}.cache_hit_rate")
    if hits is not None:
        yield "cache", percent(hits)
    errors = keys.number(f"{at}.error_rate_max")
    if errors is not None:
        yield "errors", error_share(errors)


def _thresholds(keys: Keys, at: str) -> Iterator[str]:
    for word in ("p50", "p95"):
        limit = keys.number(f"{at}.{word}_authentication_ms")
        if limit is not None:
            yield f"{word}(response) of class:authentication <= {limit:g}ms"


def _events(keys: Keys, at: str, phase: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One event for each feature that is on, spread over the hold."""
    flags = keys.take_all(at)
    made = []
    for flag, on in flags.items():
        event = event_of(flag)
        if event is None:
            if on:
                keys.notes.append(f"not mapped: {at}.{flag}: {reason(f'{at}.{flag}')}")
        elif on:
            made.append(event)
    ramp, hold = (float(str(phase[word]).removesuffix("s")) for word in ("ramp", "hold"))
    for place, event in enumerate(made, 1):
        at_s = int(ramp + hold * place / (len(made) + 1))
        lasting = event.pop("lasting_s", None)
        spare = int(ramp + hold) - at_s
        more = {"for": seconds(min(lasting, max(1, spare // 2)))} if lasting else {}
        yield {"at": seconds(at_s), **event, **more}


def _defaults(keys: Keys) -> dict[str, Any]:
    connect = keys.number("test_environment.connection_timeout_seconds")
    request = keys.number("test_environment.request_timeout_seconds")
    made: dict[str, Any] = {"timeout": seconds(request)} if request else {}
    if connect:
        made["connect_timeout"] = seconds(min(connect, request or 10))
    return {"defaults": made} if made else {}


def _accounts(keys: Keys, phases: list[dict[str, Any]]) -> dict[str, Any]:
    most = max(phase["users"] for phase in phases)
    count = int(keys.number("test_environment.test_users_count") or 0)
    if 0 < count < most:
        keys.notes.append(
            f"test_environment.test_users_count: {count:,} are fewer than {most:,} users: one "
            "account per user is made"
        )
    key = keys.take("test_environment.service_key")
    return {**ACCOUNTS, "count": max(count, most), "service_key": secret_of(key, keys)}


def _probes(keys: Keys) -> dict[str, Any]:
    url = keys.take("test_environment.redis_url")
    if not url:
        return {}
    return {"probes": {"redis": {"redis": str(url).replace("${REDIS_URL", "${env:REDIS_URL")}}}


def _judged(keys: Keys, phases: list[dict[str, Any]]) -> dict[str, Any]:
    """The document's requirements: by name where they are those of velro-prd, else as thresholds of
    the phase that is held against them."""
    at = "prd_requirements"
    gates = [phase for phase in phases if phase.get("gate")]
    phase = max(gates or phases, key=lambda each: (each is not phases[-1], each["users"]))
    amounts = {key: keys.number(f"{at}.{key}") for key in PRD}
    made: dict[str, Any] = {"thresholds": ["errors < 5%"]}
    named = any(amounts.values()) and all(
        value in (None, PRD[key]) for key, value in amounts.items()
    )
    phase.setdefault("thresholds", []).extend(_demands(keys, at, named))
    if named:
        made["requirements"] = {"use": "velro-prd", "from": phase["name"]}
        keys.notes.append(f"prd_requirements: they are those of velro-prd; {phase['name']} answers")
    else:
        if amounts["throughput_rps"]:
            phase["thresholds"].append(f"rate >= {amounts['throughput_rps']:g}/s")
        for key in ("concurrent_users", "database_connections"):
            if amounts[key]:
                keys.notes.append(f"not mapped: {at}.{key}: no threshold speaks of it")
    if not phase.get("thresholds"):
        phase.pop("thresholds", None)
    return made


def _demands(keys: Keys, at: str, named: bool) -> Iterator[str]:
    """As thresholds; where velro-prd is `named`, only what it does not say itself."""
    for word, cls, known in RESPONSE_TIMES:
        limit = keys.number(f"{at}.response_times.{word}")
        if limit is not None and not (named and limit == known):
            yield f"p95(response) of class:{cls} < {limit:g}ms"
    hits = keys.number(f"{at}.cache_hit_rate")
    if hits is not None and not (named and percent(hits) == CACHE):
        yield f"cache of class:authorization >= {percent(hits)}"


def _limits(keys: Keys, phases: list[dict[str, Any]]) -> dict[str, Any]:
    at = "safety_limits"
    limits: dict[str, Any] = {}
    users = keys.number(f"{at}.max_concurrent_users")
    most = max(phase["users"] for phase in phases)
    if users is not None and users >= most:
        limits["max_users"] = int(users)
    elif users is not None:
        keys.notes.append(f"not mapped: {at}.max_concurrent_users: {most:,} users exceed it")
    rate = keys.number(f"{at}.max_requests_per_second")
    rates = [float(str(phase["rate"]).removesuffix("/s")) for phase in phases if "rate" in phase]
    spiked = max((1.0, *(e["spike"] for p in phases for e in p.get("events", ()) if "spike" in e)))
    if rate is not None and len(rates) == len(phases) and rate >= max(rates) * spiked:
        limits["max_rate"] = f"{rate:g}/s"
    elif rate is not None:
        keys.notes.append(f"not mapped: {at}.max_requests_per_second: more is offered")
    longest = keys.number(f"{at}.max_test_duration_seconds")
    if longest is not None:
        keys.notes.append(
            f"not mapped: {at}.max_test_duration_seconds: it was of one scenario, limits: "
            "max_duration is of the whole run"
        )
    made: dict[str, Any] = {"limits": limits} if limits else {}
    share = keys.number(f"{at}.circuit_breaker.error_rate_threshold")
    if share is None:
        share = keys.number(f"{at}.circuit_breaker.failure_threshold")
    if share is not None and 0 < share <= 100:
        made["abort_on"] = [f"errors > {error_share(share)} for 60s"]
    return made
