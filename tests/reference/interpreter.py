"""A virtual user in plain Python: the plan's tree of steps walked as it is written, with the core's
stream of random numbers (splitmix64) drawn in the order in which the steps come."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import cos, exp, log, pi, sqrt

from tests.reference.data import Rows
from tests.reference.pacer import Random
from velroload.load.schedule import derive_seed
from velroload.plan.expression import compile_expression, text_of
from velroload.plan.flow import (
    Chance,
    Choice,
    End,
    Group,
    If,
    Once,
    Repeat,
    Set,
    Step,
    Steps,
    Take,
    While,
    mixed_by,
)
from velroload.plan.model import Plan, Request, Think
from velroload.plan.slots import SLOT
from velroload.plan.values import (
    Base64,
    Expression,
    Pick,
    RandomInt,
    RandomText,
    Sequence,
    Text,
    Uuid,
    Value,
)
from velroload.runner.rows import SHUFFLES

Answer = Callable[[Request, str, bytes], tuple[bool, dict[str, str]]]
"""(request, path, body) → whether it succeeded, and what was captured."""


class Ended(Exception):
    """The pass ends here."""


class Starved(Exception):
    """There is no row: the user ends."""


def rows_of(plan: Plan) -> dict[str, Rows]:
    """The data sets that the plan's scenario uses, as one worker hands their rows out."""
    used = [data for data in plan.data if data.name in plan.scenarios[0].data]
    return {
        data.name: Rows(
            len(data.rows), data.pick, data.at_end, derive_seed(plan.seed, SHUFFLES + number)
        )
        for number, data in enumerate(used)
    }


class Refused(Exception):
    """A request of a log-in failed."""


@dataclass
class Sent:
    """One request as the server should see it."""

    endpoint: str
    path: str
    body: bytes


