"""What analysis says of a run: frozen values, integers in ns, shares from 0 to 1, None = unknown.

Nothing here is ever NaN or infinite; report/ turns these into text and JSON and decides on units.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from velroload.analysis.burst import ErrorBurst
from velroload.analysis.compliance import Compliance
from velroload.analysis.finding import Examined, Finding, Recommendation
from velroload.analysis.incident import Broken, Resilience, Utilisation
from velroload.analysis.outlier import Modes, Tail
from velroload.analysis.outlook import Capacity, Drift, Fidelity, WarmUp
from velroload.analysis.sessions import Sessions
from velroload.analysis.watching import Watched
from velroload.errors import Exit

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99_9": 0.999}
"""Every percentile that is reported: its name in results and its level."""


class Quantity(IntEnum):
    """What a histogram of the run folder holds."""

    RESPONSE = 0
    SERVICE = 1
    GENERATOR_LAG = 2
    READ_LAG = 3
    WAIT = 4
    CONNECT = 5
    TLS = 6
    FIRST_BYTE = 7


@dataclass(frozen=True, slots=True)
class Percentile:
    """A percentile and its 95 % interval, ns; all None when the sample cannot carry them."""

    value_ns: int | None = None
    low_ns: int | None = None
    high_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Distribution:
    """One quantity of one row; percentiles has the keys of QUANTILES."""

    count: int
    percentiles: dict[str, Percentile]
    min_ns: int | None
    max_ns: int | None
    mean_ns: float | None


@dataclass(frozen=True, slots=True)
class ByOutcome:
    """A time over all complete responses (timeouts at their limit), and by outcome."""

    all: Distribution
    ok: Distribution
    failed: Distribution


@dataclass(frozen=True, slots=True)
class Reach:
    """What a row's users got, failures included; one of the flow's requests, or several together.

    adjusted: percentiles with every failure infinitely slow (None also where the percentile is a
    failure: then its name is in `infinite`). Rates are complete responses per second of the hold's
    whole seconds: the best second, the best and the worst (sustained) window of 10 s. goodput: what
    was ok and within slo_ns. apdex: (within T + half of T to 4T) / all, T being slo_ns. None
    without an SLO.
    """

    adjusted: dict[str, Percentile]
    infinite: tuple[str, ...]
    best_second_per_s: float | None
    best_10s_per_s: float | None
    sustained_per_s: float | None
    slo_ns: float | None
    goodput_per_s: float | None
    apdex: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one endpoint, of the iterations of a scenario, or of several together.

    kind: request | hop | group | iteration | address, or of several requests: scenario | class |
    tag; id is None then.
    count: everything that finished = ok + failed + transport. failed: unexpected status, failed
    check or timeout; transport: no complete response. rate_per_s: complete responses per second of
    the hold. failed_share: (failed + transport) / count, with its 95 % bounds. ours_p99_ns: most
    that the generator can have added to the p99 of the response time; None when it is not judged.
    values: what servers said of their own time, by the name that they gave it.
    """

    id: int | None
    name: str
    kind: str
    scenario: str | None
    cls: str | None
    setup: bool
    count: int
    ok: int
    failed: int
    transport: int
    timeouts: int
    rate_per_s: float | None
    failed_share: float | None
    failed_low: float | None
    failed_high: float | None
    response: ByOutcome
    service: ByOutcome
    parts: dict[Quantity, Distribution]
    ours_p99_ns: int | None
    status: dict[int, int]
    errors: dict[str, int]
    bytes_in: int
    counters: dict[str, int]
    values: dict[str, Distribution]
    reach: Reach | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """What one failed request looked like; None = there was none, or it is not known.

    errno: its name. reason: of a TLS failure, in words. body_bytes: of the answer's body so far,
    None before the end of its head. text: what the server sent, masked and printable; hex: the same
    where it is no text.
    """

    at_ns: int
    worker: int
    user: int
    status: int | None
    errno: str | None
    new_connection: bool
    request_bytes: int
    written_bytes: int
    received_bytes: int
    body_bytes: int | None
    content_length: int | None
    reason: str | None = None
    text: str | None = None
    hex: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """One kind of failure at one endpoint: how often, in which seconds of the run, examples.

    number and kind are those of sample.ErrorKind; first_s and last_s are whole seconds since the
    start in which such a request ended.
    """

    kind: str
    number: int
    endpoint: str
    scenario: str | None
    setup: bool
    count: int
    first_s: int
    last_s: int
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """Per second of the run, over all requests of the flow; equal lengths."""

    second: tuple[int, ...]
    sent: tuple[int, ...]
    completed: tuple[int, ...]
    failed: tuple[int, ...]
    p50_ns: tuple[int | None, ...]
    p95_ns: tuple[int | None, ...]
    p99_ns: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class IdleCloses:
    """Connections that the server closed while no request was on them.

    least_ns and median_ns: from the end of a connection's last response to the server's FIN.
    """

    count: int
    least_ns: int
    median_ns: int


