"""core/pause.pxi: what we were late ourselves is generator lag, and never the target's wait."""

import socket
import threading
import time
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.core.balance import balanced
from tests.reference import pause as reference
from tests.reference.pause import Start, worked_off
from tests.rig import Rig, plan_for
from tests.servers.scripted import OK, OnCommand, ScriptedServer, read_request, respond
from velroload import _core
from velroload.plan.model import Load, Request
from velroload.sample import Kind

MILLISECOND_NS = 1_000_000
MOVED = b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"

SPANS = st.lists(st.integers(0, 400), max_size=80, unique=True).map(
    lambda ends: list(pairwise(sorted(ends)))[::2]
)
STARTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 30)), max_size=60).map(
    lambda rows: [Start(sum(gap for gap, _ in rows[: n + 1]), rows[n][1]) for n in range(len(rows))]
)


@given(st.lists(st.tuples(*[st.integers(0, 60)] * 3), max_size=40), STARTS)
def test_equals_its_twin(steps: list[tuple[int, int, int]], asked: list[Start]) -> None:
    core, twin = _core.Pauses(), reference.Pauses()
    now = 0
    for gap, length, behind in steps:
        since, until, oldest = now + gap - 5, now + gap + length, now - behind
        core.add(since, until, oldest)
        twin.add(since, until, oldest)
        now = until
        assert core.spans() == twin.spans()
    for start in asked:
        freed = start.due_ns + start.service_ns
        assert core.waited_until(start.due_ns, freed) == twin.waited_until(start.due_ns, freed)


@given(STARTS, SPANS)
def test_no_wait_is_longer_than_without_our_pauses(
    starts: list[Start], away: list[tuple[int, int]]
) -> None:
    """Any target, any number of pauses, at any time: what they add is generator lag."""
    found = worked_off(starts, away, _core.Pauses())
    ideal = worked_off(starts, [], _core.Pauses())
    assert all(lag == 0 for _, lag in ideal)
    assert all(wait <= ideally for (wait, _), (ideally, _) in zip(found, ideal, strict=True))


def test_a_second_pause_counts_though_the_first_is_not_worked_off() -> None:
    """The start due at 10 was held up by the pause to 12, and still waits after that to 140."""
    pauses = _core.Pauses()
    pauses.add(0, 12, 0)
    pauses.add(20, 140, 10)
    assert pauses.spans() == [(0, 12), (20, 140)]
    assert pauses.waited_until(10, 141) == 139  # by itself it knows the first pause only
    assert pauses.waited_until(15, 141) == 141
    assert pauses.waited_until(25, 21) == 25
    assert pauses.waited_until(25, 130) == 25
    assert pauses.waited_until(25, 141) == 26
    pauses.add(150, 160, 145)
    assert pauses.spans() == [(150, 160)]


def test_a_full_list_takes_the_gap_for_a_pause() -> None:
    pauses = _core.Pauses()
    for n in range(17):
        pauses.add(10 * n, 10 * n + 5, 0)
    assert len(pauses.spans()) == 16
    assert pauses.spans()[-1] == (150, 165)
    assert pauses.waited_until(157, 170) == 162


def waits_and_work(rig: Rig) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Per start in order: its wait, and how long the target had worked for those before it."""
    samples = np.sort(rig.samples, order="sent_ns")
    connect_ns = 1000 * samples["connect_us"].astype(np.int64)
    work_ns = samples["end_ns"] - samples["sent_ns"] + connect_ns
    return 1000 * samples["wait_us"].astype(np.int64), np.cumsum(work_ns) - work_ns


def test_starts_missed_in_pauses_of_ours_are_our_lag_not_the_targets_wait() -> None:
    """One user, a start every 5 ms. We come 12 ms late, and are away for 50 ms when the start
    of 10 ms still waits. Whatever he then works off, he waited for the target's work at most."""
    load = Load(
        "constant-arrival-rate", rate=Fraction(200), duration_ns=100 * MILLISECOND_NS, users=1
    )
    with ScriptedServer(command := OnCommand()) as server, command:
        rig = Rig(plan_for(server.url, load))
        rig.start(time.monotonic_ns() - 12 * MILLISECOND_NS)
        rig.turn_until("requests_sent", 1)
        command.answer()
        rig.turn_until("requests_sent", 2)
        command.answer()
        command.answered(2)
        threading.Event().wait(0.05)  # nobody polls: as if the process had been stopped
        command.answer_all()
        rig.turn_to_end()
    assert balanced(rig)["iterations_completed"] == len(rig.samples) == 20
    wait_ns, work_ns = waits_and_work(rig)
    assert (wait_ns <= work_ns).all()


@pytest.mark.parametrize("users", [1, 20])
def test_a_late_burst_on_one_connection_is_our_lag(users: int) -> None:
    """All starts came due before we looked once: to the user or connection that they then wait
    for, they would have come one by one."""
    load = Load(
        "constant-arrival-rate", rate=Fraction(200), duration_ns=100 * MILLISECOND_NS, users=users
    )
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, load, connections=1))
        rig.start(time.monotonic_ns() - 100 * MILLISECOND_NS)
        rig.turn_to_end()
        assert server.connections == 1
    assert balanced(rig)["iterations_completed"] == len(rig.samples) == 20
    wait_ns, work_ns = waits_and_work(rig)
    assert (wait_ns <= work_ns).all()


@pytest.mark.parametrize("redirects", [0, 1])
def test_a_slow_target_is_waited_for(redirects: int) -> None:
    """The other side of the rule: what the target holds back is its wait."""
    go = threading.Event()

    def script(connection: socket.socket, number: int) -> None:
        while request := read_request(connection):
            go.wait(20)
            connection.sendall(MOVED if redirects and b" /b " not in request else OK)

    load = Load(
        "constant-arrival-rate", rate=Fraction(200), duration_ns=30 * MILLISECOND_NS, users=1
    )
    with ScriptedServer(script) as server:
        rig = Rig(plan_for(server.url, load, (Request("GET", "/a", redirects=redirects),)))
        rig.start()
        while time.monotonic_ns() < rig.epoch_ns + 40 * MILLISECOND_NS:
            rig.turn(wait_ms=5)
        go.set()
        rig.turn_to_end()
    assert balanced(rig)["iterations_completed"] == 6
    samples = rig.samples[rig.samples["flags"] & 3 == Kind.REQUEST]
    first, second = np.sort(samples, order="scheduled_ns")[:2]
    assert first["end_ns"] >= 40 * MILLISECOND_NS
    free_ns = 1000 * int(first["connect_us"]) + first["end_ns"] - first["sent_ns"]  # but for us
    assert second["wait_us"] <= (free_ns - second["scheduled_ns"]) / 1000
    began_ns = max(first["sent_ns"], second["scheduled_ns"])  # a pause may have lasted till then
    assert second["wait_us"] >= (free_ns - began_ns) / 1000 - 1


def test_a_pause_of_ours_is_recorded() -> None:
    """The heartbeat that was due at the epoch comes 120 ms late."""
    with ScriptedServer(respond()) as server:
        load = Load(
            "constant-arrival-rate", rate=Fraction(100), duration_ns=200 * MILLISECOND_NS, users=5
        )
        rig = Rig(plan_for(server.url, load))
        rig.start(time.monotonic_ns() - 120 * MILLISECOND_NS)
        rig.turn_to_end()
    at_ns, length_ns = rig.reader.stalls()[0]  # a busy machine may add others
    assert at_ns == 0
    assert length_ns >= 120 * MILLISECOND_NS
    assert balanced(rig)["iterations_completed"] == 20
