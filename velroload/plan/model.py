"""The frozen plan: what is sent where, under which load, and what must hold.

Made by the command line or a loader that fills all defaults first; nothing edits it afterwards.
All durations are integer nanoseconds, all rates exact Fractions per second. Whatever contradicts
itself is refused here, one ConfigError with one line each.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from velroload.errors import ConfigError
from velroload.plan.connecting import Connecting, ConnectTo
from velroload.plan.steps import (
    BUILT_IN_SLOTS,
    Capture,
    Headers,
    Request,
    Step,
    Think,
    check_headers,
    references,
)
from velroload.plan.threshold import Threshold
from velroload.plan.tls import Tls
from velroload.units import format_rate

__all__ = [
    "Capture",
    "ConnectTo",
    "Connecting",
    "Headers",
    "Load",
    "Plan",
    "Request",
    "Scenario",
    "Stage",
    "Step",
    "Think",
    "Timeouts",
    "Tls",
]

SECOND_NS = 1_000_000_000
EMBEDDED = "embedded"
"""The target that means: start the reference target of our own on loopback."""
UNIX = "unix:"
"""A target that begins so is a unix socket: unix:/path/of/the.sock."""
USERS_MAX = 2**24 - 1
"""A sample carries a user's number in 24 bits."""
SCENARIOS_MAX = 255
ABORT_WINDOW_MAX_NS = 120 * SECOND_NS
"""The running figures keep so many seconds."""

CLOSED = ("constant-vus", "ramping-vus")
OPEN = ("constant-arrival-rate", "ramping-arrival-rate")
CONSTANT = ("constant-vus", "constant-arrival-rate")


@dataclass(frozen=True, slots=True)
class Stage:
    """Go from the value before to `target` (VUs, or starts per second) within `duration_ns`.

    A duration of 0 is a jump.
    """

    duration_ns: int
    target: Fraction

    def __post_init__(self) -> None:
        object.__setattr__(self, "target", Fraction(self.target))
        if self.duration_ns < 0:
            raise ConfigError(f"load: a stage's duration is {self.duration_ns} ns: 0 or more")
        if self.target < 0:
            raise ConfigError(f"load: a stage's target is {self.target}: 0 or more is needed")


@dataclass(frozen=True, slots=True)
class Load:
    """When iterations start. Which fields a model reads:

    constant-vus            users, duration_ns, ramp_ns, think, iterations
    ramping-vus             start (VUs), stages (VUs), think, iterations
    constant-arrival-rate   rate | request_rate, duration_ns, ramp_ns, arrival, users | max_vus,
                            late, iterations
    ramping-arrival-rate    start and stages (per second, of `stage_unit`), arrival,
                            users | max_vus, ramp_ns (of the users), late, iterations

    duration_ns is the hold, after the ramp; None only with `iterations`, a fixed number in total
    over all users and workers. rate counts iterations, request_rate requests of the flow. users in
    an arrival model: N connected users, who ramp in over ramp_ns and take the starts in turn; a
    constant rate ramps with them in proportion. Without users VUs are made on demand up to max_vus
    (None: as the schedule computes). late says what happens to a start that no VU is free for.
    think is the pause between iterations.
    """

    model: str
    users: int | None = None
    rate: Fraction | None = None
    request_rate: Fraction | None = None
    duration_ns: int | None = None
    ramp_ns: int = 0
    stages: tuple[Stage, ...] = ()
    start: Fraction = Fraction(0)
    stage_unit: str = "iterations"
    arrival: str = "uniform"
    think: Think | None = None
    iterations: int | None = None
    max_vus: int | None = None
    late: str = "late"

    def __post_init__(self) -> None:
        for name in ("rate", "request_rate", "start"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, Fraction(value))
        _check_words(self)
        _check_amounts(self)
        if self.is_open:
            _check_open(self)
        else:
            _check_closed(self)
        if self.model in CONSTANT:
            _check_constant(self)
        else:
            _check_ramping(self)

    @property
    def is_open(self) -> bool:
        """True when starts are scheduled, whatever the target does."""
        return self.model in OPEN


def _one_of(name: str, value: str, words: Sequence[str]) -> None:
    if value not in words:
        raise ConfigError(f"load: {name} is {value!r}: write one of {', '.join(words)}")


def _check_words(load: Load) -> None:
    _one_of("model", load.model, CLOSED + OPEN)
    _one_of("arrival", load.arrival, ("uniform", "poisson"))
    _one_of("late", load.late, ("late", "drop"))
    _one_of("stage_unit", load.stage_unit, ("iterations", "requests"))


