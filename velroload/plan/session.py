"""Sessions: how a user gets its token, keeps it fresh, and what accounts it uses."""

from dataclasses import dataclass, field
from fractions import Fraction

from velroload.errors import ConfigError
from velroload.plan.flow import Steps, fills, requests_in, unknown_slots, walk
from velroload.plan.slots import BUILT_IN_SLOTS
from velroload.plan.steps import Headers, check_headers

WHEN = ("setup", "ramp", "first_use", "minted")
ACCOUNT_COLUMNS = ("id", "email", "password", "token", "refresh", "generation")
EXPIRED = "expired"
"""A column more where tokens are minted: one that was good until an hour ago."""
ACCOUNTS = "accounts"
"""The name of the data set that accounts made by us are."""


@dataclass(frozen=True, slots=True)
class Renew:
    """A token is renewed at a uniformly random share of its life, never all at once.

    `life_slot`: seconds the token lives, captured by a step (expires_in); `token_slot`: a JWT
    whose own exp is read instead. on_401: the session's steps are done again and the request is
    sent once more, at most once per request.
    """

    steps: Steps
    life_slot: str | None = None
    token_slot: str | None = None
    low: Fraction = Fraction(1, 2)
    high: Fraction = Fraction(9, 10)
    on_401: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.high < 1:
            raise ConfigError(
                f"renew: at {float(self.low):.6g}..{float(self.high):.6g} of a life: "
                "the smaller first, both between 0% and 100%"
            )
        if self.life_slot is not None and self.token_slot is not None:
            raise ConfigError("renew: a life is told by one slot, got two")
        if self.steps and self.life_slot is None and self.token_slot is None:
            raise ConfigError("renew: it has steps, but nothing says when; add at")
        if not self.steps and not self.on_401:
            raise ConfigError("renew: it has no step and does nothing on a 401")


@dataclass(frozen=True, slots=True)
class Session:
    """Once per user, under endpoint rows of its own (setup): `steps` log in.

    when: setup (before the load begins, at most rate_max per second) | ramp (as users join, at
    most rate_max per second in all) | first_use | minted (tokens come with the data set
    `accounts`). headers go with every request of the flow.
    """

    when: str
    steps: Steps = ()
    headers: Headers = ()
    rate_max_per_s: Fraction | None = None
    renew: Renew | None = None

    def __post_init__(self) -> None:
        if self.when not in WHEN:
            raise ConfigError(f"session: login is {self.when!r}: write one of {', '.join(WHEN)}")
        if (self.when == "minted") == bool(requests_in(self.steps)):
            raise ConfigError(
                "session: steps do not go with minted tokens"
                if self.steps
                else f"session: login {self.when} needs steps with a request"
            )
        if self.rate_max_per_s is not None:
            if self.rate_max_per_s <= 0:
                raise ConfigError("session: rate_max: more than 0 is needed")
            if self.when not in ("setup", "ramp"):
                raise ConfigError(f"session: rate_max does not go with login {self.when}")
        check_headers(self.headers)
        if self.when == "minted" and self.renew is not None and not requests_in(self.renew.steps):
            raise ConfigError("session: minted tokens are renewed by steps only; add some to renew")
        wanted = self.life_slot
        if wanted and "." not in wanted and wanted not in self.fills:
            raise ConfigError(f"session: renew needs {wanted}, which no step of it captures")

    @property
    def fills(self) -> tuple[str, ...]:
        """Slots that are known in every flow of this session."""
        steps = (*self.steps, *(self.renew.steps if self.renew else ()))
        return tuple(dict.fromkeys(slot for step in walk(steps) for slot in fills(step)))

    @property
    def life_slot(self) -> str | None:
        """The slot that says how long a token lives: as seconds, or as the token itself."""
        return None if self.renew is None else self.renew.life_slot or self.renew.token_slot

    def check_slots(self, known: set[str]) -> None:
        """ConfigError for a slot that nothing fills; `known`: those of the plan's setup."""
        known |= set(BUILT_IN_SLOTS)
        for steps in (self.steps, self.renew.steps if self.renew else ()):
            for _, slot in unknown_slots(steps, known):
                raise ConfigError(f"session: ${{{slot}}}, which no step before it captures or sets")


@dataclass(frozen=True, slots=True)
class Accounts:
    """Accounts made in setup and removed in teardown; they are the data set `accounts` with the
    columns id, email, password, token, refresh and generation (its hot resource), with minted
    tokens also expired: one that has to be refused for its age alone.

    token: minted (signed here with `secret`, HS256; the embedded target's is known) | login: of a
    session that the service gives. `creations`: how many generations
    each must be able to create. service_key authorises making them.
    """

    count: int
    token: str = "minted"
    secret: str | None = field(default=None, repr=False)
    service_key: str | None = field(default=None, repr=False)
    creations: int = 40
    hot_each: int = 1
    remove_after: bool = True
    life_s: int = 3600

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ConfigError(f"accounts: count is {self.count}: at least 1 is needed")
        if self.token not in ("minted", "login"):
            raise ConfigError(f"accounts: token is {self.token!r}: write minted or login")
        if self.token == "login" and self.secret is not None:
            raise ConfigError("accounts: a secret does not go with token: login")
        for name in ("creations", "hot_each"):
            if getattr(self, name) < 0:
                raise ConfigError(f"accounts: {name} is {getattr(self, name)}: 0 or more is needed")
        if self.life_s < 1:
            raise ConfigError(f"accounts: life is {self.life_s} s: at least 1s is needed")

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the data set."""
        return (*ACCOUNT_COLUMNS, EXPIRED) if self.token == "minted" else ACCOUNT_COLUMNS
