"""What the target knows of its own traffic: exact counts to hold a report against."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

MALFORMED = "(malformed)"
"""Row of what could not be read as a request, or matched no route."""
UNMATCHED = "(unmatched)"


@dataclass(slots=True)
class Truth:
    """Counters of one process, changed only by its event loop.

    received = answered (over all endpoints and statuses) + aborted + in flight. An answer counts
    when it is made, be the client still there or not; aborted are those whose body never came.
    Requests for the truth itself are not counted; connections are, also those on which nothing
    but the truth was asked.
    """

    received: int = 0
    aborted: int = 0
    connections_accepted: int = 0
    connections_open: int = 0
    answered: dict[str, Counter[int]] = field(default_factory=dict)
    logins: Counter[str] = field(default_factory=Counter)
    registrations: Counter[str] = field(default_factory=Counter)
    tokens_refused: Counter[str] = field(default_factory=Counter)

    def answer(self, endpoint: str, status: int) -> None:
        """Count one answer."""
        counts = self.answered.get(endpoint)
        if counts is None:
            counts = self.answered[endpoint] = Counter()
        counts[status] += 1

    def as_json(self, token_hits: int, token_misses: int) -> dict[str, Any]:
        """The answer of GET /__truth."""
        total = sum(counts.total() for counts in self.answered.values())
        return {
            "requests": {
                endpoint: {str(status): count for status, count in sorted(counts.items())}
                for endpoint, counts in sorted(self.answered.items())
            },
            "received": self.received,
            "answered": total,
            "aborted": self.aborted,
            "in_flight": self.received - total - self.aborted,
            "connections_accepted": self.connections_accepted,
            "connections_open": self.connections_open,
            "logins": dict(self.logins),
            "registrations": dict(self.registrations),
            "tokens": {
                "from_cache": token_hits,
                "decoded": token_misses,
                "refused": dict(self.tokens_refused),
            },
        }
