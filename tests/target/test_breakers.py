"""Breakers, on a clock that only the test moves."""

from dataclasses import replace

import pytest

from velroload.target.breakers import RULES, Breaker, Breakers, State
from velroload.target.counters import Counters
from velroload.target.failure import Failure, UnavailableError


class Bench:
    """One breaker and its clock."""

    def __init__(self, name: str) -> None:
        self.now_s = 1000.0
        self.changes: list[tuple[str, str]] = []
        self.counters = Counters()
        rule = next(rule for rule in RULES if rule.name == name)
        self.breaker = Breaker(rule, self.counters, lambda: self.now_s, self.changed)

    def state(self) -> State:
        return self.breaker.state

    def changed(self, name: str, before: State, after: State) -> None:
        assert name == self.breaker.rule.name
        self.changes.append((before.name, after.name))

    def fail(self, part: str | None = None) -> None:
        with pytest.raises(UnavailableError, match=r"^gone$"), self.breaker.guard():
            raise UnavailableError(part or self.breaker.rule.name, "gone")

    def succeed(self) -> None:
        with self.breaker.guard():
            pass

    def refused(self) -> UnavailableError:
        with pytest.raises(UnavailableError) as caught, self.breaker.guard():
            raise AssertionError("admitted")
        return caught.value


def test_the_rules_are_the_documented_ones() -> None:
    assert {rule.name: rule.failed_share for rule in RULES if not rule.failed_in_a_row} == {
        "token": 0.3,
        "database": 0.5,
        "redis": 0.5,
    }
    assert all(20 <= rule.recovery_s <= 60 and rule.successes in (2, 3) for rule in RULES)


def test_ten_calls_and_half_of_them_failed() -> None:
    bench = Bench("database")
    for _ in range(9):
        bench.fail()
    assert bench.state() is State.CLOSED
    bench.fail()
    assert bench.state() is State.OPEN
    refused = bench.refused()
    assert str(refused) == "database: circuit breaker is open"
    assert (refused.status, refused.headers) == (503, {"Retry-After": "30"})


def test_less_than_its_share_does_not_open_it() -> None:
    bench = Bench("token")
    for _ in range(8):
        bench.succeed()
    for _ in range(3):
        bench.fail("whatever part")
    assert bench.state() is State.CLOSED  # 3 of 11
    bench.fail()
    assert bench.state() is State.OPEN  # 4 of 12


def test_failures_of_a_minute_ago_are_forgotten() -> None:
    bench = Bench("database")
    for _ in range(9):
        bench.fail()
    bench.now_s += 61
    bench.fail()
    assert bench.state() is State.CLOSED


def test_half_open_admits_one_at_a_time_and_closes_after_successes() -> None:
    bench = Bench("redis")
    bench.breaker.trip()
    bench.now_s += 19.9
    bench.refused()
    bench.now_s += 0.1
    with bench.breaker.guard():
        bench.refused()
    assert bench.state() is State.HALF_OPEN
    bench.succeed()
    assert bench.state() is State.CLOSED
    assert bench.changes == [("CLOSED", "OPEN"), ("OPEN", "HALF_OPEN"), ("HALF_OPEN", "CLOSED")]


def test_a_probe_that_fails_opens_it_again() -> None:
    bench = Bench("redis")
    bench.breaker.trip()
    bench.now_s += 20
    bench.fail()
    assert bench.state() is State.OPEN
    bench.refused()


def test_a_probe_that_is_given_up_makes_room_for_another() -> None:
    bench = Bench("redis")
    bench.breaker.trip()
    bench.now_s += 20
    with pytest.raises(KeyboardInterrupt), bench.breaker.guard():
        raise KeyboardInterrupt
    bench.succeed()


def test_a_call_from_before_the_change_does_not_count() -> None:
    bench = Bench("redis")
    with bench.breaker.guard():
        bench.breaker.trip()
        bench.now_s += 20
        bench.succeed()  # half open now, one success
    assert bench.state() is State.HALF_OPEN


def test_five_in_a_row_open_the_generation_breaker() -> None:
    bench = Bench("generation")
    for _ in range(4):
        bench.fail()
    bench.succeed()
    for _ in range(4):
        bench.fail()
    assert bench.state() is State.CLOSED
    bench.fail()
    assert bench.state() is State.OPEN


def test_other_parts_and_answers_are_no_failures() -> None:
    bench = Bench("generation")
    for _ in range(6):
        bench.fail("database")
        with pytest.raises(Failure), bench.breaker.guard():
            raise Failure(402, "Insufficient credits")
    assert bench.state() is State.CLOSED


def test_what_the_page_says() -> None:
    counters = Counters(2)
    breakers = Breakers(counters, recovery_s=1.5)
    breakers["redis"].trip()
    told = breakers.as_json()
    assert list(told) == ["token", "database", "redis", "generation"]
    assert told["token"] == {
        "state": "closed", "states": ["closed", "closed"], "failures": 0, "rejected": 0,
        "opened_at": None, "failure_threshold": 0.3, "recovery_s": 1.5, "successes_to_close": 3,
    }  # fmt: skip
    assert (told["redis"]["state"], told["redis"]["states"]) == ("open", ["open", "closed"])
    assert told["redis"]["opened_at"] > 1e9
    assert told["generation"]["failure_threshold"] == 5
    assert replace(RULES[0], recovery_s=1.5) == breakers["token"].rule
