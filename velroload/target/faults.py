"""Faults on purpose: what goes wrong, from when to when, in Toxiproxy's words.

The state is the same in every worker: the one that is told tells the others. This file may say
latency, because that is what the fault is called.
"""

import asyncio
import math
import random
import secrets
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic_ns
from typing import Any

from velroload.errors import ConfigError
from velroload.target.bus import Bus
from velroload.target.pause import pause
from velroload.target.truth import STATUSES
from velroload.units import parse_bytes, parse_duration, parse_share

NS_PER_S = 1_000_000_000
EVERYWHERE = "*"
PLACES = ("database", "redis")
"""Where a latency may lie beside the endpoints."""
DISTRIBUTIONS = ("fixed", "lognormal", "bimodal")
POOLS = ("auth", "read", "write", "analytics", "admin", "batch")
BREAKERS = ("token", "database", "redis", "generation")
LAYERS = ("L1", "L2", "all")
BEGIN_S = 1.0
"""How long a POST waits for a fault to take hold: exhausting a busy pool takes its time."""


def one_of(words: tuple[str, ...]) -> Callable[[str, str], str]:
    """A reader of one of several words."""

    def read(given: str, noun: str) -> str:
        if given not in words:
            raise ConfigError(f"{noun} {given!r}: one of {', '.join(words)} is needed")
        return given

    return read


def status(given: str, noun: str) -> int:
    """An error status that the truth has a column for."""
    codes = [code for code in STATUSES if code >= 400]
    if not given.isdecimal() or int(given[:4]) not in codes:
        raise ConfigError(f"{noun} {given!r}: one of {', '.join(map(str, codes))} is needed")
    return int(given)


def number(given: str, noun: str) -> float:
    """A number from 0 to 10."""
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 10:
        raise ConfigError(f"{noun} {given!r}: a number from 0 to 10 is needed")
    return value


def share(given: str, noun: str) -> float:
    """A percentage as a part of 1."""
    return float(parse_share(given, noun))


def text(given: str, noun: str) -> str:
    """Any text; endpoints are checked against the routes."""
    return given


Reader = Callable[[str, str], Any]
ON_REQUESTS: dict[str, Reader] = {"endpoint": text, "toxicity": share}
KINDS: dict[str, dict[str, Reader]] = {
    "latency": {
        "latency": parse_duration, "distribution": one_of(DISTRIBUTIONS), "sigma": number,
        "slow": parse_duration, "slow_share": share, **ON_REQUESTS,
    },
    "error": {"status": status, **ON_REQUESTS},
    "reset_peer": {**ON_REQUESTS},
    "hang": {**ON_REQUESTS},
    "slow_body": {"rate": parse_bytes, **ON_REQUESTS},
    "burn_cpu": {"time": parse_duration, **ON_REQUESTS},
    "leak_memory": {"bytes": parse_bytes, **ON_REQUESTS},
    "stall": {"stall": parse_duration, "every": parse_duration},
    "redis_down": {},
    "database_down": {},
    "provider_down": {},
    "cross_users": {},
    "exhaust_pool": {"pool": one_of(POOLS)},
    "trip_breaker": {"breaker": one_of(BREAKERS)},
    "flush_cache": {"layer": one_of(LAYERS)},
}  # fmt: skip
"""Fault → its settings and how each is read."""
NEEDED = {
    "latency": ("latency",), "slow_body": ("rate",), "burn_cpu": ("time",),
    "leak_memory": ("bytes",), "stall": ("stall", "every"), "exhaust_pool": ("pool",),
    "trip_breaker": ("breaker",),
}  # fmt: skip
AT_ONCE = ("trip_breaker", "flush_cache")
"""Faults that are over as soon as they have happened."""
ON_REQUEST = tuple(kind for kind, settings in KINDS.items() if "toxicity" in settings)


@dataclass(slots=True)
class Fault:
    """One fault; instants are CLOCK_MONOTONIC. `ended_ns` is None while it lasts."""

    id: str
    kind: str
    given: dict[str, str]
    settings: dict[str, Any]
    duration_ns: int | None
    started_ns: int
    started_at: str
    ended_ns: int | None = None

    def concerns(self, endpoint: str) -> bool:
        """True when it acts on that endpoint, this time."""
        wanted = self.settings.get("endpoint", EVERYWHERE)
        if wanted == EVERYWHERE:
            return self._happens()
        return bool(wanted == endpoint) and self._happens()

    def draw_s(self) -> float:
        """A draw from the fault's distribution."""
        settings = self.settings
        base_s = settings["latency"] / NS_PER_S
        match settings.get("distribution", "fixed"):
            case "lognormal":  # `latency` is the median
                return float(base_s * math.exp(random.gauss(0.0, settings.get("sigma", 0.5))))
            case "bimodal":
                slow = random.random() < settings.get("slow_share", 0.05)
                return float(settings.get("slow", 10 * settings["latency"]) / NS_PER_S
                             if slow else base_s)  # fmt: skip
        return float(base_s)

    def as_json(self) -> dict[str, Any]:
        """As the truth tells it."""
        return {
            "id": self.id,
            "fault": self.kind,
            **self.given,
            "started_at": self.started_at,
            "started_ns": self.started_ns,
            "ended_ns": self.ended_ns,
        }

    def _happens(self) -> bool:
        toxicity = self.settings.get("toxicity", 1.0)
        return bool(toxicity >= 1.0 or random.random() < toxicity)


