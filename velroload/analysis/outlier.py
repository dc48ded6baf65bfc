"""What the slowest requests have in common: frozen values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TailShare:
    """A trait that is more frequent among the slow requests than among all.

    trait: "new connection" | "address" | "endpoint" | "second" | "worker" | "cache layer" |
    "generator lag" | "read lag" | "wait" | "failed" | "retried" | "phase"; value: which one, None
    where the trait is a yes or no. Shares from 0 to 1; chance: the probability (Fisher's exact
    test, Holm over all traits) that so great a difference comes of itself.
    """

    trait: str
    value: str | None
    tail_share: float
    all_share: float
    tail_count: int
    chance: float


@dataclass(frozen=True, slots=True)
class Modes:
    """A response time bimodality: two humps with a valley between.

    endpoint: its name; fast_ns and slow_ns: where the humps are highest; valley_ns: where they
    part; slow_share: of the requests beyond it. apart: what the slow ones have in common.
    """

    endpoint: str
    fast_ns: int
    slow_ns: int
    valley_ns: int
    slow_share: float
    count: int
    apart: tuple[TailShare, ...] = ()


@dataclass(frozen=True, slots=True)
class Tail:
    """The slowest requests of what counts of a run. limit_ns: from which response time on; share:
    how many of all those are; count: how many of them were looked at, beside `others` of the rest.
    """

    limit_ns: int
    share: float
    count: int
    others: int
    shares: tuple[TailShare, ...] = ()
