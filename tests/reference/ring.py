"""The ring and the merger in plain Python: a queue, a dictionary and the rules of the figures."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.reference.percentile import bin_edges
from velroload.sample import FIRST_JUDGED, ErrorKind, Flag, fails_before_sending

LIMIT_NS = 1 << 61
DISORDER_NS = 1_000_000
TOP_NS = (1 << 42) - 1


class Ring:
    """A bounded queue that refuses when it is full."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.items: deque[bytes] = deque()
        self.pushed = self.lost = self.drained = self.high_water = 0

    def push(self, item: bytes) -> bool:
        if len(self.items) == self.capacity:
            self.lost += 1
            return False
        self.items.append(item)
        self.pushed += 1
        return True

    def drain(self, limit: int) -> list[bytes]:
        self.high_water = max(self.high_water, len(self.items))
        taken = [self.items.popleft() for _ in range(min(limit, len(self.items)))]
        self.drained += len(taken)
        return taken


def outcome_of(error: int) -> int:
    if error == 0:
        return 0
    return 1 if error >= FIRST_JUDGED or error == ErrorKind.TIMEOUT else 2


def low_edge(value_ns: int, digits: int) -> int:
    return bin_edges(min(value_ns, TOP_NS), digits)[0]


def is_sane(s: Any, phases: int, endpoints: int) -> bool:
    scheduled, sent, end = int(s["scheduled_ns"]), int(s["sent_ns"]), int(s["end_ns"])
    error = int(s["error"])
    if s["endpoint"] >= endpoints or s["phase"] >= phases or s["status"] > 999:
        return False
    if not 0 <= end <= LIMIT_NS or not 0 <= scheduled <= LIMIT_NS:
        return False
    if end < scheduled - DISORDER_NS:
        return False
    if s["flags"] & 3 >= 2 or fails_before_sending(error):
        return True
    if not 0 <= sent <= LIMIT_NS:
        return False
    in_order = sent >= scheduled - DISORDER_NS and end >= sent - DISORDER_NS
    return outcome_of(error) == 2 or in_order


def times_of(s: Any) -> dict[int, int]:
    """Quantity → ns of one sample with a response time."""
    scheduled, sent, end = int(s["scheduled_ns"]), int(s["sent_ns"]), int(s["end_ns"])
    wait, connect, tls = int(s["wait_us"]), int(s["connect_us"]), int(s["tls_us"])
    response = max(end - scheduled, 0)
    if s["flags"] & 3 >= 2:
        return {0: response, 1: max(response - 1000 * connect, 0)}
    lag = sent - scheduled - 1000 * (wait + connect + tls)
    times = {0: response, 1: max(end - sent, 0), 2: max(lag, 0), 3: int(s["read_lag_ns"])}
    if wait:
        times[4] = 1000 * wait
    if s["flags"] & Flag.NEW_CONNECTION:
        times[5] = 1000 * connect
        if tls:
            times[6] = 1000 * tls
    if s["first_byte_us"] and not s["flags"] & Flag.COALESCED:
        times[7] = 1000 * int(s["first_byte_us"])
    return times


FLAG_COUNTERS = {
    Flag.USER_CLOCK: 1261,
    Flag.COALESCED: 1262,
    Flag.PREEMPTED: 1263,
    Flag.RETRIED: 1264,
    Flag.NEW_CONNECTION: 1265,
}


@dataclass
class Merger:
    """Figures by key: hist and series by the lower edge of the bin."""

    phases: int
    endpoints: int
    addresses: int = 0
    corrupt: int = 0
    hist: Counter[tuple[int, ...]] = field(default_factory=Counter)
    values: dict[tuple[int, ...], list[int]] = field(default_factory=dict)
    series: Counter[tuple[int, ...]] = field(default_factory=Counter)
    counts: Counter[tuple[int, ...]] = field(default_factory=Counter)
    responses: dict[tuple[int, int], list[int]] = field(default_factory=dict)

    def add(self, s: np.void) -> None:
        address = int(s["user_address"]) >> 24
        known = not self.addresses or address < self.addresses
        if not known or not is_sane(s, self.phases, self.endpoints):
            self.corrupt += 1
            return
        endpoint, outcome = int(s["endpoint"]), outcome_of(int(s["error"]))
        self._count_starts(s, endpoint)
        self._figures(s, endpoint, outcome)
        if self.addresses and s["flags"] & 3 == 0:
            self._figures(s, self.endpoints + address, outcome)
        if outcome != 2:
            self.responses.setdefault((int(s["phase"]), endpoint), []).append(
                int(s["end_ns"]) - int(s["scheduled_ns"])
            )

    def _figures(self, s: np.void, endpoint: int, outcome: int) -> None:
        self._count_end(s, endpoint, outcome)
        if outcome == 2:
            return
        second = int(s["end_ns"]) // 1_000_000_000
        times = times_of(s)
        for quantity, value in times.items():
            key = (int(s["phase"]), outcome, endpoint, quantity)
            self.hist[*key, low_edge(value, 3)] += 1
            self.values.setdefault(key, []).append(value)
        for quantity in (0, 1):
            key = (int(s["phase"]), second, endpoint, quantity)
            self.series[*key, low_edge(times[quantity], 2)] += 1

    def _add(self, s: np.void, instant: str, endpoint: int, counter: int, n: int = 1) -> None:
        if n:
            second = int(s[instant]) // 1_000_000_000
            self.counts[int(s["phase"]), second, endpoint, counter] += n

    def _count_starts(self, s: np.void, endpoint: int) -> None:
        flags = int(s["flags"])
        self._add(s, "scheduled_ns", endpoint, 1267)
        if flags & 3 < 2 and not fails_before_sending(int(s["error"])):
            self._add(s, "sent_ns", endpoint, 1260)
            self._add(s, "sent_ns", endpoint, 1268 + (flags >> 10 & 3))

    def _count_end(self, s: np.void, endpoint: int, outcome: int) -> None:
        error, flags = int(s["error"]), int(s["flags"])

        def add(counter: int, n: int = 1) -> None:
            self._add(s, "end_ns", endpoint, counter, n)

        add(1256 + outcome)
        if error:
            add(1000 + error)
        if flags & 3 >= 2:
            return
        add(1259, int(s["bytes_in"]))
        for flag, counter in FLAG_COUNTERS.items():
            add(counter, int(bool(flags & flag)))
        if error == 0 or error >= FIRST_JUDGED:
            add(int(s["status"]))
            add(1266, int(not flags & Flag.USER_CLOCK))
            layer = flags >> 12
            if 1 <= layer <= 6:
                add(1272 + layer % 6)
