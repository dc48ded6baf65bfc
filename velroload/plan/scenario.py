"""A scenario: a kind of user, what it does and under which load."""

from dataclasses import dataclass, replace
from fractions import Fraction

from velroload.errors import ConfigError
from velroload.plan.flow import (
    DEPTH_MAX,
    End,
    Group,
    Step,
    Steps,
    Take,
    Unpredictable,
    depth,
    expected,
    most,
    reads,
    requests_in,
    unknown_slots,
    walk,
    with_mix,
)
from velroload.plan.load import Load
from velroload.plan.session import Session
from velroload.plan.slots import BUILT_IN_SLOTS, references
from velroload.plan.steps import Request, Think


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of user: `setup` once per user (a login), then `flow` again and again.

    session: how users log in instead, when that is more than steps. given: slots that the plan's
    own setup fills for everyone. weight: its part of a phase's users and rate.
    """

    name: str
    load: Load
    flow: Steps
    setup: Steps = ()
    session: Session | None = None
    given: tuple[str, ...] = ()
    weight: Fraction = Fraction(1)

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("a scenario needs a name")
        if not self.requests:
            raise ConfigError(f"scenario {self.name!r}: the flow has no request")
        if self.weight <= 0:
            raise ConfigError(f"scenario {self.name!r}: weight: more than 0 is needed")
        for steps in (self.setup, self.flow):
            if depth(steps) > DEPTH_MAX:
                raise ConfigError(f"scenario {self.name!r}: steps stand over {DEPTH_MAX} deep")
        self._check_endpoints()
        self._check_slots()
        self._check_session()
        if self.load.request_rate is not None or self.load.stage_unit == "requests":
            try:
                _ = self.requests_per_iteration
            except Unpredictable as error:
                raise ConfigError(
                    f"scenario {self.name!r}: a rate of requests needs to know how many an "
                    f"iteration makes: {error}"
                ) from None

    def _check_endpoints(self) -> None:
        """The figures of one name are of one class and have the same tags."""
        known: dict[str, Request] = {}
        for request in self.requests:
            first = known.setdefault(request.endpoint, request)
            if (first.cls, set(first.tags)) != (request.cls, set(request.tags)):
                raise ConfigError(
                    f"scenario {self.name!r}: the requests named {request.endpoint!r} have "
                    "different classes or tags; name them differently"
                )

    def _check_slots(self) -> None:
        known = {*BUILT_IN_SLOTS, *self.given}
        if self.session is not None:
            self.session.check_slots(set(self.given))
            known |= set(self.session.fills)
        for steps in (self.setup, self.flow):
            for step, slot in unknown_slots(steps, known):
                raise ConfigError(
                    f"scenario {self.name!r}: {_noun(step)} uses ${{{slot}}}, "
                    "which no step before it captures or sets"
                )

    def _check_session(self) -> None:
        if self.session is None:
            if any(r.on_error == "login" for r in self.requests):
                raise ConfigError(f"scenario {self.name!r}: on_error: login needs a session")
            return
        if self.setup:
            raise ConfigError(f"scenario {self.name!r}: setup and session exclude each other")
        on_demand = self.load.is_open and self.load.users is None
        if on_demand and (self.session.when == "setup" or self.session.rate_max_per_s is not None):
            raise ConfigError(
                f"scenario {self.name!r}: session: users begin on demand here, and nobody knows "
                "who is to log in beforehand; say users in the load, or login: first_use"
            )
        for name, value in self.session.headers:
            for slot in references(value):
                if "." not in slot and slot not in (
                    *BUILT_IN_SLOTS, *self.given, *self.session.fills
                ):  # fmt: skip
                    raise ConfigError(f"session: header {name}: no step of it fills ${{{slot}}}")

    @property
    def requests(self) -> tuple[Request, ...]:
        """The requests of the flow, in order, those inside other steps too."""
        return requests_in(self.flow)

    @property
    def login(self) -> Steps:
        """What a user does before its first iteration: `setup`, or the session's steps."""
        return self.setup if self.session is None else self.session.steps

    @property
    def renewal(self) -> Steps:
        """What renews a token; () when that is one more log-in, or nothing."""
        session = self.session
        return session.renew.steps if session is not None and session.renew is not None else ()

    @property
    def every_request(self) -> tuple[Request, ...]:
        """The requests of log-in, renewal and flow."""
        return requests_in((*self.login, *self.renewal, *self.flow))

    @property
    def every_step(self) -> tuple[Step, ...]:
        """The same of all steps, those inside others too."""
        return tuple(walk((*self.login, *self.renewal, *self.flow)))

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of the flow's groups."""
        return tuple(dict.fromkeys(s.name for s in walk(self.flow) if isinstance(s, Group)))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of data sets (data.column) that its steps read."""
        texts: list[str] = []
        if self.session is not None:
            texts = [slot for _, value in self.session.headers for slot in references(value)]
            texts += [self.session.life_slot or ""]
        read = [slot for step in self.every_step for slot in reads(step)]
        return tuple(dict.fromkeys(slot for slot in (*read, *texts) if "." in slot))

    @property
    def data(self) -> tuple[str, ...]:
        """The data sets that it takes rows of."""
        taken = [step.data for step in self.every_step if isinstance(step, Take)]
        return tuple(dict.fromkeys([*(name.partition(".")[0] for name in self.columns), *taken]))

    @property
    def is_predictable(self) -> bool:
        """True when the expectations of an iteration can be known."""
        try:
            _ = self.requests_per_iteration
        except Unpredictable:
            return False
        return True

    @property
    def requests_per_iteration(self) -> Fraction:
        """Expected number of requests in one pass through the flow (setup and once are not in it).

        Exact but for conditions, see plan/flow.py. Unpredictable (a ConfigError) when a `while`
        does not say how often it goes round.
        """
        return expected(self.flow, lambda step: Fraction(isinstance(step, Request)))

    @property
    def requests_most(self) -> int:
        """The most requests that one pass can make, once included."""
        return most(self.flow, lambda step: int(isinstance(step, Request)))

    @property
    def think_per_iteration_ns(self) -> Fraction:
        """Expected think time inside one pass through the flow; Unpredictable as above."""
        return expected(self.flow, _think_ns)

    @property
    def rate_most_per_s(self) -> Fraction | None:
        """The most requests per second that its load offers; None: closed, or not predictable."""
        load = self.load
        if not load.is_open:
            return None
        if load.request_rate is not None:
            return load.request_rate
        peak = load.rate or max((load.start, *(stage.target for stage in load.stages)))
        if load.stage_unit == "requests":
            return peak
        return peak * self.requests_per_iteration if self.is_predictable else None

    def requests_of(self, endpoint: str) -> Fraction:
        """Expected requests of one endpoint in one pass."""
        return expected(
            self.flow,
            lambda step: Fraction(isinstance(step, Request) and step.endpoint == endpoint),
        )

    def with_mix(self, mix: dict[str, Fraction]) -> "Scenario":
        """The same, the requests of these endpoints with these probabilities."""
        return replace(self, flow=with_mix(self.flow, mix))


def _think_ns(step: Step) -> Fraction:
    return step.mean_ns if isinstance(step, Think) else Fraction(0)


def _noun(step: Step) -> str:
    if isinstance(step, Request):
        return step.endpoint
    return "end" if isinstance(step, End) else type(step).__name__.lower()
