"""What the status pages and Prometheus are told; read from the real counters when asked."""

import os
import time
from collections.abc import Iterator
from typing import Any

from velroload.target.breakers import Breakers, State
from velroload.target.spent import LAYERS
from velroload.target.store.cache import KIND_NAMES, OUTCOMES, Cache
from velroload.target.store.pools import Pools
from velroload.target.truth import BUCKETS_MS, Truth

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
AUTHORIZATION = ("token", "permission")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Metrics:
    """Reads the parts of one worker, whose counters are those of all."""

    def __init__(
        self, truth: Truth, cache: Cache, pools: Pools, breakers: Breakers, database: str
    ) -> None:
        self._truth = truth
        self._cache = cache
        self._pools = pools
        self._breakers = breakers
        self._database = database
        counters = truth.counters
        self._pid_place = counters.place("pid")
        counters.mine[self._pid_place] = os.getpid()
        self._entries_place = counters.place("L1 entries")
        self._used_place = counters.place("L1 bytes")
        self._started_s = time.time()

    def refresh(self) -> None:
        """Tell the other workers how full this one's L1 is; to be called once a second."""
        mine = self._truth.counters.mine
        mine[self._entries_place] = self._cache.l1.entries
        mine[self._used_place] = self._cache.l1.used_bytes

    def pools(self) -> dict[str, Any]:
        """The answer of /enterprise-pools/metrics."""
        return {"database": self._database, **self._pools.as_json()}

    def breakers(self) -> dict[str, Any]:
        """The breakers by name."""
        return self._breakers.as_json()

    def detailed(self) -> dict[str, Any]:
        """The answer of /monitoring/metrics/detailed."""
        self.refresh()
        counters = self._truth.counters
        layers = self.layers()
        l1 = self._cache.l1
        layers["L1"] |= {
            "entries": counters.total(self._entries_place),
            "bytes": counters.total(self._used_place),
            "max_bytes": l1.limit_bytes * counters.workers,
        }
        layers["L2"]["state"] = self._cache.l2.state
        return {
            "cache": layers,
            "authorization": self.authorization(),
            "kinds": {kind: self._cache.outcomes(kind) for kind in KIND_NAMES},
            "database": self._database,
            "workers": self.processes(),
            "uptime_s": time.time() - self._started_s,
        }

    def layers(self) -> dict[str, dict[str, Any]]:
        """Hits, misses, their rate and the mean time of a look-up, by layer."""
        outcomes = self._cache.outcomes()
        times = self._truth.counters.totals(self._cache.times_place, len(LAYERS))
        told = {}
        for number, layer in enumerate(LAYERS[1:], 1):
            hits, misses = outcomes[f"{layer} hits"], outcomes[f"{layer} misses"]
            asked = hits + misses
            told[layer] = {
                "hits": hits,
                "misses": misses,
                "hit_rate": hits / asked if asked else None,
                "mean_ms": times[number] / hits / 1e6 if hits else None,
            }
        return told

    def authorization(self) -> dict[str, Any]:
        """Look-ups that decide who may do what: of tokens and of permissions. A hit is one of L1 or
        L2; what the database (L3) had to be asked for is a miss."""
        kinds = [self._cache.outcomes(kind) for kind in AUTHORIZATION]
        told = {name: sum(kind[name] for kind in kinds) for name in OUTCOMES}
        layers = {
            layer: {"hits": told[f"{layer} hits"], "misses": told[f"{layer} misses"]}
            for layer in LAYERS[1:]
        }
        return {
            "hits": told["L1 hits"] + told["L2 hits"],
            "misses": told["L3 hits"] + told["L3 misses"],
            "layers": layers,
        }

    def processes(self) -> list[dict[str, Any]]:
        """CPU and memory of every worker, from /proc."""
        counters = self._truth.counters
        return [process_facts(pid) for pid in counters.each(self._pid_place) if pid]

    def by_worker(self) -> list[dict[str, int]]:
        """What each worker received."""
        counters, received = self._truth.counters, self._truth.received
        pids, counts = counters.each(self._pid_place), counters.each(received)
        return [{"pid": pid, "received": count} for pid, count in zip(pids, counts, strict=True)]

    def text(self) -> bytes:
        """Prometheus's text format."""
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Any]:
        """Prometheus's families."""
        yield from self._requests()
        yield from self._stores()
        yield from self._machine()

    def _requests(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

        requests = CounterMetricFamily(
            "velro_http_requests", "Answers by endpoint and status", labels=["endpoint", "status"]
        )
        times = HistogramMetricFamily(
            "velro_http_request_duration_seconds", "Time in the service", labels=["endpoint"]
        )
        for name, by_status in self._truth.answers().items():
            for status, layers in by_status.items():
                requests.add_metric([name, str(status)], sum(layers))
            buckets, sum_us = self._truth.times(self._truth.rows[name])
            limits = [*(str(limit / 1000) for limit in BUCKETS_MS), "+Inf"]
            running = [sum(buckets[: at + 1]) for at in range(len(buckets))]
            times.add_metric([name], list(zip(limits, running, strict=True)), sum_us / 1e6)
        yield requests
        yield times

    def _stores(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        pools = self._pools.as_json()["pools"]
        for key, name, text in (
            ("in_use", "velro_db_connections_active", "Connections in use"),
            ("idle", "velro_db_connections_idle", "Connections open and idle"),
            ("waiting", "velro_db_connections_waiting", "Callers in line for a connection"),
            ("max", "velro_db_connections_max", "Connections at most"),
        ):
            gauge = GaugeMetricFamily(name, text, labels=["pool"])
            for pool, facts in pools.items():
                gauge.add_metric([pool], facts[key])
            yield gauge
        failovers = CounterMetricFamily(
            "velro_db_pool_failovers", "Connections taken from another pool", labels=["pool"]
        )
        for pool, facts in pools.items():
            failovers.add_metric([pool], facts["failovers"])
        yield failovers
        hits = CounterMetricFamily("velro_cache_hits", "Look-ups found", labels=["layer"])
        misses = CounterMetricFamily("velro_cache_misses", "Look-ups not found", labels=["layer"])
        for layer, facts in self.layers().items():
            hits.add_metric([layer], facts["hits"])
            misses.add_metric([layer], facts["misses"])
        yield hits
        yield misses
        state = GaugeMetricFamily(
            "velro_circuit_breaker_state", "0 closed, 1 half open, 2 open", labels=["breaker"]
        )
        for breaker, facts in self._breakers.as_json().items():
            state.add_metric([breaker], State[facts["state"].upper()])
        yield state

    def _machine(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        open_now = self._truth.total("connections_open")
        yield GaugeMetricFamily("velro_http_connections_open", "Open connections", value=open_now)
        limited = self._truth.total("rate_limited")
        yield CounterMetricFamily("velro_rate_limited", "Requests over the limit", value=limited)
        facts = self.processes()
        cpu_s = sum(each["cpu_s"] for each in facts)
        yield CounterMetricFamily("process_cpu_seconds", "CPU of all workers", value=cpu_s)
        memory = sum(each["memory_bytes"] for each in facts)
        yield GaugeMetricFamily("process_resident_memory_bytes", "Memory of all", value=memory)


def process_facts(pid: int) -> dict[str, Any]:
    """CPU seconds and resident memory of a process; zeros when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return {"pid": pid, "cpu_s": 0.0, "memory_bytes": 0}
    ticks = int(fields[11]) + int(fields[12])
    return {
        "pid": pid,
        "cpu_s": ticks / os.sysconf("SC_CLK_TCK"),
        "memory_bytes": int(fields[21]) * PAGE_BYTES,
    }
