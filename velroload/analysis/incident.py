"""What an event did to the service, and how the phases used it: frozen values, None = unknown."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resilience:
    """An event of the run and what followed. All times in ns; None: it did not happen, or the run
    holds nothing to tell it by.

    at_ns: its begin, since the epoch; end_ns: its end. The band, onset and recovery are those of
    resilience.Recovery. onset_ns: from the begin to the first second out of the band. fast_fail_ns:
    from the begin to the first second in which requests fail but are answered as fast as before.
    depth: the share of the usual good answers that was missing in the worst second; failed_depth:
    the worst second's share of failures; slow: its p95 over the usual one. lost: good answers that
    were missing until it was over. recovery_ns: from the begin back into the band for good, 0
    without a disturbance. open_ns: how long breakers stood open meanwhile; half_open: how many
    times one probed. text: the row in one sentence.
    """

    name: str
    kind: str
    phase: str | None
    at_ns: int
    end_ns: int | None
    onset_ns: int | None
    fast_fail_ns: int | None
    depth: float | None
    failed_depth: float | None
    slow: float | None
    lost: int | None
    recovery_ns: int | None
    open_ns: int | None
    half_open: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Broken:
    """Where a phase's rising load broke a threshold: at which achieved rate, in which second."""

    phase: str
    threshold: str
    rate_per_s: float
    at_s: int


@dataclass(frozen=True, slots=True)
class Use:
    """One limited resource in a phase. usual and most: median and greatest share of its limit;
    at_limit_s: seconds at 95 % of it or more; headroom: 1 − usual; where: the probe's value."""

    resource: str
    usual: float
    most: float
    at_limit_s: int
    headroom: float
    where: str


@dataclass(frozen=True, slots=True)
class Utilisation:
    """What the hold of a phase took of the service, per request where that is meant; None where it
    was not watched. waits_s: seconds in which requests waited for a database connection."""

    phase: str
    rate_per_s: float | None
    cpu_ms_per_request: float | None
    queries_per_request: float | None
    bytes_per_request: float | None
    waits_s: int | None
    most_waiting: int | None
    uses: tuple[Use, ...] = ()
