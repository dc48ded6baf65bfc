"""runner/events.py: each kind of event for real, against a reference target of our own."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from velroload.plan.mask import Mask
from velroload.plan.model import Plan, Request, Scenario
from velroload.plan.phase import Event, Phase
from velroload.runner import events as module
from velroload.runner.events import Timeline, due_of, places_of
from velroload.target.process import TargetProcess

MS = 10**6
S = 10**9
SECRET = "s3cret-canary"


@pytest.fixture(scope="module")
def target() -> Iterator[TargetProcess]:
    with TargetProcess().start(users=1) as process:
        yield process


def plan_of(url: str, *events: Event) -> Plan:
    one = Phase("one", 1, 0, 20 * S, rate_per_s=Fraction(1), events=events)
    return Plan("p", url, (Scenario("s", one.load, (Request("GET", "/"),)),), phases=(one,))


def carried_out(
    target: TargetProcess, *events: Event, stop_s: float | None = None, **more: Any
) -> list[dict[str, Any]]:
    """The marks of these events; everything is stopped after stop_s, else when all are over."""
    plan = plan_of(target.url, *events)
    marks: list[dict[str, Any]] = []
    called = more.get("called", ())

    async def run() -> None:
        line = Timeline(
            due_of(plan.phases),
            places_of(plan, (("127.0.0.1", target.port),), called),
            target.fault_token,
            Mask((SECRET,)),
            marks.append,
            said.append,
        )
        line.begin(time.monotonic_ns())
        if stop_s is None:
            await asyncio.wait(line._tasks)
        else:
            await asyncio.sleep(stop_s)
        await line.close()

    said: list[str] = []
    asyncio.run(run())
    assert len(said) == len(marks)
    assert SECRET not in repr(marks) + repr(said)
    assert all((mark["event"], mark["phase"]) == ("mark", "one") for mark in marks)
    assert [mark["at_ns"] for mark in marks] == sorted(mark["at_ns"] for mark in marks)
    return marks


def told(marks: list[dict[str, Any]]) -> list[tuple[str, str, str | None]]:
    return [(mark["name"], mark["what"], mark["detail"]) for mark in marks]


def test_requests(target: TargetProcess) -> None:
    def get(name: str, at_ms: int, url: str, **more: Any) -> Event:
        return Event(name, at_ms * MS, "http", method="GET", url=url, **more)

    marks = carried_out(
        target,
        get("good", 10, "/health"),
        get("whole", 200, target.url + "/health?x=1", headers=(("X-Request-ID", "a"),)),
        get("bad", 400, f"/nothing?key={SECRET}", body="{}"),
        get("other", 600, "http://127.0.0.1:9/x"),
        get("unchecked", 800, "http://127.0.0.2:9/x"),
        called=(("http://127.0.0.1:9", (("127.0.0.1", 9),)),),
    )
    found = told(marks)
    assert found[:2] == [("good", "begin", "HTTP 200"), ("whole", "begin", "HTTP 200")]
    assert found[2][:2] == ("bad", "failed")
    assert str(found[2][2]).startswith('HTTP 404: {"detail":"Not Found"')
    assert found[3:] == [
        ("other", "failed", "connection refused"),
        ("unchecked", "failed", "127.0.0.2 was not checked before the start"),
    ]
    assert marks[0]["at_ns"] >= 10 * MS


def faults(target: TargetProcess) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = target.truth()["faults"]
    return found


def test_a_fault_begins_and_ends(target: TargetProcess) -> None:
    before = len(faults(target))
    error = Event(
        "breakdown", 10 * MS, "fault", for_ns=300 * MS, fault="error",
        parameters=(("status", "503"), ("endpoint", "GET /health")),
    )  # fmt: skip
    marks = carried_out(target, error)
    assert told(marks) == [("breakdown", "begin", None), ("breakdown", "end", None)]
    assert marks[1]["at_ns"] - marks[0]["at_ns"] >= 300 * MS
    (fault,) = faults(target)[before:]
    assert (fault["fault"], fault["status"], fault["for"]) == ("error", "503", "300ms")
    assert fault["ended_ns"] is not None


def test_a_fault_for_good_ends_with_the_run(target: TargetProcess) -> None:
    marks = carried_out(target, Event("down", 10 * MS, "fault", fault="provider_down"), stop_s=0.5)
    assert told(marks) == [("down", "begin", None), ("down", "end", None)]
    assert faults(target)[-1]["ended_ns"] is not None


def test_a_fault_at_once_has_no_end(target: TargetProcess) -> None:
    flush = Event("flush", 10 * MS, "fault", fault="flush_cache", parameters=(("layer", "all"),))
    assert told(carried_out(target, flush)) == [("flush", "begin", None)]


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (Event("f", MS, "fault", fault="nonsense"), "HTTP 422: "),
        (Event("f", MS, "fault", fault="redis_down", parameters=(("token", SECRET),)),
         "HTTP 403: "),
    ],
)  # fmt: skip
def test_a_fault_that_is_refused(target: TargetProcess, event: Event, said: str) -> None:
    ((name, what, detail),) = told(carried_out(target, event))
    assert (name, what) == ("f", "failed")
    assert str(detail).startswith(said)


def command(*words: str, name: str = "c") -> Event:
    return Event(name, MS, "command", words=words)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("echo", "$HOME", SECRET), [("c", "begin", None), ("c", "end", "$HOME ***")]),
        (("true",), [("c", "begin", None), ("c", "end", None)]),
        (("false",), [("c", "begin", None), ("c", "failed", "exit 1")]),
        (("ls", "/no/such/place"), None),
        (("/no/such/command",),
         [("c", "failed", "/no/such/command: no such file or directory")]),
    ],
)  # fmt: skip
def test_commands(
    target: TargetProcess, words: tuple[str, ...], found: list[tuple[str, str, str | None]] | None
) -> None:
    marks = told(carried_out(target, command(*words)))
    if found is not None:
        assert marks == found
    else:
        assert marks[1][1] == "failed"
        assert str(marks[1][2]).startswith("exit 2: ")


def test_the_output_of_a_command_is_kept_short(target: TargetProcess) -> None:
    marks = carried_out(target, command("seq", "1", "100000"))
    detail = str(marks[1]["detail"])
    assert len(detail) <= 256


def test_a_command_has_a_limit_of_time(
    target: TargetProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMMAND_LIMIT_S", 0.2)
    marks = told(carried_out(target, command("sleep", "30")))
    assert marks == [("c", "begin", None), ("c", "failed", "it was still running after 0.2 s")]


def test_what_is_under_way_when_the_run_ends_is_ended(
    target: TargetProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLOSE_LIMIT_S", 0.1)
    marks = told(carried_out(target, command("sleep", "30"), stop_s=0.3))
    assert marks == [
        ("c", "begin", None), ("c", "failed", "it was under way when the run ended"),
    ]  # fmt: skip


def test_a_spike_is_said_at_its_instants(target: TargetProcess) -> None:
    spike = Event("spike", 100 * MS, "spike", for_ns=200 * MS, factor=Fraction(5, 2))
    marks = carried_out(target, spike)
    assert told(marks) == [("spike", "begin", "rate × 2.5"), ("spike", "end", None)]
    assert [mark["at_ns"] for mark in marks] == [100 * MS, 300 * MS]


def test_what_has_not_begun_when_the_run_ends_does_not_happen(target: TargetProcess) -> None:
    late = replace(command("true"), at_ns=15 * S)
    assert carried_out(target, late, stop_s=0.1) == []


def test_events_come_in_the_order_of_time_over_all_phases() -> None:
    plan = plan_of("http://h", command("true", name="b"), replace(command("true"), at_ns=0))
    two = replace(plan.phases[0], name="two", cool_down_ns=0)
    due = due_of((*plan.phases, two))
    assert [(each.phase, each.event.name, each.at_ns) for each in due] == [
        ("one", "c", 0), ("one", "b", MS), ("two", "c", 25 * S), ("two", "b", 25 * S + MS),
    ]  # fmt: skip
