"""The ledger: every request and iteration accounted for, to the last integer.

    requests    planned = started + dropped + unstarted + skipped
                started = sent + failed before sending + in flight before sending
                sent    = ok + http errors + transport errors + timeouts + in flight
    iterations  planned = started + dropped + unstarted
                started = completed + interrupted + in flight
    samples     pushed  = drained (corrupt ones included)
    hops        counted = merged (each exchange of a redirected request has a sample of its own)
    values      pushed  = drained (what servers said of their time; corrupt ones included)

One word is the truth for each: `started` is the worker's counter, advanced before connect or send;
finished = samples of kind REQUEST that were merged + those lost to a full ring; in flight =
started − finished, never a counter. A worker that was killed could not count what it left undone:
there, what is missing from `planned` counts as unstarted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from velroload.sample import FIRST_JUDGED, ErrorKind, fails_before_sending


@dataclass(slots=True)
class WorkerTotals:
    """What is known of one worker at the end (or now)."""

    index: int
    counters: Mapping[str, int]  # RingReader.counters()
    requests_by_error: Mapping[int, int]  # RingReader.requests_by_error()
    pushed: int
    drained: int
    hops: int = 0  # samples of this kind that were merged
    corrupt: int = 0
    values: Mapping[str, int] = field(default_factory=dict)  # pushed, drained, corrupt
    steps_per_iteration: int = 1  # of the iterations that a killed worker never counted
    iterations_planned: int | None = None  # as the schedule has it; None: as many as there were
    killed: bool = False


@dataclass(slots=True)
class Ledger:
    """Sums over all workers, and the equations that do not hold."""

    requests: dict[str, Any] = field(default_factory=dict)
    iterations: dict[str, int] = field(default_factory=dict)
    samples: dict[str, int] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)

    def problems(self) -> list[str]:
        """One line per equation that does not hold, with its numbers; empty when all hold."""
        return list(self.found)

    def as_json(self) -> dict[str, Any]:
        """The "ledger" of the end record."""
        return {
            "requests": self.requests,
            "iterations": self.iterations,
            "samples": self.samples,
            "values": self.values,
            "problems": self.problems(),
        }


REQUESTS = (
    "planned",
    "started",
    "sent",
    "ok",
    "http_errors",
    "timeouts",
    "in_flight",
    "in_flight_before_sending",
    "dropped",
    "unstarted",
    "skipped",
    "lost",
)
ITERATIONS = (
    "planned",
    "started",
    "completed",
    "interrupted",
    "in_flight",
    "dropped",
    "unstarted",
)
SAMPLES = ("pushed", "drained", "corrupt", "lost", "hops")
VALUES = ("pushed", "drained", "corrupt", "lost", "ignored")


def build(workers: Iterable[WorkerTotals]) -> Ledger:
    """The ledger of these workers."""
    ledger = Ledger(
        requests=dict.fromkeys(REQUESTS, 0) | {"transport_errors": {}, "failed_before_sending": {}},
        iterations=dict.fromkeys(ITERATIONS, 0),
        samples=dict.fromkeys(SAMPLES, 0),
        values=dict.fromkeys(VALUES, 0),
    )
    for worker in workers:
        iterations = _iterations(worker, ledger.found)
        requests = _requests(worker, iterations, ledger.found)
        samples = _samples(worker, ledger.found)
        _add(ledger.iterations, iterations)
        _add(ledger.samples, samples)
        _add(ledger.values, _values(worker, ledger.found))
        _add(ledger.requests, requests)
        _add_outcomes(ledger.requests, worker.requests_by_error)
    return ledger


def _add(total: dict[str, Any], part: Mapping[str, int]) -> None:
    for name, value in part.items():
        total[name] += value


def _add_outcomes(total: dict[str, Any], by_error: Mapping[int, int]) -> None:
    for error, n in sorted(by_error.items()):
        if error == ErrorKind.NONE:
            total["ok"] += n
        elif error >= FIRST_JUDGED:
            total["http_errors"] += n
        elif error == ErrorKind.TIMEOUT:
            total["timeouts"] += n
        else:
            before = fails_before_sending(error)
            kinds = total["failed_before_sending" if before else "transport_errors"]
            name = error_name(error)
            kinds[name] = kinds.get(name, 0) + n


def error_name(error: int) -> str:
    """An ErrorKind as reports write it: connect_refused; a number that is none: error_99."""
    try:
        return ErrorKind(error).name.lower()
    except ValueError:
        return f"error_{error}"


def _iterations(worker: WorkerTotals, found: list[str]) -> dict[str, int]:
    counters = worker.counters
    part = {
        name: counters[f"iterations_{name}"]
        for name in ("started", "completed", "interrupted", "dropped", "unstarted")
    }
    accounted = part["started"] + part["dropped"] + part["unstarted"]
    part["planned"] = accounted if worker.iterations_planned is None else worker.iterations_planned
    if worker.killed:
        part["unstarted"] += max(part["planned"] - accounted, 0)
        accounted = max(accounted, part["planned"])
    if part["planned"] != accounted:
        found.append(
            f"worker {worker.index}: {part['planned']:,} iterations planned, but {accounted:,} "
            f"accounted for ({part['started']:,} started + {part['dropped']:,} dropped + "
            f"{part['unstarted']:,} unstarted)"
        )
    part["in_flight"] = part["started"] - part["completed"] - part["interrupted"]
    if part["in_flight"] < 0:
        found.append(
            f"worker {worker.index}: {part['started']:,} iterations started, but "
            f"{part['completed']:,} completed and {part['interrupted']:,} interrupted"
        )
    return part


def _requests(
    worker: WorkerTotals, iterations: Mapping[str, int], found: list[str]
) -> dict[str, int]:
    counters, by_error = worker.counters, worker.requests_by_error
    steps = worker.steps_per_iteration
    part = {
        "started": counters["requests_started"],
        "sent": counters["requests_sent"],
        "skipped": counters["requests_skipped"],
        "lost": counters["lost_requests"],
        "dropped": counters["requests_dropped"],
        "unstarted": counters["requests_unstarted"],
    }
    uncounted = (iterations["unstarted"] - counters["iterations_unstarted"]) * steps
    part["unstarted"] += uncounted  # by a worker that was killed
    part["planned"] = counters["requests_planned"] + uncounted
    names = ("started", "dropped", "unstarted", "skipped")
    missing = part["planned"] - sum(part[name] for name in names)
    if worker.killed:
        part["unstarted"] += max(missing, 0)
        missing = min(missing, 0)
    if missing:
        terms = " + ".join(f"{part[name]:,} {name}" for name in names)
        found.append(
            f"worker {worker.index}: {part['planned']:,} requests planned, but "
            f"{part['planned'] - missing:,} accounted for ({terms})"
        )
    finished = sum(by_error.values()) + part["lost"]
    before = sum(n for error, n in by_error.items() if fails_before_sending(error))
    part["in_flight"] = part["started"] - finished
    part["in_flight_before_sending"] = part["started"] - part["sent"] - before
    _check_requests(worker, part, finished, before, found)
    return part


def _check_requests(
    worker: WorkerTotals, part: Mapping[str, int], finished: int, before: int, found: list[str]
) -> None:
    """Nothing ends that was not started, or is answered that was not sent."""
    who, lost = f"worker {worker.index}", part["lost"]
    if part["in_flight"] < 0:
        found.append(f"{who}: {part['started']:,} requests started, but {finished:,} finished")
    answered = finished - lost - before
    waiting = part["in_flight_before_sending"]
    if waiting < 0:
        found.append(
            f"{who}: {part['started']:,} requests started, but {part['sent']:,} sent and "
            f"{before:,} failed before sending"
        )
    if answered > part["sent"]:
        found.append(f"{who}: {part['sent']:,} requests sent, but {answered:,} answered or failed")
    if worker.killed or lost or worker.corrupt:
        return
    open_now = part["sent"] - answered
    if open_now != worker.counters["in_flight"]:
        found.append(
            f"{who}: {open_now:,} requests were sent and have no sample, but the worker had "
            f"{worker.counters['in_flight']:,} in flight"
        )


def _samples(worker: WorkerTotals, found: list[str]) -> dict[str, int]:
    counters = worker.counters
    if worker.pushed != worker.drained:
        found.append(
            f"worker {worker.index}: {worker.pushed:,} samples pushed, "
            f"but {worker.drained:,} drained"
        )
    if worker.corrupt:
        found.append(f"worker {worker.index}: {worker.corrupt:,} samples were corrupt")
    whole = not (worker.killed or worker.corrupt or counters["lost_iterations"])
    if whole and worker.hops != counters["hops"]:
        found.append(
            f"worker {worker.index}: {counters['hops']:,} exchanges of redirected requests, but "
            f"{worker.hops:,} have a sample"
        )
    return {
        "pushed": worker.pushed,
        "drained": worker.drained,
        "corrupt": worker.corrupt,
        "lost": counters["lost_requests"] + counters["lost_iterations"],
        "hops": worker.hops,
    }


def _values(worker: WorkerTotals, found: list[str]) -> dict[str, int]:
    """ignored: what a server sent and is no value, or of one name too many."""
    part = {name: worker.values.get(name, 0) for name in ("pushed", "drained", "corrupt")}
    if part["pushed"] != part["drained"]:
        found.append(
            f"worker {worker.index}: {part['pushed']:,} values pushed, "
            f"but {part['drained']:,} drained"
        )
    if part["corrupt"]:
        found.append(f"worker {worker.index}: {part['corrupt']:,} values were corrupt")
    counters = worker.counters
    return part | {"lost": counters["lost_values"], "ignored": counters["values_ignored"]}
