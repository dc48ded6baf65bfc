"""What became of connections: opened, retried, and closed by the server while idle."""

from typing import Any

import numpy as np

from velroload.analysis.cells import counter_values
from velroload.analysis.result import Connections, IdleCloses
from velroload.journal import Counter
from velroload.rundata import RunData

AGES = ("under_1s", "under_10s", "under_100s", "older")
"""Names of the age classes in a sample's flags."""


def connections_of(data: RunData) -> Connections | None:
    """Of the whole run, over all workers; None for a run without an end."""
    workers: list[dict[str, Any]] = ((data.end or {}).get("evidence") or {}).get("workers") or []
    if not any(worker.get("counters") for worker in workers):
        return None

    def total(name: str) -> int:
        return sum(int((worker.get("counters") or {}).get(name, 0)) for worker in workers)

    return Connections(
        opened=total("connections_opened"),
        warmed=total("connections_warmed"),
        closed_by_server=total("connections_closed_by_server"),
        retries=total("retries"),
        idle_closes=_idle_closes(workers),
        requests_by_age=_ages(data),
    )


def _idle_closes(workers: list[dict[str, Any]]) -> IdleCloses | None:
    """Each worker's choice stands for all that it saw: the median weighs them accordingly."""
    times: list[int] = []
    weights: list[float] = []
    least: list[int] = []
    count = 0
    for worker in workers:
        kept = worker.get("idle_closes_ns") or []
        counters = worker.get("counters") or {}
        seen = int(counters.get("idle_closes", 0))
        if kept and seen:
            times += kept
            weights += [seen / len(kept)] * len(kept)
            least.append(int(counters["idle_close_least"]))
            count += seen
    if not count:
        return None
    order = np.argsort(times, kind="stable")
    cumulative = np.cumsum(np.array(weights)[order])
    middle = int(np.searchsorted(cumulative, cumulative[-1] / 2))
    return IdleCloses(count, min(least), int(times[order[middle]]))


def _ages(data: RunData) -> dict[str, int]:
    """How many requests took a connection of which age; a new one is under 1 s old."""
    values = counter_values(data, data.endpoint_ids(kind="request"))
    return {name: values.get(Counter.AGE + place, 0) for place, name in enumerate(AGES)}