def read(given: Mapping[str, str], endpoints: Mapping[str, object] | None = None) -> Fault:
    """A fault from its words; ConfigError with the one line that says what is wrong."""
    words = dict(given)
    kind = words.pop("fault", "")
    if kind not in KINDS:
        raise ConfigError(f"fault {kind!r}: unknown; there are {', '.join(KINDS)}")
    lasting = words.pop("for", None)
    duration_ns = None if lasting is None else parse_duration(lasting, f"{kind}: for")
    settings = {}
    for key, value in words.items():
        if key not in KINDS[kind]:
            known = ", ".join([*KINDS[kind], "for"])
            raise ConfigError(f"{kind}: {key!r} is unknown; its settings are {known}")
        settings[key] = KINDS[kind][key](value, f"{kind}: {key}")
    for key in NEEDED.get(kind, ()):
        if key not in settings:
            raise ConfigError(f"{kind}: {key} is missing")
    if kind == "stall" and not 0 < settings["stall"] < settings["every"]:
        raise ConfigError("stall: stall must be shorter than every, and longer than nothing")
    endpoint = settings.get("endpoint", EVERYWHERE)
    places = PLACES if kind == "latency" else ()
    if endpoints is not None and endpoint not in (EVERYWHERE, *places, *endpoints):
        raise ConfigError(f"{kind}: endpoint {endpoint!r} is unknown; such as 'GET /health'")
    return Fault(
        secrets.token_hex(4), kind, {k: v for k, v in given.items() if k != "fault"}, settings,
        duration_ns, monotonic_ns(), datetime.now(UTC).isoformat(),
    )  # fmt: skip


Act = Callable[[Fault], Coroutine[Any, Any, None]]


class Faults:
    """The faults of one worker. `on_request` holds those that act on requests; empty is free."""

    def __init__(self, bus: Bus) -> None:
        self.all: dict[str, Fault] = {}
        self.on_request: list[Fault] = []
        self.endpoints: Mapping[str, object] = {}
        self.impossible: dict[str, str] = {}
        """Fault → why it cannot happen here: one that does nothing would pass for survived."""
        self._acts: dict[str, tuple[Act, Act]] = {}
        self._bus = bus
        self._begun: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: list[asyncio.TimerHandle] = []
        bus.on("fault", self._hear)
        bus.on("fault end", lambda message: self._end(self.all[message[0]], message[1]))

    def when(self, kind: str, start: Act, end: Act) -> None:
        """What starting and ending a kind does in this worker."""
        self._acts[kind] = (start, end)

    async def start(self, given: Mapping[str, str]) -> Fault:
        """Start a fault in all workers; ConfigError when its words are wrong."""
        fault = read(given, self.endpoints)
        if fault.kind in self.impossible:
            raise ConfigError(f"{fault.kind}: {self.impossible[fault.kind]}")
        self._bus.tell("fault", [dict(given), fault.id, fault.started_ns, fault.started_at])
        await self._begin(fault)
        loop = asyncio.get_running_loop()
        if fault.kind in AT_ONCE:
            self._tell_end(fault)
        elif fault.duration_ns is not None:
            self._timers.append(
                loop.call_later(fault.duration_ns / NS_PER_S, self._tell_end, fault)
            )
        await self._bus.heard()
        return fault

    async def end(self, fault_id: str) -> bool:
        """End a fault in all workers; False when there is none of that id that lasts."""
        fault = self.all.get(fault_id)
        if fault is None or fault.ended_ns is not None:
            return False
        self._tell_end(fault)
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=BEGIN_S)
        await self._bus.heard()
        return True

    async def end_all(self) -> None:
        """End whatever lasts."""
        for fault in [fault for fault in self.all.values() if fault.ended_ns is None]:
            await self.end(fault.id)

    async def delay(self, place: str) -> None:
        """Wait as long as the faults on `place` (database, redis) want."""
        for fault in self.on_request:
            if fault.settings.get("endpoint") == place and fault.concerns(place):
                await pause(fault.draw_s())

    def acts_on(self, place: str) -> bool:
        """True while a latency lies on database or redis."""
        return any(fault.settings.get("endpoint") == place for fault in self.on_request)

    def close(self) -> None:
        """Stop all timers."""
        for timer in self._timers:
            timer.cancel()
        for task in (*self._tasks, *self._begun.values()):
            task.cancel()

    def as_json(self) -> list[dict[str, Any]]:
        """All faults so far, the oldest first."""
        return [fault.as_json() for fault in self.all.values()]

    async def _begin(self, fault: Fault) -> None:
        self.all[fault.id] = fault
        if fault.kind in ON_REQUEST:
            self.on_request.append(fault)
        if fault.kind in self._acts:
            begun = self._begun[fault.id] = asyncio.create_task(self._acts[fault.kind][0](fault))
            await asyncio.wait([begun], timeout=BEGIN_S)

    def _hear(self, message: list[Any]) -> None:
        given, fault_id, started_ns, started_at = message
        fault = read(given)
        fault.id, fault.started_ns, fault.started_at = fault_id, started_ns, started_at
        self._spawn(self._begin(fault))

    def _tell_end(self, fault: Fault) -> None:
        if fault.ended_ns is None:
            ended_ns = monotonic_ns()
            self._bus.tell("fault end", [fault.id, ended_ns])
            self._end(fault, ended_ns)

    def _end(self, fault: Fault, ended_ns: int) -> None:
        fault.ended_ns = ended_ns
        if fault in self.on_request:
            self.on_request.remove(fault)
        if fault.kind in self._acts:
            self._spawn(self._undo(fault))

    async def _undo(self, fault: Fault) -> None:
        begun = self._begun.pop(fault.id)
        begun.cancel()
        await asyncio.wait([begun])
        await self._acts[fault.kind][1](fault)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
