"""The steps of a flow that are no requests: what is chosen, repeated, timed together, done once.

A flow is a tree of steps; protocol/program.py compiles it to a straight program with jumps.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Union

from velroload.errors import ConfigError
from velroload.plan.slots import check_name, check_room
from velroload.plan.steps import Request, Think
from velroload.plan.values import Expression, Value, slots_of

Step = Union[
    Request,
    Think,
    "Chance",
    "Choice",
    "Repeat",
    "While",
    "If",
    "Group",
    "Once",
    "Set",
    "Take",
    "End",
]
Steps = tuple[Step, ...]

TIMES_MAX = 1_000_000
DEPTH_MAX = 32
"""Steps inside steps; more is a mistake, and the core's stack of loops has an end."""


def _check_steps(noun: str, steps: "Steps") -> None:
    if not steps:
        raise ConfigError(f"{noun}: it has no step")


@dataclass(frozen=True, slots=True)
class Chance:
    """The steps happen with this probability, independent of everything else."""

    probability: Fraction
    steps: Steps

    def __post_init__(self) -> None:
        object.__setattr__(self, "probability", Fraction(self.probability))
        if not 0 <= self.probability <= 1:
            raise ConfigError(f"probability is {float(self.probability):g}: 0 to 1")
        _check_steps("probability", self.steps)


@dataclass(frozen=True, slots=True)
class Choice:
    """Exactly one branch happens, with a probability in proportion to its weight."""

    branches: tuple[tuple[Fraction, Steps], ...]

    def __post_init__(self) -> None:
        for weight, _ in self.branches:
            if weight < 0:
                raise ConfigError(f"weight is {float(weight):g}: 0 or more is needed")
        if not any(weight for weight, _ in self.branches):
            raise ConfigError("choose: no branch has a weight above 0")


@dataclass(frozen=True, slots=True)
class Repeat:
    """The steps, `times` times."""

    times: int
    steps: Steps

    def __post_init__(self) -> None:
        if not 1 <= self.times <= TIMES_MAX:
            raise ConfigError(f"repeat is {self.times}: 1 to {TIMES_MAX:,} are possible")
        _check_steps("repeat", self.steps)


@dataclass(frozen=True, slots=True)
class While:
    """The steps as long as the condition holds, at most `limit` times: no flow runs for ever.

    expect_times: how often on average, for expectations; None: not known.
    """

    condition: Expression
    steps: Steps
    limit: int = 100
    expect_times: Fraction | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= TIMES_MAX:
            raise ConfigError(f"limit is {self.limit}: 1 to {TIMES_MAX:,} are possible")
        if self.expect_times is not None and not 0 <= self.expect_times <= self.limit:
            raise ConfigError(f"expect_times is {float(self.expect_times):g}: 0 to {self.limit}")
        _check_steps("while", self.steps)


@dataclass(frozen=True, slots=True)
class If:
    """One of two ways, by a condition over slots.

    expect_share: how often it holds, for expectations; None: half the time is assumed.
    """

    condition: Expression
    then: Steps
    otherwise: Steps = ()
    expect_share: Fraction | None = None

    def __post_init__(self) -> None:
        if self.expect_share is not None and not 0 <= self.expect_share <= 1:
            raise ConfigError(f"expect_share is {float(self.expect_share):g}: 0 to 1")
        if not (self.then or self.otherwise):
            raise ConfigError("if: it has no step")


@dataclass(frozen=True, slots=True)
class Group:
    """A transaction: its steps are also timed as one, with and without the think time inside."""

    name: str
    steps: Steps

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("group: it needs a name")
        _check_steps(f"group {self.name!r}", self.steps)


@dataclass(frozen=True, slots=True)
class Once:
    """The steps happen in a virtual user's first pass only; no expectation counts them."""

    steps: Steps

    def __post_init__(self) -> None:
        _check_steps("once", self.steps)


@dataclass(frozen=True, slots=True)
class Set:
    """Fill a slot of the user's. max_length: its room in bytes, where what fills it cannot tell."""

    slot: str
    value: Value
    max_length: int | None = None

    def __post_init__(self) -> None:
        check_name("set", self.slot)
        check_room(f"set {self.slot}", self.max_length)


@dataclass(frozen=True, slots=True)
class Take:
    """Go to the next row of a data set; its columns are then ${data.column}."""

    data: str


@dataclass(frozen=True, slots=True)
class End:
    """End the iteration here; what is left of it is counted as unstarted."""


def children(step: Step) -> tuple[Steps, ...]:
    """The lists of steps inside a step, in the order in which they may happen."""
    match step:
        case Chance() | Repeat() | While() | Group() | Once():
            return (step.steps,)
        case If():
            return step.then, step.otherwise
        case Choice():
            return tuple(steps for _, steps in step.branches)
        case _:
            return ()


def walk(steps: Steps) -> Iterator[Step]:
    """Every step of the tree, each before those inside it."""
    for step in steps:
        yield step
        for inside in children(step):
            yield from walk(inside)


def requests_in(steps: Steps) -> tuple[Request, ...]:
    """Every request of the tree, in order."""
    return tuple(step for step in walk(steps) if isinstance(step, Request))


def reads(step: Step) -> tuple[str, ...]:
    """Slots that must be known before a step (those inside it come by themselves)."""
    match step:
        case Request():
            return (*step.slots, *step.checked_slots)
        case While() | If():
            return step.condition.slots
        case Set():
            return slots_of(step.value)
        case _:
            return ()


def fills(step: Step) -> tuple[str, ...]:
    """Slots that a step itself fills."""
    match step:
        case Request():
            return tuple(capture.slot for capture in step.captures)
        case Set():
            return (step.slot,)
        case _:
            return ()


