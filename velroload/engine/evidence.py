"""What shows whether a run may be believed: the generator's seconds, pauses, rings, the ledger."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Protocol

from velroload.engine.values import Values
from velroload.engine.workers import Workers
from velroload.ledger import Ledger, WorkerTotals, build
from velroload.sample import Kind

SECOND_NS = 1_000_000_000


class GeneratorSecond(Protocol):
    """What the generator probe says of a second: shares of it; lists run over the workers."""

    @property
    def worker_cpu(self) -> list[float | None]: ...
    @property
    def run_delay(self) -> list[float | None]: ...
    @property
    def steal(self) -> float | None: ...
    @property
    def throttled(self) -> bool: ...


class Evidence:
    """Collects while the run goes on; to_json() is the manifest's "evidence"."""

    def __init__(self, workers: Workers, values: Values | None = None) -> None:
        self.workers = workers
        self.values = values
        self.seconds: list[dict[str, Any]] = []
        self._collections = 0
        self._spun_ns = [0] * len(workers.processes)

    def second(self, second: int, seen: GeneratorSecond, counters: list[dict[str, int]]) -> None:
        """Keep what the generator did in this second; spinning on purpose is not being busy."""
        spun_ns = [worker["spin_ns"] for worker in counters]
        busy = [
            None if cpu is None else max(0.0, cpu - (now - before) / SECOND_NS)
            for cpu, now, before in zip(seen.worker_cpu, spun_ns, self._spun_ns, strict=True)
        ]
        self._spun_ns = spun_ns
        collections = sum(worker["collections"] for worker in counters)
        self.seconds.append(
            {
                "second": second,
                "worker_cpu": busy,
                "run_delay": seen.run_delay,
                "steal": seen.steal,
                "throttled": seen.throttled,
                "heartbeat_late_ms": 0.0,
                "collections": collections - self._collections,
            }
        )
        self._collections = collections

    def ring_share(self) -> float:
        """The fullest that any ring has been, 0 to 1."""
        return max(reader.high_water / reader.capacity for reader in self.workers.readers)

    def ledger(self) -> Ledger:
        """Every request and iteration accounted for."""
        return build(
            WorkerTotals(
                index=worker.index,
                counters=worker.segment.reader.counters(),
                requests_by_error=worker.segment.reader.requests_by_error(),
                hops=worker.segment.reader.kinds()[Kind.HOP],
                pushed=worker.segment.reader.pushed,
                drained=worker.segment.reader.drained,
                corrupt=worker.segment.reader.corrupt,
                values=self._values(worker.index),
                steps_per_iteration=job.steps_per_iteration,
                iterations_planned=job.iterations_planned,
                killed=not worker.done,
            )
            for worker, job in zip(self.workers.processes, self.workers.jobs, strict=True)
        )

    def _values(self, index: int) -> dict[str, int]:
        """What one worker's second ring was given and what came out of it."""
        if self.values is None:
            return {}
        reader = self.values.readers[index]
        corrupt = self.values.corrupt[index]
        return {"pushed": reader.pushed, "drained": reader.drained, "corrupt": corrupt}

    def pauses(self) -> Iterator[tuple[int, int]]:
        """(at_ns, length_ns) of every pause of a worker."""
        for reader in self.workers.readers:
            yield from reader.stalls()

    def to_json(self) -> dict[str, Any]:
        self._mark_pauses()
        counters = self.workers.counters()
        return {
            "workers": [
                {
                    "index": worker.index,
                    "cpu": worker.cpu,
                    "pinned": bool((worker.hello or {}).get("pinned")),
                    "stamps": bool((worker.hello or {}).get("stamps")),
                    "wake_up_p99_ns": (worker.hello or {}).get("wake_up_p99_ns", 0),
                    "counters": own,
                    "idle_closes_ns": reader.idle_closes(),
                    "stalls": [list(pair) for pair in reader.stalls()],
                    "ring_high_water": reader.high_water / reader.capacity,
                    "ring_slots": reader.capacity,
                }
                for worker, reader, own in zip(
                    self.workers.processes, self.workers.readers, counters, strict=True
                )
            ],
            "phases": self._phases(),
            "redirects_refused": self._refused(),
            "cookies_ignored": sum(w.site["cookies_ignored"] for w in self.workers.processes),
            "rows_used_up": self._used_up(),
            "clock_jumps": sum(own["clock_jumps"] for own in counters),
            "littles_law": self._littles_law(counters),
            "seconds": self.seconds,
        }

    def _phases(self) -> list[dict[str, int]]:
        """Iterations by the phase in which they were due, over all workers."""
        count = len(self.workers.jobs[0].settings["phases"])
        parts = [reader.phases(count) for reader in self.workers.readers]
        return [
            {"id": place, "started": sum(s for s, _ in own), "dropped": sum(d for _, d in own)}
            for place, own in enumerate(zip(*parts, strict=True))
        ]

    def _refused(self) -> dict[str, int]:
        """Where redirects were not followed to, over all workers, most of them first."""
        total: Counter[str] = Counter()
        for worker in self.workers.processes:
            total.update(worker.site["refused"])
        return dict(total.most_common())

    def _used_up(self) -> dict[str, int]:
        """Data set → users that it had no row for; those that fail the run say so themselves."""
        found: Counter[str] = Counter()
        for worker in self.workers.processes:
            for table, users in zip(self.workers.tables, worker.starved, strict=False):
                found[table.name] += users if table.at_end == "stop" else 0
        return dict(+found)

    def _littles_law(self, counters: list[dict[str, int]]) -> dict[str, int]:
        """Both sides of the law, over the workers that could close their books: one that was
        killed left ages open, and lost samples miss in the sum of the service times."""
        law = dict.fromkeys(("integral_request_ns", "service_sum_ns", "open_age_ns", "requests"), 0)
        for worker, own in zip(self.workers.processes, counters, strict=True):
            if worker.done and not own["lost_requests"]:
                law["integral_request_ns"] += own["in_flight_integral"]
                law["service_sum_ns"] += worker.segment.reader.occupied_ns
                law["open_age_ns"] += own["open_age"]
                law["requests"] += own["requests_sent"]
        return law

    def _mark_pauses(self) -> None:
        """Write each pause into the seconds that it touches."""
        for at_ns, length_ns in self.pauses():
            first, last = at_ns // SECOND_NS, (at_ns + length_ns) // SECOND_NS
            for entry in self.seconds:
                if first <= entry["second"] <= last:
                    late_ms = max(entry["heartbeat_late_ms"], length_ns / 1e6)
                    entry["heartbeat_late_ms"] = late_ms
