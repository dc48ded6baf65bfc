"""What is kept to judge a run by: seconds, pauses, rings, Little's law, the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from velroload import _core
from velroload.engine.evidence import Evidence
from velroload.engine.segment import Segment
from velroload.engine.workers import Workers
from velroload.sample import SAMPLE, ErrorKind

SECOND_NS = 10**9
CAPACITY = 4096


@dataclass
class Second:
    """What the generator probe says."""

    worker_cpu: list[float | None]
    run_delay: list[float | None] = field(default_factory=lambda: [0.0, None])
    steal: float | None = 0.25
    throttled: bool = False


class Crew:
    """Two workers without processes: their segments are written by the test."""

    def __init__(self) -> None:
        self.processes = []
        self.jobs = []
        self.writers = []
        for index in range(2):
            segment = Segment.create(CAPACITY)
            self.writers.append(_core.RingWriter(segment.memory))
            hello = {"pinned": True, "stamps": True, "wake_up_p99_ns": 7} if index == 0 else None
            self.processes.append(
                SimpleNamespace(
                    index=index,
                    cpu=index,
                    hello=hello,
                    done=True,
                    segment=segment,
                    site={"refused": {"http://h:1": 2}, "cookies_ignored": 3},
                    starved=[index + 1, 5, 0],
                )
            )
            job = SimpleNamespace(steps_per_iteration=2, iterations_planned=None)
            job.settings = {"phases": [0, 5]}
            self.jobs.append(job)
        self.tables = [
            SimpleNamespace(name=name, at_end=at_end)
            for name, at_end in (("a", "stop"), ("b", "fail"), ("c", "stop"))
        ]
        self.readers = [process.segment.reader for process in self.processes]
        self.merger = _core.Merger(1, 1)

    def counters(self) -> list[dict[str, int]]:
        return [reader.counters() for reader in self.readers]

    def push(self, worker: int, n: int, error: int = 0) -> None:
        samples = np.zeros(n, SAMPLE)
        samples["end_ns"], samples["error"] = 1000, error
        self.writers[worker].push(samples.tobytes())
        self.readers[worker].drain(self.merger)

    def close(self) -> None:
        for writer, process in zip(self.writers, self.processes, strict=True):
            writer.close()
            process.segment.close()
        self.merger.close()


@pytest.fixture
def crew() -> Iterator[Crew]:
    crew = Crew()
    yield crew
    crew.close()


def evidence_of(crew: Crew) -> Evidence:
    return Evidence(cast(Workers, crew))


def test_a_second_of_the_generator(crew: Crew) -> None:
    """Spinning on purpose is not being busy; collections are those of this second."""
    evidence = evidence_of(crew)
    crew.writers[0].count("spin_ns", SECOND_NS // 2)
    crew.writers[1].count("collections", 3)
    evidence.second(0, Second([0.75, None]), crew.counters())
    crew.writers[0].count("spin_ns", SECOND_NS // 4)
    crew.writers[1].count("collections", 1)
    evidence.second(1, Second([0.125, 0.5], steal=None, throttled=True), crew.counters())
    assert evidence.seconds == [
        {"second": 0, "worker_cpu": [0.25, None], "run_delay": [0.0, None], "steal": 0.25,
         "throttled": False, "heartbeat_late_ms": 0.0, "collections": 3},
        {"second": 1, "worker_cpu": [0.0, 0.5], "run_delay": [0.0, None], "steal": None,
         "throttled": True, "heartbeat_late_ms": 0.0, "collections": 1},
    ]  # fmt: skip


def test_a_pause_is_written_into_every_second_that_it_touches(crew: Crew) -> None:
    evidence = evidence_of(crew)
    for second in range(4):
        evidence.second(second, Second([None, None]), crew.counters())
    crew.writers[0].stall(900_000_000, 1_200_000_000)  # 0.9 s to 2.1 s
    crew.writers[1].stall(1_500_000_000, 60_000_000)  # shorter, inside
    assert sorted(evidence.pauses()) == [(900_000_000, 1_200_000_000), (1_500_000_000, 60_000_000)]
    seconds = evidence.to_json()["seconds"]
    assert [entry["heartbeat_late_ms"] for entry in seconds] == [1200.0, 1200.0, 1200.0, 0.0]


def test_rings_counters_and_littles_law(crew: Crew) -> None:
    evidence = evidence_of(crew)
    crew.push(0, 1024)
    crew.push(1, 8)
    for writer in crew.writers:
        writer.count("requests_sent", 100)
        writer.count("in_flight_integral", 7)
        writer.count("open_age", 5)
        writer.count("clock_jumps", 1)
    assert evidence.ring_share() == 0.25
    said = evidence.to_json()
    assert said["clock_jumps"] == 2
    assert said["rows_used_up"] == {"a": 3}
    assert said["littles_law"] == {
        "integral_request_ns": 14,
        "service_sum_ns": sum(reader.occupied_ns for reader in crew.readers),
        "open_age_ns": 10,
        "requests": 200,
    }
    first, second = said["workers"]
    assert (first["index"], first["cpu"], first["pinned"], first["stamps"]) == (0, 0, True, True)
    assert (first["wake_up_p99_ns"], first["ring_high_water"], first["stalls"]) == (7, 0.25, [])
    assert (second["pinned"], second["stamps"], second["wake_up_p99_ns"]) == (False, False, 0)
    assert (second["ring_slots"], second["counters"]["requests_sent"]) == (CAPACITY, 100)


def test_the_ledger_knows_who_was_killed(crew: Crew) -> None:
    evidence = evidence_of(crew)
    for index, writer in enumerate(crew.writers):
        for name in ("requests_planned", "requests_started", "requests_sent"):
            writer.count(name, 2)
        for name in ("iterations_started", "iterations_completed"):
            writer.count(name)
        crew.push(index, 1)
        crew.push(index, 1, ErrorKind.TIMEOUT)
    crew.jobs[1].iterations_planned = 3
    assert evidence.ledger().problems() == [
        "worker 1: 3 iterations planned, but 1 accounted for (1 started + 0 dropped + 0 unstarted)"
    ]
    crew.processes[1].done = False  # it could not count what it left undone
    ledger = evidence.ledger()
    assert ledger.problems() == []
    assert (ledger.requests["planned"], ledger.requests["unstarted"]) == (8, 4)
    assert (ledger.requests["ok"], ledger.requests["timeouts"]) == (2, 2)
    assert ledger.iterations["unstarted"] == 2