def _check_amounts(load: Load) -> None:
    for name in ("users", "max_vus", "iterations"):
        value = getattr(load, name)
        if value is not None and value < 1:
            raise ConfigError(f"load: {name} is {value}: at least 1 is needed")
        if name != "iterations" and value is not None and value > USERS_MAX:
            raise ConfigError(f"load: {name} is {value}: at most {USERS_MAX} are possible")
    for name in ("rate", "request_rate"):
        value = getattr(load, name)
        if value is not None and value <= 0:
            raise ConfigError(f"load: {name} is {format_rate(value)}: more than 0 is needed")
    if load.start < 0:
        raise ConfigError(f"load: start is {load.start}: 0 or more is needed")
    if load.ramp_ns < 0:
        raise ConfigError(f"load: ramp is {load.ramp_ns} ns: 0 or more is needed")


def _refuse(load: Load, names: Sequence[str], why: str) -> None:
    defaults = {"ramp_ns": 0, "stages": (), "start": 0, "stage_unit": "iterations"}
    for name in names:
        if getattr(load, name) != defaults.get(name):
            raise ConfigError(
                f"load: {name.removesuffix('_ns')} does not go with {load.model}: {why}"
            )


def _check_open(load: Load) -> None:
    _refuse(load, ["think"], "the rate alone says when an iteration starts")
    if load.users is not None and load.max_vus is not None:
        raise ConfigError("load: users and max_vus exclude each other: N users are all there are")


def _check_closed(load: Load) -> None:
    _refuse(load, ["rate", "request_rate"], "take constant-arrival-rate to start at a rate")
    _refuse(load, ["max_vus"], "the users are the VUs")
    _refuse(load, ["stage_unit"], "its stages count VUs")
    if load.arrival != "uniform":
        raise ConfigError(f"load: arrival does not go with {load.model}: nothing arrives there")
    if load.late != "late":
        raise ConfigError(f"load: late does not go with {load.model}: no start can be late there")


def _check_constant(load: Load) -> None:
    _refuse(load, ["stages", "start"], "take the ramping model for stages")
    _refuse(load, ["stage_unit"], "it has no stages; write rate or request_rate")
    if load.duration_ns is None and load.iterations is None:
        raise ConfigError("load: duration is missing: write how long, or how many iterations")
    if load.duration_ns is not None and load.duration_ns <= 0:
        raise ConfigError(f"load: duration is {load.duration_ns} ns: more than 0 is needed")
    if not load.is_open and load.users is None:
        raise ConfigError("load: users is missing: constant-vus needs to know how many")
    if load.is_open and (load.rate is None) == (load.request_rate is None):
        raise ConfigError("load: constant-arrival-rate needs one of rate and request_rate")


