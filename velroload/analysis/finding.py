"""What held a run back, as hints with their figures, and what would help: plain frozen values."""

from dataclasses import dataclass

CODES = (
    "generator",
    "network",
    "connect",
    "cpu",
    "memory",
    "pool",
    "database",
    "cache",
    "breaker",
    "rate_limit",
    "errors",
    "endpoint",
    "address",
    "queueing",
)
"""Everything that is looked for, in the order in which it is examined."""

LIKELY, POSSIBLE, WEAK = "likely", "possible", "weak"
"""How sure a hint is. Never "certain": series that move together prove no cause."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One figure behind a finding. unit: "ns" | "share" | "per_s" | "bytes" | "count" | "s" |
    "ratio" | "rho" (a rank correlation); where: the probe's value, endpoint, phase or series that
    it was read from."""

    what: str
    value: float
    unit: str
    where: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A hint at what held the run back. code: one of CODES; confidence: likely | possible | weak.

    text: the sentence with its figures. phase: the name of the phase that shows it, None for all of
    the run. score: findings are ranked by it, the greatest first; it has no unit. onset_s: second
    of the run from which it holds, None where it has none.
    """

    code: str
    title: str
    text: str
    confidence: str
    evidence: tuple[Evidence, ...]
    phase: str | None = None
    score: float = 0.0
    onset_s: int | None = None


@dataclass(frozen=True, slots=True)
class Examined:
    """That something was looked for. watched False: no probe or figure of this run could show it;
    `missing` then says what would."""

    code: str
    watched: bool
    found: bool
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to do about a finding. figure: what it rests on, in words; gain: what to expect of it,
    None where that cannot be computed; priority: 1 is first; code: the finding's."""

    title: str
    text: str
    figure: str
    gain: str | None
    priority: int
    code: str
