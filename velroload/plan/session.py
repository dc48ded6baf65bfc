"""Sessions: how a user gets its token, keeps it fresh, and what accounts it uses."""

from dataclasses import dataclass
from fractions import Fraction

from velroload.plan.flow import Steps
from velroload.plan.steps import Headers

WHEN = ("setup", "ramp", "first_use", "minted")


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


@dataclass(frozen=True, slots=True)
class Accounts:
    """Accounts made in setup and removed in teardown; they are the data set `accounts` with the
    columns id, email, password, token, refresh and generation (its hot resource).

    token: minted (signed here with `secret`, HS256) | login. `creations`: how many generations
    each must be able to create. service_key authorises making them.
    """

    count: int
    token: str = "minted"
    secret: str | None = None
    service_key: str | None = None
    creations: int = 40
    hot_each: int = 1
    remove_after: bool = True
    life_s: int = 3600
