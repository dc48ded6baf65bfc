"""What was seen of the target beside its answers' times; None = not known, and `why` says why."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Level:
    """A number that was read once a second: `source` is its full name, `count` its readings."""

    source: str
    count: int
    minimum: float
    median: float
    mean: float
    maximum: float


@dataclass(frozen=True, slots=True)
class HitRate:
    """Look-ups that were answered here. `asked` is 0 or more; rate None where nothing was."""

    source: str
    hits: int
    asked: int

    @property
    def rate(self) -> float | None:
        return self.hits / self.asked if self.asked else None


@dataclass(frozen=True, slots=True)
class CacheUse:
    """What answers said of the cache (writes are outside): how many by layer.

    hit: a hit whose layer was not told; unknown: asked, and nothing that we know was said.
    """

    unknown: int
    miss: int
    hit: int
    l1: int
    l2: int
    l3: int

    @property
    def hits(self) -> int:
        """Answered without the source; L3 is the source."""
        return self.hit + self.l1 + self.l2

    @property
    def known(self) -> int:
        return self.hits + self.miss + self.l3

    @property
    def rate(self) -> float | None:
        """Hits of what is known; None where nothing is."""
        return self.hits / self.known if self.known else None

    def layers(self) -> dict[str, HitRate]:
        """L1 of all whose layer was told, L2 of those that L1 did not have."""
        told = self.l1 + self.l2 + self.l3
        found = {"L1": (self.l1, told), "L2": (self.l2, self.l2 + self.l3)}
        return {
            name: HitRate("answers", hits, asked) for name, (hits, asked) in found.items() if told
        }


@dataclass(frozen=True, slots=True)
class BreakerChange:
    """A circuit breaker's new state: closed, half-open or open; at_ns since the epoch."""

    name: str
    at_ns: int
    state: str


@dataclass(frozen=True, slots=True)
class ProbeHealth:
    """How a probe fared: seconds of the run in which it was read, and why it was not."""

    name: str
    kind: str
    readings: int
    missing: str | None


@dataclass(frozen=True, slots=True)
class Watched:
    """All of it, over one hold. levels: role → Level. over: share of the readings over the limit
    of cpu_share and memory_share. counted: hit rates by the target's own counters (L1, L2, Redis,
    authorization). rises: role → what a counter grew by. What layers took stands among the values
    of a Row, as `cache L1` and so on.
    """

    levels: dict[str, Level] = field(default_factory=dict)
    over: dict[str, float] = field(default_factory=dict)
    cache: CacheUse | None = None
    counted: dict[str, HitRate] = field(default_factory=dict)
    rises: dict[str, int] = field(default_factory=dict)
    breakers: tuple[BreakerChange, ...] = ()
    probes: tuple[ProbeHealth, ...] = ()
    why: dict[str, str] = field(default_factory=dict)
