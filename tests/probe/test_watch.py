"""The watch: a turn a second, sources that fail, hang, are slow or come back."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from velroload.probe import watch as module
from velroload.probe.source import Figure, MissingError, Reading
from velroload.probe.watch import Watch, changes, reason

MS = 1_000_000


class Fake:
    """A source whose readings are a function of how often it was asked."""

    def __init__(
        self,
        name: str,
        answer: Callable[[int], Awaitable[Reading]],
        timeout_ns: int = 10**9,
        roles: dict[str, str] | None = None,
    ) -> None:
        self.name, self.kind = name, "json"
        self.figures: dict[str, Figure] = {}
        self.timeout_ns = timeout_ns
        self.roles = roles or {}
        self.asked = self.closed = 0
        self._answer = answer

    async def read(self) -> Reading:
        self.asked += 1
        return await self._answer(self.asked)

    async def close(self) -> None:
        self.closed += 1


def told(*readings: Reading | Exception) -> Callable[[int], Awaitable[Reading]]:
    """One after the other, the last for ever."""

    async def answer(asked: int) -> Reading:
        found = readings[min(asked, len(readings)) - 1]
        if isinstance(found, Exception):
            raise found
        return found

    return answer


async def hang(asked: int) -> Reading:
    await asyncio.Event().wait()
    raise AssertionError


def of(value: float, **absent: str) -> Reading:
    return Reading({"v": value}, absent)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second takes 30 ms."""
    monkeypatch.setattr(module, "SECOND_NS", 30 * MS)
    monkeypatch.setattr(module, "GATHER_S", 0.01)
    monkeypatch.setattr(module, "EDGE_S", 0.05)


class Book:
    """Runs a watch until a number of turns, and keeps what it writes down."""

    def __init__(self, *sources: Fake) -> None:
        self.rows: list[dict[str, Any]] = []
        self.marks: list[dict[str, Any]] = []
        self.epoch_s = 0.0
        self.watch = Watch(list(sources), self.rows.append, self.marks.append)

    def run(self, until: Callable[[], bool], *, at_once: bool = False) -> "Book":
        async def run() -> None:
            await self.watch.begin()
            self.epoch_s = time.monotonic()
            self.watch.go(round(self.epoch_s * 1e9))
            stop_s = time.monotonic() + 20
            while not until():
                assert time.monotonic() < stop_s, "never happened"
                await asyncio.sleep(0.002)
            await self.watch.end(at_once=at_once)
            assert len(asyncio.all_tasks()) == 1, "a task is left"

        asyncio.run(run())
        return self

    def values(self, name: str) -> list[float]:
        return [row["values"][name] for row in self.rows if name in row["values"]]

    def said(self) -> list[tuple[str, str, str | None]]:
        return [(mark["name"], mark["what"], mark["detail"]) for mark in self.marks]


def test_before_during_and_after_the_run() -> None:
    one, two = Fake("a", told(of(1), of(2))), Fake("b", told(of(5)))
    book = Book(one, two).run(lambda: one.asked >= 3)
    assert book.rows[0]["values"] == {"a.v": 1, "b.v": 5}
    assert book.rows[0]["time_s"] < 0 < book.rows[1]["time_s"]
    times = [row["time_s"] for row in book.rows]
    assert times == sorted(times)
    assert len(book.values("a.v")) == one.asked
    assert (one.closed, two.closed, book.marks) == (1, 1, [])


def test_at_once_asks_nobody_any_more() -> None:
    one = Fake("a", told(of(1)))
    book = Book(one).run(lambda: one.asked >= 2, at_once=True)
    assert len(book.values("a.v")) == one.asked


def test_one_that_hangs_is_missing_and_holds_nobody_up() -> None:
    stuck = Fake("stuck", hang, timeout_ns=20 * MS)
    well = Fake("well", told(of(1)))
    book = Book(stuck, well).run(lambda: well.asked >= 5 and stuck.asked >= 3)
    assert book.said() == [("stuck", "missing", "no answer within 0.02 s")]
    assert book.values("stuck.v") == []
    assert len(book.values("well.v")) == well.asked


def test_one_that_outlasts_its_turn_is_not_asked_twice_at_once() -> None:
    stuck = Fake("stuck", hang, timeout_ns=10**9)
    well = Fake("well", told(of(1)))
    book = Book(stuck, well).run(lambda: well.asked >= 4)
    assert stuck.asked == 1
    assert book.marks == []
    assert stuck.closed == 1


