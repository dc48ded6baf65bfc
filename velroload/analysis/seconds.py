"""Bad seconds: those in which the generator cannot vouch for itself, each with its causes."""

from collections import defaultdict
from typing import Any

from velroload.analysis.hold import SECOND_NS, hold_windows
from velroload.analysis.result import BadSecond
from velroload.rundata import RunData

STEAL = 0.01
STEAL_HEAVY = 0.10
"""A shared machine steals a few percent in every second (docs/decisions.md): what that added to
the figures is seen in the samples' own lags. From here on kernel stamps may be late too."""
WORKER_CPU = 0.95
RUN_DELAY = 0.05
RUN_DELAY_SEVERE = 0.25
HEARTBEAT_LATE_MS = 50.0
STALL_NS = 50_000_000


def hold_seconds(data: RunData) -> frozenset[int]:
    """Seconds that a hold touches."""
    touched = (range(start // SECOND_NS, -(-end // SECOND_NS)) for start, end in hold_windows(data))
    return frozenset(second for seconds in touched for second in seconds)


def stalls(data: RunData) -> list[tuple[int, int, int]]:
    """(at_ns, length_ns, worker) of every time a worker stood still for 50 ms or more."""
    workers = ((data.end or {}).get("evidence") or {}).get("workers") or []
    found = [
        (int(at), int(length), int(worker["index"]))
        for worker in workers
        for at, length in worker.get("stalls") or []
        if length >= STALL_NS
    ]
    return sorted(found)


def bad_seconds(data: RunData) -> list[BadSecond]:
    """Every bad second of the run, in order.

    In a free-running closed loop a busy worker is no fault of the second: the worker is meant to
    be the limit there, and the throughput is a lower bound (see validity).
    """
    model = data.manifest.get("model", {})
    judge_cpu = bool(model.get("open") or model.get("paced"))
    causes: dict[int, list[str]] = defaultdict(list)
    for entry in _seconds(data):
        causes[int(entry["second"])].extend(_causes(entry, judge_cpu))
    for at, length, index in stalls(data):
        for second in range(at // SECOND_NS, (at + length) // SECOND_NS + 1):
            causes[second].append(f"worker {index} froze {length / 1e9:.2f} s")
    severe = {
        int(entry["second"])
        for entry in _seconds(data)
        if _severe(entry, _causes(entry, judge_cpu))
    }
    severe.update(second for second, found in causes.items() if any("froze" in c for c in found))
    return [
        BadSecond(second, tuple(found), second in severe)
        for second, found in sorted(causes.items())
        if found
    ]


def steal_share(data: RunData) -> float:
    """Share of the hold in which the hypervisor took more than STEAL_HEAVY of the workers' CPUs."""
    hold = hold_seconds(data)
    heavy = [
        entry
        for entry in _seconds(data)
        if entry["second"] in hold and (entry.get("steal") or 0.0) > STEAL_HEAVY
    ]
    return len(heavy) / len(hold) if hold else 0.0


def busy_share(data: RunData) -> float:
    """Share of the hold in which at least one worker's CPU was above 95 %."""
    hold = hold_seconds(data)
    busy = [
        entry
        for entry in _seconds(data)
        if entry["second"] in hold
        and any(share is not None and share > WORKER_CPU for share in entry.get("worker_cpu") or ())
    ]
    return len(busy) / len(hold) if hold else 0.0


def _seconds(data: RunData) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ((data.end or {}).get("evidence") or {}).get("seconds") or []
    return found


def _severe(entry: dict[str, Any], causes: list[str]) -> bool:
    """Steal makes a run suspect and no more; waiting comes in degrees; the rest is severe."""
    mild = ("steal", "waited")
    delays = [share for share in entry.get("run_delay") or () if share is not None]
    return (
        any(not any(word in cause for word in mild) for cause in causes)
        or max(delays, default=0.0) > RUN_DELAY_SEVERE
    )


def _causes(entry: dict[str, Any], judge_cpu: bool) -> list[str]:
    causes = []
    if (entry.get("steal") or 0.0) > STEAL:
        causes.append(f"steal {100 * entry['steal']:.2g} %")
    if entry.get("throttled"):
        causes.append("throttled by the CPU quota")
    for index, share in enumerate(entry.get("worker_cpu") or ()):
        if judge_cpu and share is not None and share > WORKER_CPU:
            causes.append(f"worker {index} CPU {100 * share:.0f} %")
    for index, share in enumerate(entry.get("run_delay") or ()):
        if share is not None and share > RUN_DELAY:
            causes.append(f"worker {index} waited {100 * share:.2g} % for its CPU")
    if (entry.get("heartbeat_late_ms") or 0.0) > HEARTBEAT_LATE_MS:
        causes.append(f"heartbeat {entry['heartbeat_late_ms']:.0f} ms late")
    if entry.get("collections"):
        causes.append(f"{entry['collections']} collection(s)")
    return causes
