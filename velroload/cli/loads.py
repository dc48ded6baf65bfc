"""From flags to a load: how many users or starts, when, for how long."""

from fractions import Fraction
from typing import TYPE_CHECKING

from velroload.cli.values import Values, more_than_nothing, one_of, refusal
from velroload.errors import ConfigError
from velroload.units import format_duration, parse_count, parse_duration, parse_rate

if TYPE_CHECKING:
    from velroload.plan.model import Load, Stage
    from velroload.plan.steps import Think

DEFAULT_USERS = 10
DEFAULT_DURATION_NS = 10_000_000_000

read_amount = more_than_nothing(parse_count)
read_time = more_than_nothing(parse_duration)
read_rate = more_than_nothing(parse_rate)


def make_load(values: Values, assumed: list[str]) -> "Load":
    """The load model that the flags mean."""
    refuse_both(values, "rate", "request_rate", "both say how many per second")
    if values.has("stage"):
        return staged_load(values)
    if values.has("rate") or values.has("request_rate"):
        return arrival_load(values, assumed)
    return closed_load(values, assumed)


def closed_load(values: Values, assumed: list[str]) -> "Load":
    """Users who go round as fast as answers and think time allow."""
    from velroload.plan.model import Load

    for flag in ("arrival", "late", "max_vus"):
        refuse_without_rate(values, flag)
    iterations = values.one("requests", read_amount)
    users = values.one("users", read_amount)
    connections = values.one("connections", read_amount)
    if users is None:
        users = connections or min(DEFAULT_USERS, iterations or DEFAULT_USERS)
        assumed.append(f"{users} users" if users != 1 else "1 user")
    if connections is not None and connections > users:
        raise ConfigError(f"{values.noun('connections')} {connections} is more than the {users} "
                          "users can use; take as many users")  # fmt: skip
    if iterations is not None and iterations < users:
        raise ConfigError(f"{values.noun('requests')} {iterations} is less than one request for "
                          f"each of {users} users; take fewer users")  # fmt: skip
    return Load(
        "constant-vus",
        users=users,
        duration_ns=hold_ns(values, assumed),
        ramp_ns=values.one("ramp", parse_duration) or 0,
        think=values.one("think", read_think),
        iterations=iterations,
    )


def arrival_load(values: Values, assumed: list[str]) -> "Load":
    """Starts at a rate, whatever the target does."""
    from velroload.plan.model import Load

    refuse_both(values, "think", rate_flag(values), "the rate says when a request starts")
    refuse_both(values, "users", "max_vus", "N users are all there are")
    return Load(
        "constant-arrival-rate",
        users=values.one("users", read_amount),
        rate=values.one("rate", read_rate),
        request_rate=values.one("request_rate", read_rate),
        duration_ns=hold_ns(values, assumed),
        ramp_ns=values.one("ramp", parse_duration) or 0,
        iterations=values.one("requests", read_amount),
        max_vus=values.one("max_vus", read_amount),
        arrival=values.one("arrival", one_of("uniform", "poisson")) or "uniform",
        late=values.one("late", one_of("late", "drop")) or "late",
    )


def staged_load(values: Values) -> "Load":
    """A load that goes from stage to stage: users, or a rate."""
    from velroload.plan.model import Load

    refuse_both(values, "duration", "stage", "the stages say how long")
    for flag in ("rate", "request_rate"):
        refuse_both(values, flag, "stage", "the stages say how much; write --stage 30s:100/s")
    pairs = values.each("stage", read_stage)
    stages = tuple(stage for stage, _ in pairs)
    iterations = values.one("requests", read_amount)
    if len({is_rate for _, is_rate in pairs}) > 1:
        raise ConfigError("--stage: some are users (30s:100), some rates (30s:100/s); take one")
    if pairs[0][1]:
        refuse_both(values, "think", "stage", "their rate says when a request starts")
        refuse_both(values, "users", "max_vus", "N users are all there are")
        return Load(
            "ramping-arrival-rate",
            stages=stages,
            iterations=iterations,
            users=values.one("users", read_amount),
            ramp_ns=values.one("ramp", parse_duration) or 0,
            max_vus=values.one("max_vus", read_amount),
            arrival=values.one("arrival", one_of("uniform", "poisson")) or "uniform",
            late=values.one("late", one_of("late", "drop")) or "late",
        )
    for flag in ("arrival", "late", "max_vus"):
        refuse_without_rate(values, flag)
    refuse_both(values, "users", "stage", "the stages say how many; begin with --stage 0s:100")
    refuse_both(values, "ramp", "stage", "the stages are the ramp")
    think = values.one("think", read_think)
    return Load("ramping-vus", stages=stages, think=think, iterations=iterations)


def hold_ns(values: Values, assumed: list[str]) -> int | None:
    """The duration; none is needed where the number of requests ends the run."""
    given = values.one("duration", read_time)
    if given is not None or values.has("requests"):
        return given
    assumed.append(format_duration(DEFAULT_DURATION_NS))
    return DEFAULT_DURATION_NS


def rate_flag(values: Values) -> str:
    """Which of the two rate flags was given."""
    return "rate" if values.has("rate") else "request_rate"


def refuse_both(values: Values, one: str, other: str, why: str) -> None:
    """ConfigError when both were given."""
    if values.has(one) and values.has(other):
        raise ConfigError(f"{values.noun(one)} and {values.noun(other)} exclude each other: {why}")


def refuse_without_rate(values: Values, flag: str) -> None:
    """ConfigError for a flag that means nothing without a rate."""
    if values.has(flag):
        raise ConfigError(f"{values.noun(flag)} needs a rate: add --rate 100 or --stage 30s:100/s")


def read_stage(text: str, noun: str) -> "tuple[Stage, bool]":
    """ "30s:100" users, "30s:100/s" starts per second: the stage, and whether it is a rate."""
    from velroload.plan.model import Stage

    lasting, colon, level = text.partition(":")
    if not colon:
        raise refusal(noun, text, "write TIME:USERS or TIME:RATE/s, such as 30s:100 or 30s:100/s")
    lasting_ns = parse_duration(lasting, f"{noun} {text!r}: time")
    if "/" in level:
        return Stage(lasting_ns, parse_rate(level, f"{noun} {text!r}: rate")), True
    return Stage(lasting_ns, Fraction(parse_count(level, f"{noun} {text!r}: users"))), False


def read_think(text: str, noun: str) -> "Think":
    """ "1s", "uniform 1s 3s", "exponential 200ms"."""
    from velroload.plan.steps import Think

    try:
        return Think.parse(text)
    except ConfigError:
        forms = "write 1s, 'uniform 1s 3s' (least, most) or 'exponential 200ms' (mean)"
        raise refusal(noun, text, forms) from None