def test_a_slow_answer_has_a_record_of_its_own() -> None:
    async def slow(asked: int) -> Reading:
        await asyncio.sleep(0.02)
        return of(asked)

    late, well = Fake("late", slow), Fake("well", told(of(1)))
    book = Book(late, well).run(lambda: late.asked >= 4)
    assert {"late.v": 3} in [row["values"] for row in book.rows]
    assert book.marks == []


def test_an_answer_that_comes_in_a_later_turn_has_its_own_time() -> None:
    """Not that of the turn: what it tells lies between its question and its answer. It is asked in
    odd turns, and answers when the next one has begun."""
    spans: list[tuple[float, float]] = []
    next_turn, answered = asyncio.Event(), asyncio.Event()

    async def slow(asked: int) -> Reading:
        began_s = time.monotonic()
        await next_turn.wait()
        next_turn.clear()
        spans.append((began_s, time.monotonic()))
        answered.set()
        return of(asked)

    async def well(asked: int) -> Reading:
        if asked % 2 == 0:
            next_turn.set()
            await answered.wait()
            answered.clear()
        return of(asked)

    book = Book(Fake("late", slow), Fake("well", well)).run(lambda: len(spans) >= 4)
    rows = [row for row in book.rows if row["time_s"] > 0 and "late.v" in row["values"]]
    assert len(rows) >= 3
    for row in rows:
        began_s, ended_s = spans[int(row["values"]["late.v"]) - 1]
        assert began_s <= book.epoch_s + row["time_s"] <= ended_s
        assert "well.v" not in row["values"]


def test_why_is_said_once_and_that_it_is_back() -> None:
    down = MissingError("it is gone")
    flaky = Fake("a", told(down, ConnectionRefusedError(111, "Connection refused"), of(3), down))
    book = Book(flaky).run(lambda: flaky.asked >= 6)
    assert book.said() == [
        ("a", "missing", "it is gone"), ("a", "back", None), ("a", "missing", "it is gone"),
    ]  # fmt: skip
    first = book.marks[0]
    assert first["at_ns"] < 0
    assert (first["event"], first["kind"]) == ("mark", "probe")
    assert book.values("a.v") == [3]


def test_a_value_that_is_not_told() -> None:
    half = Fake("a", told(of(1, w="nothing is there"), Reading({"v": 1, "w": 2})))
    book = Book(half).run(lambda: half.asked >= 3)
    assert book.said() == [("a.w", "missing", "nothing is there"), ("a.w", "back", None)]
    assert set(book.values("a.w")) == {2}


def test_an_error_of_ours_ends_nothing() -> None:
    broken = Fake("a", told(KeyError("oops")))
    book = Book(broken).run(lambda: broken.asked >= 3)
    assert book.said() == [("a", "missing", "KeyError: 'oops'")]


def test_breakers_become_marks() -> None:
    states = [Reading({"db": state}) for state in (0.0, 2.0, 2.0, 1.0, 0.0)]
    source = Fake("a", told(*states), roles={"breaker_database": "db"})
    book = Book(source).run(lambda: source.asked >= 5)
    assert book.said() == [
        ("database", "open", "closed → open"),
        ("database", "half-open", "open → half-open"),
        ("database", "closed", "half-open → closed"),
    ]
    assert {mark["kind"] for mark in book.marks} == {"breaker"}


def test_changes_of_breakers() -> None:
    states: dict[str, int] = {}
    roles = {"breaker_a": "x", "breaker_b": "y", "cpu_share": "x"}
    assert changes(roles, {"x": 0.0, "y": 2.0}, states) == [("b", None, 2)]
    assert changes(roles, {"x": 0.0}, states) == []
    assert changes(roles, {"x": 7.0, "y": 0.0}, states) == [("b", 2, 0)]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (TimeoutError(), "no answer within 1.5 s"),
        (MissingError("it is gone"), "it is gone"),
        (ConnectionResetError(104, "Connection reset by peer"), "connection reset by peer"),
        (ConnectionError(), "connectionerror"),
        (ValueError("a\nb"), "ValueError: a"),
    ],
)
def test_reasons(error: Exception, line: str) -> None:
    assert reason(error, 1_500 * MS) == line
