"""The frozen plan: what is sent where, under which load, and what must hold.

Made by the command line or a loader that fills all defaults first; nothing edits it afterwards.
All durations are integer nanoseconds, all rates exact Fractions per second. Whatever contradicts
itself is refused here, one ConfigError with one line each.
"""

from dataclasses import dataclass, field
from fractions import Fraction

from velroload.errors import ConfigError
from velroload.plan.connecting import Connecting, ConnectTo
from velroload.plan.data import Data
from velroload.plan.flow import Step, Steps, Take, reads, unknown_slots, walk
from velroload.plan.limits import Limits
from velroload.plan.load import CLOSED, OPEN, USERS_MAX, Load, Stage
from velroload.plan.output import Output
from velroload.plan.phase import Phase
from velroload.plan.probe import Probe
from velroload.plan.requirements import Requirements
from velroload.plan.scenario import Scenario
from velroload.plan.session import ACCOUNTS, Accounts
from velroload.plan.share import parts_of
from velroload.plan.slots import BUILT_IN_SLOTS, references
from velroload.plan.steps import Capture, Headers, Request, Think, check_headers
from velroload.plan.threshold import Threshold, check_abort_rule
from velroload.plan.tls import Tls

__all__ = [
    "CLOSED",
    "OPEN",
    "USERS_MAX",
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
SCENARIOS_MAX = 255
PHASE_ROWS_MAX = 255
"""A sample names its phase in a byte; ramp, hold and cool-down of a phase are one each."""


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
    manifest masks them wherever they stand.

    data, accounts: rows that users take. setup, teardown: steps done once per run, not measured;
    what setup captures is known to everyone (Scenario.given). phases: one load after another
    instead of the scenarios' own, whose `load` is then that of the first phase. variables: what
    the plan file named, already put in its place (kept to be shown). cookies: every user keeps
    what the target sets.
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
    data: tuple[Data, ...] = ()
    accounts: Accounts | None = None
    setup: Steps = ()
    teardown: Steps = ()
    phases: tuple[Phase, ...] = ()
    requirements: Requirements | None = None
    probes: tuple[Probe, ...] = ()
    limits: Limits = field(default_factory=Limits)
    output: Output = field(default_factory=Output)
    variables: tuple[tuple[str, str], ...] = field(default=(), repr=False)
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
        _check_names("scenario", [scenario.name for scenario in self.scenarios])
        if self.connections is not None and self.connections < 1:
            raise ConfigError(f"connections is {self.connections}: at least 1 is needed")
        if not 0 <= self.seed < 2**64:
            raise ConfigError(f"seed is {self.seed}: write a number from 0 to 2^64 - 1")
        if self.graceful_stop_ns < 0:
            raise ConfigError(f"graceful stop is {self.graceful_stop_ns} ns: 0 or more is needed")
        for rule in self.abort_on:
            check_abort_rule(rule)
        self._check_headers()
        self._check_data()
        self._check_steps()
        self._check_phases()
        self.limits.check(self.users_most, self.rate_most_per_s, self.duration_ns)

    def _check_headers(self) -> None:
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
        requests = [request for each in self.scenarios for request in each.every_request]
        session = [each.session.headers for each in self.scenarios if each.session is not None]
        for headers in (self.headers, *session, *(request.headers for request in requests)):
            for name, _ in headers:
                if name.lower() == "cookie":
                    raise ConfigError(
                        f"header {name}: the cookies that users keep are sent in it; a request "
                        "has one Cookie header (RFC 6265 section 5.4)"
                    )

    def _check_data(self) -> None:
        tables = self.columns
        made = self.accounts
        if made and made.token == "minted" and made.secret is None and self.target != EMBEDDED:
            raise ConfigError("accounts: minted tokens need the secret that signs them")
        _check_names("data", [*(data.name for data in self.data), *self._made])
        _check_names("probe", [probe.name for probe in self.probes])
        for scenario in self.scenarios:
            for name in scenario.columns:
                data, _, column = name.partition(".")
                if data not in tables:
                    raise ConfigError(f"${{{name}}}: there is no data set {data!r}")
                if column not in tables[data]:
                    known = ", ".join(tables[data])
                    raise ConfigError(f"${{{name}}}: {data} has no such column; it has {known}")
            for step in scenario.every_step:
                if isinstance(step, Take) and step.data not in tables:
                    raise ConfigError(f"take: there is no data set {step.data!r}")
            session = scenario.session
            minted = self.accounts is not None and self.accounts.token == "minted"
            if session is not None and session.when == "minted" and not minted:
                raise ConfigError("session: minted tokens need accounts with token: minted")

    def _check_steps(self) -> None:
        known = set(BUILT_IN_SLOTS)
        for noun, steps in (("setup", self.setup), ("teardown", self.teardown)):
            for step, slot in unknown_slots(steps, known):
                del step
                raise ConfigError(f"{noun}: ${{{slot}}}, which no step before it captures or sets")
            for step in walk(steps):
                for slot in reads(step):
                    if "." in slot:
                        raise ConfigError(f"{noun}: ${{{slot}}}: it is done once, for no user")

    def _check_phases(self) -> None:
        rows = sum(1 + bool(phase.ramp_ns) + bool(phase.cool_down_ns) for phase in self.phases)
        if rows > PHASE_ROWS_MAX:
            raise ConfigError(
                f"the ramps, holds and cool-downs of {len(self.phases)} phases are {rows}: "
                f"at most {PHASE_ROWS_MAX} are possible"
            )
        _check_names("phase", [phase.name for phase in self.phases])
        endpoints = self.endpoints
        for phase in self.phases:
            for endpoint, _ in phase.mix:
                if endpoint not in endpoints:
                    raise ConfigError(
                        f"phase {phase.name!r}: mix: no request has the name {endpoint!r}"
                    )
            parts_of(phase, self.scenarios)
        needed = None if self.requirements is None else self.requirements.phase
        if needed is not None and needed not in {phase.name for phase in self.phases}:
            raise ConfigError(f"requirements: there is no phase {needed!r}")

    @property
    def _made(self) -> tuple[str, ...]:
        return (ACCOUNTS,) if self.accounts is not None else ()

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """Data set → its columns, that of the accounts included."""
        made = {} if self.accounts is None else {ACCOUNTS: self.accounts.columns}
        return {**made, **{data.name: data.columns for data in self.data}}

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The names of all requests of the flows."""
        requests = (request for scenario in self.scenarios for request in scenario.requests)
        return tuple(dict.fromkeys(request.endpoint for request in requests))

    def selectable(self, kind: str) -> tuple[str, ...]:
        """The names that a selector of this kind can have here; a tag's is NAME=VALUE."""
        if kind == "phase":
            return tuple(phase.name for phase in self.phases)
        if kind == "scenario":
            return tuple(scenario.name for scenario in self.scenarios)
        if kind == "group":
            return tuple(name for scenario in self.scenarios for name in scenario.groups)
        found: list[str] = []
        for scenario in self.scenarios:
            for request in scenario.every_request:
                if kind == "endpoint":
                    found.append(request.endpoint)
                elif kind == "class" and request.cls is not None:
                    found.append(request.cls)
                elif kind == "tag":
                    found += [f"{name}={value}" for name, value in request.tags]
        return tuple(dict.fromkeys(found))

    @property
    def loads(self) -> tuple[tuple[Load, ...], ...]:
        """What runs at one time: a tuple of the loads of each stretch of the run."""
        if self.phases:
            return tuple((phase.load,) for phase in self.phases)
        return (tuple(scenario.load for scenario in self.scenarios),)

    @property
    def users_most(self) -> int:
        """The most users at one time, as far as the plan says (on demand: its max_vus)."""
        return max(sum(load.users_most for load in loads) for loads in self.loads)

    @property
    def rate_most_per_s(self) -> Fraction | None:
        """The most requests per second that are offered; None when something is closed."""
        if self.phases:
            rates = [phase.rate_per_s for phase in self.phases]
            spikes = [event.factor for phase in self.phases for event in phase.events]
            known = [rate for rate in rates if rate is not None]
            return max(known) * max(spikes, default=1) if len(known) == len(rates) else None
        total = Fraction(0)
        for scenario in self.scenarios:
            rate = scenario.rate_most_per_s
            if rate is None:
                return None
            total += rate
        return total

    @property
    def duration_ns(self) -> int | None:
        """How long load is sent; None when only iterations end it."""
        if self.phases:
            return sum(phase.load_ns + phase.cool_down_ns for phase in self.phases)
        lasting = [scenario.load.lasting_ns for scenario in self.scenarios]
        known = [each for each in lasting if each is not None]
        return max(known) if len(known) == len(lasting) else None


def _check_names(noun: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{noun} {name!r} stands twice: give each a name of its own")


def _check_connecting(plan: Plan) -> None:
    """What the plan asks of connections must go together with the rest of it."""
    asked = plan.connecting
    if not asked.keep_alive:
        steps = [request for each in plan.scenarios for request in each.every_request]
        own = [request.headers for request in steps]
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
