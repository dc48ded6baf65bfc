"""What the figures of a run say beyond its judgement: drift, warm-up, capacity, fidelity.

Frozen values only. None = unknown, never 0 or NaN; shares from 0 to 1.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Drift:
    """The trend of one series over a phase.

    what: "response p95 of endpoint:read", "memory", …; unit: "ns" | "bytes" | "count" | "share".
    slope_per_hour in `unit` by Theil–Sen, with its 95 % interval; share_per_hour: over the median
    of the series. p_value: Mann–Kendall, two-sided, corrected for autocorrelation. trend:
    "rising" | "falling" | "none"; None where the series is too short.
    """

    what: str
    unit: str
    phase: str | None
    count: int
    median: float | None
    slope_per_hour: float | None
    low_per_hour: float | None
    high_per_hour: float | None
    share_per_hour: float | None
    p_value: float | None
    trend: str | None


@dataclass(frozen=True, slots=True)
class WarmUp:
    """How much of the beginning of a hold differs from the rest, found by MSER-5.

    seconds: cut from the hold's start, by the series that needed most (`by`: "throughput" | "p50" |
    "p99"); at most `most_s`, a fifth of the hold. The figures before and after the cut, ns and
    requests per second. Said only: every verdict is of the whole hold.
    """

    seconds: int
    by: str | None
    most_s: int
    p50_ns: int | None
    p99_ns: int | None
    rate_per_s: float | None
    trimmed_p50_ns: int | None
    trimmed_p99_ns: int | None
    trimmed_rate_per_s: float | None


@dataclass(frozen=True, slots=True)
class Level:
    """One level of load that was held: users, the rate reached, what it took.

    met: does p95 of the response time meet the limit; None without a limit. resources: mean of each
    role of the probes (cpu_share, memory_bytes, …).
    """

    phase: str
    users: float | None
    rate_per_s: float
    p95_ns: int | None
    failed_share: float | None
    met: bool | None
    resources: dict[str, float]


@dataclass(frozen=True, slots=True)
class Usl:
    """The Universal Scalability Law X(N) = λN / (1 + σ(N−1) + κN(N−1)), fitted.

    Each with its 95 % interval (bootstrap of the residuals, t for the few levels). peak_users and
    peak_per_s: where the curve has its top, None where that is beyond twice the largest level or
    there is none. r_squared: share of the variance that it explains.
    """

    per_user_per_s: float
    per_user_interval: tuple[float, float]
    contention: float
    contention_interval: tuple[float, float]
    coherency: float
    coherency_interval: tuple[float, float]
    peak_users: float | None
    peak_per_s: float | None
    r_squared: float
    largest_users: float


@dataclass(frozen=True, slots=True)
class Growth:
    """What one resource needs per request per second, by a line through the levels.

    at_largest: its value at the largest rate that was held. until_per_s: rate at which its limit is
    reached (None: unknown limit, or beyond what may be believed). believed_to_per_s: twice the
    largest rate held.
    """

    resource: str
    unit: str
    per_request_per_s: float
    low: float
    high: float
    at_largest: float
    until_per_s: float | None
    believed_to_per_s: float


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the levels of a run say of more load. why: what is missing for a curve."""

    levels: tuple[Level, ...]
    limit: str | None
    largest_met_per_s: float | None
    largest_met_users: float | None
    usl: Usl | None
    growth: tuple[Growth, ...]
    why: str | None


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Did the load come as planned, and do the books of queueing balance?

    planned and sent per second of the hold are in Summary.series where known; worst_second: the
    largest share by which a second's starts differed from the plan. dispersion: variance over mean
    of the starts per second (1 for Poisson, 0 for uniform arrivals) and p_value: of the test that
    it is what the arrival process says. in_flight: mean requests in flight by Little's law, from
    the counted integral and from rate × time; off: by which share they differ.
    """

    arrival: str | None
    planned_per_s: float | None
    started_per_s: float | None
    worst_second: float | None
    dispersion: float | None
    p_value: float | None
    as_planned: bool | None
    in_flight: float | None
    in_flight_by_law: float | None
    off: float | None
    why: str | None
