"""What shows whether a run may be believed: the generator's seconds, pauses, rings, the ledger."""

from collections.abc import Iterator
from typing import Any, Protocol

from velroload.engine.workers import Workers
from velroload.ledger import Ledger, WorkerTotals, build

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

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self.seconds: list[dict[str, Any]] = []
        self._collections = 0

    def second(self, second: int, seen: GeneratorSecond, counters: list[dict[str, int]]) -> None:
        """Keep what the generator did in this second of the run."""
        collections = sum(worker["collections"] for worker in counters)
        self.seconds.append(
            {
                "second": second,
                "worker_cpu": seen.worker_cpu,
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
                pushed=worker.segment.reader.pushed,
                drained=worker.segment.reader.drained,
                corrupt=worker.segment.reader.corrupt,
                steps_per_iteration=job.steps_per_iteration,
                iterations_planned=job.iterations_planned,
                killed=not worker.done,
            )
            for worker, job in zip(self.workers.processes, self.workers.jobs, strict=True)
        )

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
                    "stalls": [list(pair) for pair in reader.stalls()],
                    "ring_high_water": reader.high_water / reader.capacity,
                    "ring_slots": reader.capacity,
                }
                for worker, reader, own in zip(
                    self.workers.processes, self.workers.readers, counters, strict=True
                )
            ],
            "clock_jumps": sum(own["clock_jumps"] for own in counters),
            "littles_law": {
                "integral_request_ns": sum(own["in_flight_integral"] for own in counters),
                "service_sum_ns": sum(reader.occupied_ns for reader in self.workers.readers),
                "open_age_ns": sum(own["open_age"] for own in counters),
                "requests": sum(own["requests_sent"] for own in counters),
            },
            "seconds": self.seconds,
        }

    def _mark_pauses(self) -> None:
        """Write each pause into the seconds that it touches."""
        for at_ns, length_ns in self.pauses():
            first, last = at_ns // SECOND_NS, (at_ns + length_ns) // SECOND_NS
            for entry in self.seconds:
                if first <= entry["second"] <= last:
                    late_ms = max(entry["heartbeat_late_ms"], length_ns / 1e6)
                    entry["heartbeat_late_ms"] = late_ms