@dataclass
class User:
    """One user of a worker that has all of them. `sequences` and `rows` are shared by the users,
    `phase` is the number of the plan's phase that he is in."""

    plan: Plan
    number: int
    answer: Answer
    sequences: dict[int, int] = field(default_factory=dict)
    phase: int = 0
    rows: dict[str, Rows] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = Random(Random((self.plan.seed + self.number) % 2**64).u64())
        self.slots = {"user": str(self.number)}
        self.sent: list[Sent] = []
        self.done: set[int] = set()
        self.groups: list[str] = []
        self.session = self.plan.scenarios[0].session
        self.logged_in, self.in_login = self.session is None, False
        self.think_ns = 0.0
        self.started = 0
        self.taken: set[str] = set()
        self.rows = self.rows or rows_of(self.plan)

    def iterate(self, times: int) -> "User":
        """So many passes through the flow."""
        for number in range(times):
            self.slots["iteration"] = str(number)
            if not self.logged_in:
                self.log_in()
            try:
                self.begin()
                self.started += 1
                self.all(self.plan.scenarios[0].flow)
            except Ended:
                continue
            except Starved:
                break
        return self

    def log_in(self) -> bool:
        """The session's steps until they go through; whether they did at once."""
        at_once = self.logs_in()
        while not at_once and not self.logs_in():
            continue
        self.logged_in = True
        assert self.session is not None
        if self.session.life_slot is not None:
            self.random.double()  # when the token is to be renewed
        return at_once

    def logs_in(self) -> bool:
        assert self.session is not None
        self.in_login = True
        try:
            self.all(self.session.steps)
        except Refused:
            return False
        finally:
            self.in_login = False
        return True

    def begin(self) -> None:
        """A row for each pass, or one for all of them."""
        for data in self.plan.data:
            again = data.per == "iteration" or data.name not in self.taken
            if data.name in self.rows and again:
                self.take(data.name)

    def take(self, name: str) -> None:
        """Go on to the next row of a data set."""
        data = next(data for data in self.plan.data if data.name == name)
        row = self.rows[name].take(self.number, self.random)
        if row is None:
            raise Starved
        self.taken.add(name)
        for column, text in zip(data.columns, data.rows[row], strict=True):
            self.slots[f"{name}.{column}"] = text

    def all(self, steps: Steps) -> None:
        for step in steps:
            self.step(step)

    def mixed(self, step: Step) -> None:
        """A step of the mix: by its phase's probability, else by its own."""
        steps = step.steps if isinstance(step, Chance) else (step,)
        endpoint = steps[-1].endpoint if isinstance(steps[-1], Request) else ""
        own = step.probability if isinstance(step, Chance) else 1
        if self.random.double() < float(dict(self.plan.phases[self.phase].mix).get(endpoint, own)):
            for each in steps[:-1]:
                self.step(each)
            assert isinstance(steps[-1], Request)
            self.request(steps[-1])

    def step(self, step: Step) -> None:
        named = {name for phase in self.plan.phases for name, _ in phase.mix}
        if mixed_by(step, named) is not None:
            self.mixed(step)
            return
        match step:
            case Request():
                self.request(step)
            case Think():
                self.think_ns += self.pause(step)
            case Set(slot=slot, value=value):
                self.slots[slot] = self.value(value)
            case Chance(probability=probability, steps=steps):
                if self.random.double() < float(probability):
                    self.all(steps)
            case Choice():
                self.all(self.branch(step))
            case If(condition=condition, then=then, otherwise=otherwise):
                self.all(then if self.holds(condition) else otherwise)
            case Repeat(times=times, steps=steps):
                for _ in range(times):
                    self.all(steps)
            case While():
                for _ in self.rounds(step):
                    self.all(step.steps)
            case Group(name=name, steps=steps):
                self.all(steps)
                self.groups.append(name)
            case Once(steps=steps):
                if id(step) not in self.done:
                    self.done.add(id(step))
                    self.all(steps)
            case Take(data=data):
                self.take(data)
            case End():
                raise Ended

    def rounds(self, step: While) -> Iterator[int]:
        for number in range(step.limit):
            if not self.holds(step.condition):
                return
            yield number

    def branch(self, choice: Choice) -> Steps:
        left = sum(weight for weight, _ in choice.branches)
        for weight, steps in choice.branches[:-1]:
            if self.random.double() < (float(weight / left) if left else 0.0):
                return steps
            left -= weight
        return choice.branches[-1][1]

    def filled(self, text: str) -> str:
        return SLOT.sub(lambda found: self.slots.get(found[1], ""), text)

    def request(self, request: Request, *, again: bool = False) -> None:
        path = self.filled(request.path)
        body = b""
        if request.body is not None:
            assert isinstance(request.body, bytes)
            body = self.filled(request.body.decode()).encode()
        self.sent.append(Sent(request.endpoint, path, body))
        good, captured = self.answer(request, path, body)
        self.slots.update(captured)
        if good:
            return
        if self.in_login:
            raise Refused
        renew = None if self.session is None else self.session.renew
        if renew is not None and renew.on_401 and not again and captured.get("status") == "401":
            if not self.log_in():
                raise Ended
            self.request(request, again=True)
        elif request.on_error != "continue":
            self.logged_in = self.logged_in and request.on_error != "login"
            raise Ended

    def evaluate(self, expression: Expression) -> str | int | float | bool | None:
        return compile_expression(expression.source, dict(expression.constants))(dict(self.slots))

    def holds(self, expression: Expression) -> bool:
        try:
            return bool(self.evaluate(expression))
        except ValueError:
            return False

    def value(self, value: Value) -> str:
        match value:
            case Uuid():
                return self.uuid()
            case Sequence(first=first):
                number = self.sequences.get(id(value), 0)
                self.sequences[id(value)] = number + 1
                return str(first + number)
            case RandomInt(low=low, high=high):
                return str(low + self.random.below(high - low + 1))
            case RandomText(length=length, alphabet=alphabet):
                return "".join(alphabet[self.random.below(len(alphabet))] for _ in range(length))
            case Pick():
                return self.pick(value)
            case Text(source=source):
                return self.filled(source)
            case Base64(source=source):
                return base64.b64encode(self.filled(source).encode()).decode()
            case Expression():
                try:
                    return text_of(self.evaluate(value))
                except ValueError:
                    return ""
        raise AssertionError("the wall clock cannot be told beforehand")

    def uuid(self) -> str:
        high, low = self.random.u64(), self.random.u64()
        high = high & ~0xF000 | 0x4000
        low = low & ~(3 << 62) | 1 << 63
        text = f"{high:016x}{low:016x}"
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

    def pick(self, pick: Pick) -> str:
        n = len(pick.options)
        if pick.how == "uniform":
            return pick.options[self.random.below(n)]
        weights = [1.0 / (rank + 1) ** pick.exponent for rank in range(n)]
        if pick.how == "hot":
            hot, traffic = pick.hot_count, float(pick.hot_traffic)
            weights = [traffic / hot if i < hot else (1 - traffic) / (n - hot) for i in range(n)]
        at, total = self.random.double() * sum(weights), 0.0
        for option, weight in zip(pick.options, weights, strict=True):
            total += weight
            if total > at:
                return option
        return pick.options[-1]

    def normal(self) -> float:
        """Box and Muller (1958)."""
        radius = sqrt(-2.0 * log(1.0 - self.random.double()))
        return radius * cos(2 * pi * self.random.double())

    def pause(self, think: Think) -> float:
        a, b = (*think.parameters_ns, 0)[:2]
        match think.distribution:
            case "uniform":
                return a + self.random.double() * (b - a)
            case "exponential":
                return -a * log(1.0 - self.random.double())
            case "normal":
                return max(a + b * self.normal(), 0.0)
            case "lognormal":
                return a * exp(float(think.sigma) * self.normal())
        return a
