"""A service under a ramp and a hold, healthy or with one bottleneck planted; everything noisy."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.reference import rundata as rd
from tests.reference import watched
from velroload.rundata import RunData
from velroload.sample import ErrorKind

Floats = NDArray[np.float64]
RAMP_S, HOLD_S, COOL_S = 20, 60, 4
LENGTH = RAMP_S + HOLD_S + COOL_S
RATE = 100
"""Requests per second of the hold, over three endpoints."""
NAMES = ("GET /auth/me", "GET /generations/{id}", "GET /models")
MEANS_MS = (4.0, 8.0, 12.0)
SHARES = (0.5, 0.3, 0.2)


def wander(rng: np.random.Generator, size: int, memory: float = 0.8) -> Floats:
    """A series with memory, of mean 0 and deviation 1."""
    made = np.empty(size)
    at = rng.normal()
    for place in range(size):
        at = memory * at + (1 - memory**2) ** 0.5 * rng.normal()
        made[place] = at
    return made


@dataclass
class Service:
    """Knobs, each one number or one per second: `slow` multiplies the service time; the others are
    what probes read and what requests meet. Change some and make() the run."""

    seed: int
    slow: Any = 1.0
    slow_by_endpoint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    lag_ms: float = 0.02
    wait_ms: Any = 0.0
    failing: Any = 0.0005
    status: int = 500
    miss_share: Any = 0.04
    miss_times: float = 1.0
    values: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    """For the manifest."""

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        n, rng = LENGTH, self.rng
        load = np.clip(np.arange(n) / RAMP_S, 0.05, 1.0)
        self.load = np.where(np.arange(n) < RAMP_S + HOLD_S, load, 0.0)
        base = {
            "cpu_share": np.clip(0.15 + 0.35 * self.load + 0.05 * wander(rng, n), 0, 1),
            "memory_share": np.clip(0.5 + 0.02 * wander(rng, n), 0, 1),
            "db_max": np.full(n, 20.0),
            "db_in_use": np.round(np.clip(3 + 5 * self.load + wander(rng, n), 0, 20)),
            "db_waiting": (rng.random(n) < 0.02).astype(float),
            "breaker_database": np.zeros(n),
            "retransmitted": np.cumsum(rng.poisson(0.05, n)).astype(float),
        }
        self.values = base | self.values

    def make(self) -> RunData:
        return self.made()[0]

    def made(self) -> tuple[RunData, list[rd.Load]]:
        """The run, and its requests."""
        rng, n = self.rng, LENGTH
        noise = np.exp(0.06 * wander(rng, n)) * np.broadcast_to(self.slow, (n,))
        misses = np.broadcast_to(self.miss_share, (n,)) + 0.01 * wander(rng, n)
        loads = []
        for place, (name, mean, share) in enumerate(zip(NAMES, MEANS_MS, SHARES, strict=True)):
            counts = rng.poisson(RATE * share * self.load)
            at = np.repeat(np.arange(n), counts)
            when = np.sort(at * rd.SECOND_NS + rng.integers(0, rd.SECOND_NS, len(at)))
            missed = rng.random(len(at)) < misses[at]
            factor = noise[at] * np.where(missed, self.miss_times, 1.0)
            times = mean * self.slow_by_endpoint[place] * factor
            service = times * np.exp(0.3 * rng.normal(size=len(at))) * rd.MS
            failing = np.broadcast_to(self.failing, (n,))
            bad = rng.random(len(at)) < failing[at]
            wait = np.broadcast_to(self.wait_ms, (n,))[at] * rd.MS
            extra = {"cache": np.where(missed, 1, 3)}
            loads.append(rd.Load(
                when, service.astype(np.int64), lag_ns=round(self.lag_ms * rd.MS),
                wait_ns=(wait * rng.random(len(at)) * 2).astype(np.int64),
                error=np.where(bad, int(ErrorKind.STATUS), 0),
                status=np.where(bad, self.status, 200), name=name, extra=extra,
            ))  # fmt: skip
        kinds = (("ramp", RAMP_S), ("hold", HOLD_S), ("cool-down", COOL_S))
        data = rd.build(loads, n, phases=rd.phases(*kinds), **self.more)
        rate = RATE * self.load
        lookups = {
            "l1_hits": np.cumsum(rate * (1 - np.clip(misses, 0, 1))),
            "l1_misses": np.cumsum(rate * np.clip(misses, 0, 1)),
        }
        units = {"cpu_share": "share", "memory_share": "share", "breaker_database": "state"}
        data = watched.with_probe(data, {**self.values, **lookups}, units=units)
        return watched.with_samples(data, loads, seed=self.seed), loads


def used_up(seed: int, low: float = 0.96, high: float = 1.0) -> Floats:
    """A share that reaches its limit when the load is there."""
    rng = np.random.default_rng(seed)
    load = np.clip(np.arange(LENGTH) / (RAMP_S * 0.8), 0.05, 1.0)
    return np.where(load >= 1.0, rng.uniform(low, high, LENGTH), 0.9 * load)


def queued(times: float = 4.0) -> Floats:
    """How the service time grows when something is used up from 80 % of the load on."""
    load = np.clip(np.arange(LENGTH) / RAMP_S, 0.05, 1.0)
    return np.where(load > 0.8, times, 1.0)


def swinging(low: float, high: float, period: int = 20) -> Floats:
    """Between two values and back."""
    wave = 0.5 + 0.5 * np.sin(np.arange(LENGTH) * 2 * np.pi / period)
    return low + (high - low) * wave


def with_addresses(data: RunData, slow: float, seed: int) -> RunData:
    """The run with rows of three addresses, the last of them slower."""
    rng = np.random.default_rng(seed)
    loads = []
    for place in range(3):
        size = 33 * LENGTH
        when = np.sort(rng.integers(0, LENGTH * rd.SECOND_NS, size))
        times = 8 * rd.MS * (slow if place == 2 else 1.0) * np.exp(0.3 * rng.normal(size=size))
        loads.append(rd.Load(when, times.astype(np.int64), kind="address", scenario=None,
                             name=f"10.0.0.{place}:80"))  # fmt: skip
    first = len(data.manifest["endpoints"])
    other = rd.build(loads, LENGTH, phases=data.manifest["phases"])
    for rows in (other.hist, other.stats, other.series, other.counts):
        rows["endpoint"] += first
    rows_ = [{**row, "id": row["id"] + first} for row in other.manifest["endpoints"]]
    return replace(
        data,
        manifest={**data.manifest, "endpoints": [*data.manifest["endpoints"], *rows_]},
        hist=np.concatenate([data.hist, other.hist]),
        stats=np.concatenate([data.stats, other.stats]),
        series=np.concatenate([data.series, other.series]),
        counts=np.concatenate([data.counts, other.counts]),
    )