def depth(steps: Steps) -> int:
    """How deep steps stand inside steps; 1 when none does."""
    inner = (depth(inside) for step in steps for inside in children(step) if inside)
    return 1 + max(inner, default=0)


def unknown_slots(steps: Steps, known: set[str]) -> Iterator[tuple[Step, str]]:
    """(step, slot) for each slot that no step before it can have filled; `known` grows.

    A branch that fills a slot makes it known: it is empty when another way was gone. Columns of
    data sets (names with a dot) are the plan's matter.
    """
    for step in walk(steps):
        for name in dict.fromkeys(reads(step)):
            if name not in known and "." not in name:
                yield step, name
        known.update(fills(step))


class Unpredictable(ConfigError):
    """An expectation was asked for that nobody can know."""


Measure = Callable[[Step], Fraction]


def expected(steps: Steps, measure: Measure) -> Fraction:
    """The expectation of a sum of measure(step) over one pass, when no request fails.

    A condition counts as its expect_share says (half without one); Once counts nothing.
    Unpredictable when a While has no expect_times, or may end the pass.
    """
    return _expected(steps, measure)[0]


def _expected(steps: Steps, measure: Measure) -> tuple[Fraction, Fraction]:
    """(expectation, probability that the pass goes on after these steps)."""
    total, going = Fraction(0), Fraction(1)
    for step in steps:
        amount, on = _expected_of(step, measure)
        total += going * amount
        going *= on
    return total, going


def _expected_of(step: Step, measure: Measure) -> tuple[Fraction, Fraction]:
    one, none = Fraction(1), Fraction(0)
    match step:
        case End():
            return none, none
        case Once():
            return none, one
        case Chance():
            return _mixed_ways([(step.probability, step.steps)], measure)
        case Choice():
            whole = sum((weight for weight, _ in step.branches), none)
            ways = [(weight / whole, inside) for weight, inside in step.branches]
            return _mixed_ways(ways, measure)
        case If():
            share = Fraction(1, 2) if step.expect_share is None else step.expect_share
            return _mixed_ways([(share, step.then), (1 - share, step.otherwise)], measure)
        case Repeat():
            amount, on = _expected(step.steps, measure)
            passes = Fraction(step.times) if on == 1 else (1 - on**step.times) / (1 - on)
            return amount * passes, on**step.times
        case While():
            amount, on = _expected(step.steps, measure)
            if step.expect_times is None and amount == 0 and on == 1:
                return none, one
            if step.expect_times is None or on != 1:
                raise Unpredictable(
                    f"while {step.condition.source!r}: how often it goes round is not known; "
                    + ("add expect_times" if on == 1 else "it must not end the iteration")
                )
            return amount * step.expect_times, one
        case Group():
            return _expected(step.steps, measure)
        case _:
            return measure(step), one


def _mixed_ways(ways: list[tuple[Fraction, Steps]], measure: Measure) -> tuple[Fraction, Fraction]:
    """Of several ways, of which one or none is gone."""
    total, stops = Fraction(0), Fraction(0)
    for probability, steps in ways:
        amount, on = _expected(steps, measure)
        total += probability * amount
        stops += probability * (1 - on)
    return total, 1 - stops


def most(steps: Steps, measure: Callable[[Step], int]) -> int:
    """The largest sum of measure(step) in one pass, Once included, however chance decides."""
    total = 0
    for step in steps:
        inside = [most(each, measure) for each in children(step)]
        times = 1
        if isinstance(step, Repeat):
            times = step.times
        elif isinstance(step, While):
            times = step.limit
        total += measure(step) + times * max(inside, default=0)
    return total


def changed(steps: Steps, change: Callable[[Request], Request]) -> Steps:
    """The same flow, each request changed."""
    return tuple(_changed(step, change) for step in steps)


def _changed(step: Step, change: Callable[[Request], Request]) -> Step:
    match step:
        case Request():
            return change(step)
        case Chance() | Repeat() | While() | Group() | Once():
            return replace(step, steps=changed(step.steps, change))
        case If():
            return replace(
                step, then=changed(step.then, change), otherwise=changed(step.otherwise, change)
            )
        case Choice():
            return Choice(tuple((weight, changed(each, change)) for weight, each in step.branches))
        case _:
            return step


def with_mix(steps: Steps, mix: dict[str, Fraction]) -> Steps:
    """The same flow, each request whose endpoint is in `mix` with that probability instead."""
    return tuple(_with_mix(step, mix) for step in steps)


def _with_mix(step: Step, mix: dict[str, Fraction]) -> Step:
    endpoint = mixed_by(step, mix)
    if endpoint is not None:
        return Chance(mix[endpoint], step.steps if isinstance(step, Chance) else (step,))
    match step:
        case Chance() | Repeat() | While() | Group() | Once():
            return replace(step, steps=with_mix(step.steps, mix))
        case If():
            then, otherwise = with_mix(step.then, mix), with_mix(step.otherwise, mix)
            return replace(step, then=then, otherwise=otherwise)
        case Choice():
            return Choice(tuple((weight, with_mix(each, mix)) for weight, each in step.branches))
        case _:
            return step


def mixed_by(step: Step, endpoints: Collection[str]) -> str | None:
    """The endpoint of a mix by which this step happens: it is its request, alone or with a
    probability of its own and what is set for it; None for any other step."""
    match step:
        case Request(endpoint=endpoint):
            return endpoint if endpoint in endpoints else None
        case Chance(steps=(*before, Request(endpoint=endpoint))) if endpoint in endpoints:
            return endpoint if all(isinstance(each, Set) for each in before) else None
    return None