@dataclass(frozen=True, slots=True)
class Connections:
    """What became of the connections of a run.

    warmed: of those opened, before the first request. retries: requests sent once more because the
    reused connection turned out closed. requests_by_age: how old the connection was that a request
    took, see connections.AGES.
    """

    opened: int
    warmed: int
    closed_by_server: int
    retries: int
    idle_closes: IdleCloses | None
    requests_by_age: dict[str, int]


@dataclass(frozen=True, slots=True)
class PhaseCount:
    """A phase that the run came to: kind "ramp", "hold" (the one that counts) or "cool-down", its
    instants in ns since the epoch, and the requests of the flow that belong to it."""

    id: int
    name: str
    kind: str
    start_ns: int
    end_ns: int
    count: int
    ok: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a run, before anybody judges them. hold_s is 0 where it ended before."""

    hold_s: float
    elapsed_s: float
    phases: tuple[PhaseCount, ...]
    total: Row
    rows: tuple[Row, ...]
    series: Series
    connections: Connections | None = None
    warm_up: WarmUp | None = None


INVALID, SUSPECT, NOTE = "INVALID", "SUSPECT", "NOTE"
"""Levels of a reason, the strongest first."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a run is not simply VALID: a stable code, the sentence with its numbers, what mends it.

    level is "INVALID", "SUSPECT" or "NOTE" (worth saying, changes nothing).
    """

    level: str
    code: str
    text: str
    advice: str | None = None


@dataclass(frozen=True, slots=True)
class BadSecond:
    """A second of the run in which the generator was disturbed, and why.

    severe: it cannot vouch for that second at all. The others are priced by what the samples show.
    """

    second: int
    causes: tuple[str, ...]
    severe: bool


@dataclass(frozen=True, slots=True)
class Validity:
    """VALID | SUSPECT | INVALID, with every reason, the strongest first.

    bad_share: bad seconds over the seconds of the hold. stalls: (start, length) in ns.
    """

    verdict: str
    reasons: tuple[Reason, ...]
    bad_seconds: tuple[BadSecond, ...]
    bad_share: float
    stalls: tuple[tuple[int, int], ...]
    user_clock_share: float | None
    unsent: int
    unsent_share: float


@dataclass(frozen=True, slots=True)
class ThresholdResult:
    """One threshold, judged. observed, low, high, limit and added are in `unit`.

    unit: "ns" | "share" | "per_s" | "bytes" | "count". observed is None where there is nothing to
    judge by, or where so many requests failed that the percentile is one of them (then `infinite`).
    margin: distance of the observed value from the limit over the limit, positive when inside.
    added: most that the generator can have added. needed: how many requests would settle it.
    """

    text: str
    verdict: str
    observed: float | None
    low: float | None
    high: float | None
    limit: float
    unit: str
    count: int
    infinite: bool
    margin: float | None
    added: float | None
    needed: int | None
    why: str | None
    suspect: str | None


@dataclass(frozen=True, slots=True)
class PhaseResult:
    """One phase of a suite, judged over its hold alone.

    verdict and why: as in Result; NOT MEASURED where the run did not reach the hold or the
    generator cannot vouch for it. gate: a failure here fails the run; else it informs. judges: ids
    of the requirements that the plan has this phase answer. summary: the figures of the hold, with
    its ramp and cool-down among the phases and its seconds in the series. validity: of the hold.
    watched: of the hold, breakers of all the phase, without the probes' health; None where it was
    not reached.
    """

    name: str
    gate: bool
    verdict: str
    why: str
    thresholds: tuple[ThresholdResult, ...]
    summary: Summary
    validity: Validity
    judges: tuple[str, ...] = ()
    reached: bool = True
    watched: Watched | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that is said of a run.

    verdict: PASS | FAIL | INCONCLUSIVE | NOT MEASURED; why says what it rests on when no threshold
    does. ended: planned | interrupted | terminated | aborted | None (no end record). codes: every
    exit code that holds; see exit_code. manifest and ledger are the run folder's own. suite: the
    plan's phases in order, () for a plan without; then all else speaks of all holds together.
    findings: the weightiest first, each a hint; recommendations follow from them. bursts, modes,
    resilience, broken and utilisation are empty where there is nothing of the kind; tail is None
    without samples.
    """

    manifest: dict[str, Any]
    ledger: dict[str, Any]
    ended: str | None
    reason: str | None
    incomplete: tuple[str, ...]
    notes: tuple[str, ...]
    verdict: str
    why: str
    validity: Validity
    thresholds: tuple[ThresholdResult, ...]
    summary: Summary
    failures: tuple[Failure, ...]
    codes: tuple[Exit, ...]
    bursts: tuple[ErrorBurst, ...] = ()
    examined: tuple[Examined, ...] = ()
    findings: tuple[Finding, ...] = ()
    recommendations: tuple[Recommendation, ...] = ()
    tail: Tail | None = None
    modes: tuple[Modes, ...] = ()
    resilience: tuple[Resilience, ...] = ()
    broken: tuple[Broken, ...] = ()
    utilisation: tuple[Utilisation, ...] = ()
    sessions: Sessions | None = None
    compliance: Compliance | None = None
    drift: tuple[Drift, ...] = ()
    capacity: Capacity | None = None
    fidelity: Fidelity | None = None
    suite: tuple[PhaseResult, ...] = ()
    watched: Watched | None = None
