"""Circuit breakers: a part that fails is left alone for a while, then tried with one call."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from velroload.target.counters import Counters
from velroload.target.failure import UnavailableError

WINDOW_S = 60.0
SLICE_S = 5.0
"""The window moves in slices, so that a call costs no walk over the calls before it."""
CALLS_LEAST = 10


class State(IntEnum):
    """As /metrics tells it."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


@dataclass(frozen=True, slots=True)
class Rule:
    """When a breaker opens and closes.

    It opens when `failed_share` of at least ten calls in 60 s failed, or after `failed_in_a_row`
    (when that is not 0); it tries again after `recovery_s` and closes after `successes`. A call
    failed when the part `name` did not answer; with `any_part`, when any part did not.
    """

    name: str
    failed_share: float
    recovery_s: float
    successes: int
    failed_in_a_row: int = 0
    any_part: bool = False


RULES = (
    Rule("token", 0.3, 20.0, 3, any_part=True),
    Rule("database", 0.5, 30.0, 3),
    Rule("redis", 0.5, 20.0, 2),
    Rule("generation", 1.0, 30.0, 2, failed_in_a_row=5),
)


@dataclass(slots=True)
class Slice:
    """Calls of five seconds."""

    began_s: float
    calls: int = 0
    failed: int = 0


class Breaker:
    """One breaker of one worker; `clock` gives seconds that never go back.

    Wrap a call in `guard()`: it raises UnavailableError while the breaker is open, and counts an
    UnavailableError of its part as a failure, every other end as a success. `changed` is told each
    change of state.
    """

    def __init__(
        self,
        rule: Rule,
        counters: Counters,
        clock: Callable[[], float] = time.monotonic,
        changed: Callable[[str, State, State], None] = lambda name, before, after: None,
    ) -> None:
        self.rule = rule
        self.state = State.CLOSED
        self._counters = counters
        self._clock = clock
        self._changed = changed
        self._slices: deque[Slice] = deque()
        self._turn = 0  # grows with each change of state: calls admitted before it do not count
        self._in_a_row = 0
        self._successes = 0
        self._probing = False
        self._opened_s = 0.0
        name = rule.name
        self.state_place = counters.place(f"breaker {name} state")
        self.failures_place = counters.place(f"breaker {name} failures")
        self.opened_place = counters.place(f"breaker {name} opened ms")
        self.rejected_place = counters.place(f"breaker {name} rejected")

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Around one call of the guarded part."""
        turn = self._admit()
        try:
            yield
        except UnavailableError as error:
            self._end(turn, failed=self.rule.any_part or error.part == self.rule.name)
            raise
        except Exception:
            self._end(turn, failed=False)  # it answered, and that was no
            raise
        except BaseException:
            if turn == self._turn:
                self._probing = False  # given up from outside: it says nothing
            raise
        self._end(turn, failed=False)

    def trip(self) -> None:
        """Open it now, whatever was counted."""
        self._change(State.OPEN)

    def _admit(self) -> int:
        if self.state is State.OPEN:
            if self._clock() - self._opened_s < self.rule.recovery_s:
                self._reject()
            self._change(State.HALF_OPEN)
        if self.state is State.HALF_OPEN:
            if self._probing:
                self._reject()
            self._probing = True
        return self._turn

    def _reject(self) -> None:
        self._counters.mine[self.rejected_place] += 1
        left_s = self.rule.recovery_s - (self._clock() - self._opened_s)
        raise UnavailableError(
            self.rule.name,
            f"{self.rule.name}: circuit breaker is open",
            max(1, round(left_s + 0.5)),
        )

    def _end(self, turn: int, failed: bool) -> None:
        if turn != self._turn:
            return
        if self.state is State.HALF_OPEN:
            self._probing = False
            if failed:
                self._change(State.OPEN)
                return
            self._successes += 1
            if self._successes >= self.rule.successes:
                self._change(State.CLOSED)
            return
        now_slice = self._slice()
        now_slice.calls += 1
        if not failed:
            self._in_a_row = 0
            return
        now_slice.failed += 1
        self._in_a_row += 1
        self._counters.mine[self.failures_place] += 1
        if self._too_many():
            self._change(State.OPEN)

    def _slice(self) -> Slice:
        now_s = self._clock()
        if not self._slices or now_s - self._slices[-1].began_s >= SLICE_S:
            self._slices.append(Slice(now_s))
            while now_s - self._slices[0].began_s > WINDOW_S:
                self._slices.popleft()
        return self._slices[-1]

    def _too_many(self) -> bool:
        if self.rule.failed_in_a_row:
            return self._in_a_row >= self.rule.failed_in_a_row
        calls = sum(each.calls for each in self._slices)
        failed = sum(each.failed for each in self._slices)
        return calls >= CALLS_LEAST and failed >= self.rule.failed_share * calls

    def _change(self, state: State) -> None:
        before, self.state = self.state, state
        self._turn += 1
        self._in_a_row = self._successes = 0
        self._probing = False
        self._slices.clear()
        mine = self._counters.mine
        mine[self.state_place] = state
        if state is State.OPEN:
            self._opened_s = self._clock()
            mine[self.opened_place] = time.time_ns() // 1_000_000
        self._changed(self.rule.name, before, state)


class Breakers:
    """The four breakers of a worker, by name; `recovery_s` overrides the rules' own."""

    def __init__(
        self,
        counters: Counters,
        recovery_s: float | None = None,
        changed: Callable[[str, State, State], None] = lambda name, before, after: None,
    ) -> None:
        self._counters = counters
        rules = [replace(r, recovery_s=recovery_s) if recovery_s else r for r in RULES]
        self._all = {rule.name: Breaker(rule, counters, changed=changed) for rule in rules}

    def __getitem__(self, name: str) -> Breaker:
        return self._all[name]

    def as_json(self) -> dict[str, Any]:
        """The answer of /monitoring/circuit-breakers: of several workers the worst state."""
        return {name: self._tell(breaker) for name, breaker in self._all.items()}

    def _tell(self, breaker: Breaker) -> dict[str, Any]:
        counters, rule = self._counters, breaker.rule
        states = [State(state) for state in counters.each(breaker.state_place)]
        opened_ms = max(counters.each(breaker.opened_place))
        return {
            "state": max(states).name.lower(),
            "states": [state.name.lower() for state in states],
            "failures": counters.total(breaker.failures_place),
            "rejected": counters.total(breaker.rejected_place),
            "opened_at": opened_ms / 1000 if opened_ms else None,
            "failure_threshold": rule.failed_in_a_row or rule.failed_share,
            "recovery_s": rule.recovery_s,
            "successes_to_close": rule.successes,
        }
