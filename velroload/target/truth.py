"""What the target knows of its own traffic: exact counts to hold a report against."""

from bisect import bisect_left
from collections.abc import Iterable
from datetime import UTC, datetime
from time import monotonic_ns
from typing import Any

from velroload.target.bus import Bus
from velroload.target.counters import Counters
from velroload.target.spent import LAYERS
from velroload.target.tokens import Refusal

MALFORMED = "(malformed)"
"""Row of what could not be read as a request."""
UNMATCHED = "(unmatched)"
"""Row of what matched no route."""
STATUSES = (
    200, 400, 401, 402, 403, 404, 405, 408, 409, 411, 413, 414, 417, 422, 429, 431,
    500, 501, 502, 503, 504, 505,
)  # fmt: skip
"""Every status that the target can answer with."""
BUCKETS_MS = (1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 200.0, 500.0, 1000.0, 2500.0, 5000.0)
EVENTS_MAX = 10_000
COUNTS = (
    "received", "aborted", "reset", "connections_accepted", "connections_open", "logins ok",
    "logins refused", "registrations ok", "registrations refused", "audited", "crossed",
    "rate_limited",
)  # fmt: skip


class Row:
    """Where the answers of one endpoint are counted."""

    __slots__ = ("answers", "name", "number", "times")

    def __init__(self, name: str, number: int, counters: Counters) -> None:
        self.name = name
        self.number = number
        self.answers = counters.place(f"answers {name}", len(STATUSES) * len(LAYERS))
        self.times = counters.place(f"times {name}", len(BUCKETS_MS) + 2)  # + infinity, sum in µs


class Truth:
    """Counters over all workers, changed only by the event loop of each.

    received = answered (over all endpoints and statuses) + aborted + reset + in flight. An answer
    counts when it is made, be the client still there or not; aborted are those whose body never
    came or whose client left a hang, reset those that a fault cut off. Requests for the truth
    itself are not counted; connections are, also those on which nothing but the truth was asked.
    """

    def __init__(self, counters: Counters, bus: Bus) -> None:
        self.counters = counters
        self.rows: dict[str, Row] = {}
        self.add_rows((MALFORMED, UNMATCHED))
        self.events: list[dict[str, Any]] = []
        self._bus = bus
        self._mine = counters.mine
        self._counts = {name: counters.place(name) for name in COUNTS}
        self._refusals = {each: counters.place(f"refused {each.value}") for each in Refusal}
        self._index = {status: number * len(LAYERS) for number, status in enumerate(STATUSES)}
        self.received = self._counts["received"]
        bus.on("event", self.events.append)

    def add_rows(self, names: Iterable[str]) -> None:
        """Endpoints to count by; before the counters are sealed."""
        for name in names:
            self.rows.setdefault(name, Row(name, len(self.rows), self.counters))

    def answer(self, row: Row, status: int, layer: int, spent_ns: int) -> None:
        """Count one answer."""
        mine = self._mine
        mine[row.answers + self._index[status] + layer] += 1
        mine[row.times + bisect_left(BUCKETS_MS, spent_ns / 1e6)] += 1
        mine[row.times + len(BUCKETS_MS) + 1] += spent_ns // 1000

    def count(self, name: str, change: int = 1) -> None:
        """Change one of COUNTS."""
        self._mine[self._counts[name]] += change

    def login(self, ok: bool) -> None:
        """Count a log-in."""
        self.count("logins ok" if ok else "logins refused")

    def registration(self, ok: bool) -> None:
        """Count a registration."""
        self.count("registrations ok" if ok else "registrations refused")

    def refuse(self, refusal: Refusal) -> None:
        """Count a refused token."""
        self._mine[self._refusals[refusal]] += 1

    def event(self, what: str, **facts: Any) -> None:
        """Write something down that happened once, in every worker's book."""
        event = {"what": what, "at": datetime.now(UTC).isoformat(), "at_ns": monotonic_ns(),
                 "worker": self.counters.worker, **facts}  # fmt: skip
        if len(self.events) < EVENTS_MAX:
            self.events.append(event)
        self._bus.tell("event", event)

    def total(self, name: str) -> int:
        """One of COUNTS over all workers."""
        return self.counters.total(self._counts[name])

    def answers(self) -> dict[str, dict[int, list[int]]]:
        """Endpoint → status → answers by layer (none, L1, L2, L3), where there are any."""
        width = len(LAYERS)
        found: dict[str, dict[int, list[int]]] = {}
        for name, row in sorted(self.rows.items()):
            counts = self.counters.totals(row.answers, len(STATUSES) * width)
            for number, status in enumerate(STATUSES):
                layers = counts[number * width : (number + 1) * width]
                if any(layers):
                    found.setdefault(name, {})[status] = layers
        return found

    def times(self, row: Row) -> tuple[list[int], int]:
        """Answers by bucket of BUCKETS_MS and beyond, and the sum of their times in µs."""
        *buckets, sum_us = self.counters.totals(row.times, len(BUCKETS_MS) + 2)
        return buckets, sum_us

    def as_json(self) -> dict[str, Any]:
        """The answer of GET /__truth; the observer adds what the other parts know."""
        received = self.total("received")  # before the answers: in flight is never negative
        answers = self.answers()
        total = sum(sum(layers) for by in answers.values() for layers in by.values())
        aborted, reset = self.total("aborted"), self.total("reset")
        refused = {why.value: self.counters.total(at) for why, at in self._refusals.items()}
        return {
            "requests": {
                name: {str(status): sum(layers) for status, layers in by.items()}
                for name, by in answers.items()
            },
            "layers": {
                name: {
                    str(status): dict(zip(LAYERS[1:], layers[1:], strict=True))
                    for status, layers in by.items()
                    if any(layers[1:])
                }
                for name, by in answers.items()
                if any(any(layers[1:]) for layers in by.values())
            },
            "received": received,
            "answered": total,
            "aborted": aborted,
            "reset": reset,
            "in_flight": received - total - aborted - reset,
            "rate_limited": self.total("rate_limited"),
            "connections_accepted": self.total("connections_accepted"),
            "connections_open": self.total("connections_open"),
            "logins": self._pair("logins"),
            "registrations": self._pair("registrations"),
            "audited": self.total("audited"),
            "crossed": self.total("crossed"),
            "tokens_refused": {why: count for why, count in refused.items() if count},
            "workers": self.counters.workers,
            "events": self.events,
        }

    def _pair(self, name: str) -> dict[str, int]:
        return {end: self.total(f"{name} {end}") for end in ("ok", "refused")}
