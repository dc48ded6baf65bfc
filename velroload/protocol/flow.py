"""A flow's tree of steps, compiled to a row with jumps: core/flow.pxi executes it.

The books are kept by the numbers that stand in the steps: how many requests a jump passes over, and
how many a loop plans when it goes round again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from velroload.errors import ConfigError
from velroload.plan.expression import names_of
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
    reads,
    walk,
)
from velroload.plan.model import Scenario
from velroload.plan.slots import BUILT_IN_SLOTS, references
from velroload.plan.steps import Request, Think
from velroload.plan.values import Expression
from velroload.protocol.layout import (
    AGAIN,
    CHANCE,
    END,
    GROUP,
    GROUP_END,
    JUMP,
    LOOP,
    ONCE,
    ONCE_MAX,
    REQUEST,
    SET,
    TAKE,
    TEST,
    TEST_COMPUTED,
    TEST_SLOT,
    THINK,
    THINKS,
)
from velroload.protocol.writer import Row, Writer

ITERATION = BUILT_IN_SLOTS[1]


@dataclass
class Flow:
    """Compiles the sections of one scenario."""

    writer: Writer
    scenario: Scenario
    setup: bool = False
    loops: int = 0
    groups: int = 0
    onces: int = 0
    deepest: tuple[int, int] = (0, 0)

    def section(self, steps: Steps, *, setup: bool) -> tuple[int, int]:
        """(first, count) of the steps written. A section may interrupt another, whose loops and
        groups it must not touch: it counts on from the deepest of those before it."""
        self.setup = setup
        self.loops, self.groups = self.deepest
        first = len(self.writer.steps)
        if steps and self._uses_iteration(steps):
            self._emit(SET, capture_first=self.writer.fills.iteration(ITERATION))
        self._all(steps)
        return first, len(self.writer.steps) - first

    def think(self, think: Think) -> int:
        """The number of a pause's step."""
        a, b = (*map(float, think.parameters_ns), float(think.sigma))[:2]
        self._emit(THINK, think=THINKS[think.distribution], think_a=a, think_b=b)
        return len(self.writer.steps) - 1

    def _uses_iteration(self, steps: Steps) -> bool:
        session = self.scenario.session
        own = self.writer.plan.headers + (session.headers if session is not None else ())
        headers = (slot for _, value in own for slot in references(value))
        return ITERATION in headers or any(ITERATION in reads(step) for step in walk(steps))

    def _emit(self, op: int, **fields: float) -> Row:
        row: Row = {"op": op, **fields}
        self.writer.steps.append(row)
        return row

    def _all(self, steps: Steps) -> None:
        for step in steps:
            self._step(step)

    def _step(self, step: Step) -> None:
        match step:
            case Request() if self._mixed(step):
                self._mix(Fraction(1), (step,))
            case Request():
                self.writer.request(self.scenario, step, self.setup)
            case Think():
                self.think(step)
            case Set():
                fill = self.writer.fills.value(step.slot, step.value, step.max_length)
                self._emit(SET, capture_first=fill)
            case Take(data=data):
                self._emit(TAKE, capture_first=self.writer.tables.number_to_take(data))
            case Chance(probability=probability, steps=steps) if self._mixed(step):
                self._mix(probability, steps)
            case Chance(probability=probability, steps=steps):
                self._passing(CHANCE, lambda: self._all(steps), probability=float(probability))
            case Choice():
                self._choice(step)
            case If():
                self._if(step)
            case Repeat(times=times, steps=steps):
                self._loop(times, steps, None)
            case While(condition=condition, steps=steps, limit=limit):
                self._loop(limit, steps, condition)
            case Group():
                self._group(step)
            case Once(steps=steps):
                self._once(steps)
            case End():
                if self.setup:
                    raise ConfigError("end: a setup has no iteration that could end")
                self._emit(END)

    def _mixed(self, step: Step) -> bool:
        return not self.setup and mixed_by(step, self.writer.mixed) is not None

    def _mix(self, probability: Fraction, steps: Steps) -> None:
        """A chance that each phase has its own probability for; the last of the steps is what it
        is about, the others set slots for it."""
        *before, request = steps
        assert isinstance(request, Request)

        def inside() -> None:
            self._all(tuple(before))
            self.writer.request(self.scenario, request, self.setup)

        place = len(self.writer.mixes)
        self.writer.mixes.append((request.endpoint, probability))
        self._passing(
            CHANCE, inside, probability=float(probability), capture_first=place, capture_count=1
        )

    def _requests(self, first: int) -> int:
        """How many requests were written since."""
        return sum(row["op"] == REQUEST for row in self.writer.steps[first:])

    def _passing(self, op: int, inside: Callable[[], None], **fields: float) -> None:
        """A step that either goes on or jumps over what is inside."""
        row = self._emit(op, **fields)
        first = len(self.writer.steps)
        inside()
        row.update(part_first=len(self.writer.steps), part_count=self._requests(first))

    def _test(self, condition: Expression) -> dict[str, int]:
        """The fields of a test; a bare slot, which holds when it is not empty, needs no Python."""
        source = condition.source.strip()
        if condition.slots == (source,) and names_of(source) == (source,):
            return {"think": TEST_SLOT, "capture_first": self.writer.parts.slot(source)}
        rule = self.writer.fills.expression(condition, condition=True)
        return {"think": TEST_COMPUTED, "capture_first": rule}

    def _if(self, step: If) -> None:
        """TEST, then, JUMP over otherwise; the test's target is behind the jump."""
        jump: Row = {}

        def then() -> None:
            nonlocal jump
            self._all(step.then)
            if step.otherwise:
                jump = self._emit(JUMP)

        self._passing(TEST, then, **self._test(step.condition))
        first = len(self.writer.steps)
        self._all(step.otherwise)
        if step.otherwise:
            jump.update(part_first=len(self.writer.steps), part_count=self._requests(first))

    def _choice(self, step: Choice) -> None:
        """A chance per branch, given that none before it was taken; what is left is the last's."""
        left = sum((weight for weight, _ in step.branches), Fraction(0))
        jumps: list[tuple[Row, int]] = []
        for weight, steps in step.branches[:-1]:

            def taken(steps: Steps = steps) -> None:
                self._all(steps)
                jumps.append((self._emit(JUMP), len(self.writer.steps)))

            self._passing(CHANCE, taken, probability=float(weight / left) if left else 0.0)
            left -= weight
        self._all(step.branches[-1][1])
        for row, first in jumps:
            row.update(part_first=len(self.writer.steps), part_count=self._requests(first))

    def _loop(self, times: int, steps: Steps, condition: Expression | None) -> None:
        self._emit(LOOP, capture_first=self.loops, capture_count=times)
        self.loops += 1
        self._deepen()
        first = len(self.writer.steps)

        def body() -> None:
            self._all(steps)
            requests = self._requests(first)
            self._emit(AGAIN, capture_first=self.loops - 1, part_first=first, part_count=requests)

        if condition is None:
            body()
        else:
            self._passing(TEST, body, **self._test(condition))
        self.loops -= 1

    def _deepen(self) -> None:
        loops, groups = self.deepest
        self.deepest = max(loops, self.loops), max(groups, self.groups)

    def _group(self, group: Group) -> None:
        row = self.writer.endpoint(group.name, "group", self.scenario.name, None, self.setup)
        self._emit(GROUP, capture_first=self.groups)
        self.groups += 1
        self._deepen()
        self._all(group.steps)
        self.groups -= 1
        self._emit(GROUP_END, capture_first=self.groups, endpoint=row)

    def _once(self, steps: Steps) -> None:
        if self.onces == ONCE_MAX:
            raise ConfigError(f"once: a scenario can have {ONCE_MAX} of them")
        self.onces += 1
        self._passing(ONCE, lambda: self._all(steps), capture_first=self.onces - 1)