def _check_ramping(load: Load) -> None:
    _refuse(load, ["duration_ns"], "its stages say how long")
    _refuse(load, ["rate", "request_rate"], "its stages say how many")
    if sum(stage.duration_ns for stage in load.stages) <= 0:
        raise ConfigError(
            "load: stages are missing: write at least one that lasts, such as 30s:100"
        )
    values = [load.start, *(stage.target for stage in load.stages)]
    lasting = [
        before + stage.target
        for before, stage in zip(values, load.stages, strict=False)
        if stage.duration_ns
    ]
    if max(lasting) <= 0:
        raise ConfigError("load: all stages are 0: nothing would be started")
    if load.is_open:
        if load.ramp_ns and load.users is None:
            raise ConfigError("load: ramp without users: in ramping-arrival-rate the users ramp in")
        return
    _refuse(load, ["users", "ramp_ns"], "its stages count the users")
    for value in values:
        if value.denominator != 1 or value > USERS_MAX:
            raise ConfigError(f"load: {value} VUs: a whole number up to {USERS_MAX} is needed")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of user: `setup` once per user (a login), then `flow` again and again."""

    name: str
    load: Load
    flow: tuple[Step, ...]
    setup: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("a scenario needs a name")
        if not self.requests:
            raise ConfigError(f"scenario {self.name!r}: the flow has no request")
        known: set[str] = set(BUILT_IN_SLOTS)
        for step in (*self.setup, *self.flow):
            if isinstance(step, Think):
                continue
            for slot in step.slots:
                if slot not in known:
                    raise ConfigError(
                        f"scenario {self.name!r}: {step.endpoint} uses ${{{slot}}}, "
                        "which no step before it captures"
                    )
            known.update(capture.slot for capture in step.captures)

    @property
    def requests(self) -> tuple[Request, ...]:
        """The requests of the flow, in order."""
        return tuple(step for step in self.flow if isinstance(step, Request))

    @property
    def requests_per_iteration(self) -> Fraction:
        """Expected number of requests in one pass through the flow (setup is not in it)."""
        return Fraction(len(self.requests))

    @property
    def think_per_iteration_ns(self) -> Fraction:
        """Expected think time inside one pass through the flow."""
        return sum((s.mean_ns for s in self.flow if isinstance(s, Think)), Fraction(0))


@dataclass(frozen=True, slots=True)
class Timeouts:
    """connect: until connected (TLS included) · request: from send to the last byte · idle: an
    unused connection is closed after it (None: kept as long as the target keeps it)."""

    connect_ns: int = 3 * SECOND_NS
    request_ns: int = 10 * SECOND_NS
    idle_ns: int | None = None

    def __post_init__(self) -> None:
        for name in ("connect_ns", "request_ns", "idle_ns"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                word = name.removesuffix("_ns")
                raise ConfigError(f"{word} timeout is {value} ns: more than 0 is needed")


@dataclass(frozen=True, slots=True)
class Plan:
    """One run. `target` is a base URL, unix:/path or EMBEDDED; `headers` go with every request.

    connections: None = one per VU, else the size of the pool over all workers. graceful_stop_ns:
    how long iterations may go on after the end. secrets: values that no report may show; the
    manifest masks them wherever they stand. cookies: every user keeps what the target sets.
    server_timing: Server-Timing and X-Response-Time of answers become figures.
    """

    name: str
    target: str
    scenarios: tuple[Scenario, ...]
    thresholds: tuple[Threshold, ...] = ()
    abort_on: tuple[Threshold, ...] = ()
    timeouts: Timeouts = field(default_factory=Timeouts)
    connections: int | None = None
    connecting: Connecting = field(default_factory=Connecting)
    seed: int = 0
    allow_hosts: tuple[str, ...] = ()
    graceful_stop_ns: int = 30 * SECOND_NS
    headers: Headers = ()
    cookies: bool = False
    server_timing: bool = False
    tls: Tls = field(default_factory=Tls)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("a plan needs a name")
        if not self.target:
            raise ConfigError("a plan needs a target: a URL, or embedded")
        if not 1 <= len(self.scenarios) <= SCENARIOS_MAX:
            raise ConfigError(
                f"a plan has 1 to {SCENARIOS_MAX} scenarios, got {len(self.scenarios)}"
            )
        names = [scenario.name for scenario in self.scenarios]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"scenario {name!r} stands twice: give each a name of its own")
        if self.connections is not None and self.connections < 1:
            raise ConfigError(f"connections is {self.connections}: at least 1 is needed")
        if not 0 <= self.seed < 2**64:
            raise ConfigError(f"seed is {self.seed}: write a number from 0 to 2^64 - 1")
        if self.graceful_stop_ns < 0:
            raise ConfigError(f"graceful stop is {self.graceful_stop_ns} ns: 0 or more is needed")
        for rule in self.abort_on:
            _check_abort_rule(rule)
        check_headers(self.headers)
        if self.cookies:
            self._check_cookies()
        _check_connecting(self)
        for name, value in self.headers:
            for slot in references(value):
                if slot not in BUILT_IN_SLOTS:
                    raise ConfigError(
                        f"header {name}: ${{{slot}}} is not known in every request; the plan's "
                        f"headers may use ${{{BUILT_IN_SLOTS[0]}}}"
                    )

    def _check_cookies(self) -> None:
        requests = [
            step
            for scenario in self.scenarios
            for step in (*scenario.setup, *scenario.flow)
            if isinstance(step, Request)
        ]
        for headers in (self.headers, *(request.headers for request in requests)):
            for name, _ in headers:
                if name.lower() == "cookie":
                    raise ConfigError(
                        f"header {name}: the cookies that users keep are sent in it; a request "
                        "has one Cookie header (RFC 6265 section 5.4)"
                    )


def _check_connecting(plan: Plan) -> None:
    """What the plan asks of connections must go together with the rest of it."""
    asked = plan.connecting
    if not asked.keep_alive:
        steps = [step for s in plan.scenarios for step in (*s.setup, *s.flow)]
        own = [step.headers for step in steps if isinstance(step, Request)]
        for name, value in (pair for headers in (plan.headers, *own) for pair in headers):
            if name.lower() == "connection" and "close" not in value.lower():
                raise ConfigError(
                    f"header Connection: {value} contradicts keep-alive off; leave one of them out"
                )
    if asked.warm and plan.connections is None:
        for scenario in plan.scenarios:
            if scenario.load.is_open and scenario.load.users is None:
                raise ConfigError(
                    "warm connections: how many? users begin on demand here; "
                    "say how many users or connections there are"
                )
    if plan.target.startswith(UNIX):
        for what, given in (("source", asked.sources), ("connect-to", asked.connect_to),
                            ("family", asked.family)):  # fmt: skip
            if given:
                raise ConfigError(f"{what} does not go with a unix socket: it has no IP address")


def _check_abort_rule(rule: Threshold) -> None:
    """What the running figures cannot answer is refused, not answered with something else."""
    if rule.quantity not in (None, "response", "service"):
        raise ConfigError(
            f"abort rule {rule.source!r}: {rule.quantity} is known after the run only; "
            "take response or service"
        )
    if rule.window_ns is not None and rule.window_ns > ABORT_WINDOW_MAX_NS:
        raise ConfigError(f"abort rule {rule.source!r}: its window must be at most 2m long")
    if rule.window_ns is not None and rule.window_ns % SECOND_NS:
        raise ConfigError(f"abort rule {rule.source!r}: its window must be whole seconds")
