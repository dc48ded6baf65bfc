"""Which requests failed: every kind at every endpoint, when, and what a few of them looked like."""

from dataclasses import fields
from typing import Any

import numpy as np

from velroload.analysis.result import Example, Failure
from velroload.journal import FAILURE, Counter
from velroload.ledger import error_name
from velroload.rundata import RunData

KINDS = range(Counter.ERROR + 1, Counter.OK)
"""Counters of the kinds of failure."""


def failures(data: RunData) -> tuple[Failure, ...]:
    """All kinds of failure of a run by endpoint, the most frequent first."""
    examples = _examples(data)
    found = []
    for entry in data.manifest.get("endpoints", []):
        own = data.part("counts", (entry["id"],), KINDS)
        for counter in np.unique(own.key("counter")):
            rows = own.where(own.key("counter") == counter)
            seconds = rows["second"]
            number = int(counter) - Counter.ERROR
            found.append(
                Failure(
                    kind=error_name(number),
                    number=number,
                    endpoint=entry["name"],
                    scenario=entry.get("scenario"),
                    setup=bool(entry.get("setup", False)),
                    count=int(rows.sums("value").sum()),
                    first_s=int(seconds.min()),
                    last_s=int(seconds.max()),
                    examples=tuple(examples.get((number, entry["id"]), ())),
                )
            )
    return tuple(sorted(found, key=lambda each: (-each.count, each.number, each.endpoint)))


def _examples(data: RunData) -> dict[tuple[int, int], list[Example]]:
    """By kind and endpoint, in the order of time."""
    names = [field.name for field in fields(Example)]
    found: dict[tuple[int, int], list[Example]] = {}
    rows: list[dict[str, Any]] = [row for row in data.events if row.get("event") == FAILURE]
    for row in sorted(rows, key=lambda row: int(row["at_ns"])):
        example = Example(**{name: row[name] for name in names if name in row})
        found.setdefault((row["error"], row["endpoint"]), []).append(example)
    return found
