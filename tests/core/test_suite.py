"""core/suite.pxi: phases of a suite in one engine: who stays, what starts, what is given up."""

import socket
import time
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.core.test_load import MILLISECOND_NS, ms, requests, users_of
from tests.reference.interpreter import User
from tests.rig import GET, Rig, plan_for
from tests.servers.scripted import OK, ScriptedServer, read_request, respond
from velroload.plan.flow import Chance, Repeat, Set
from velroload.plan.model import Capture, Load, Plan, Request, Scenario, Step, Think
from velroload.plan.phase import Phase
from velroload.plan.values import RandomInt
from velroload.protocol.layout import STEP

A = Request("GET", "/a", endpoint="a")
B = Request("GET", "/b", endpoint="b")


def phase(name: str, users: int, rate: int | None, **more: int) -> Phase:
    times: dict[str, Any] = {"ramp_ns": ms(20), "hold_ns": ms(60), "cool_down_ns": ms(60), **more}
    return Phase(name, users, rate_per_s=None if rate is None else Fraction(rate), **times)


def suite(url: str, *phases: Phase, flow: tuple[Step, ...] = (GET,), **more: Any) -> Plan:
    return replace(plan_for(url, phases[0].load, flow, **more), phases=phases)


def planned(rig: Rig) -> list[int]:
    """What was started or, where this machine stood still for too long, given up."""
    return [started + dropped for started, dropped in by_phase(rig)]


def by_phase(rig: Rig) -> list[tuple[int, int]]:
    return rig.reader.phases(len(rig.job.settings["phases"]))


def test_users_keep_their_number_and_connection_over_the_phases() -> None:
    phases = (phase("a", 3, 400), phase("b", 6, 400), phase("c", 4, 400))
    with ScriptedServer(respond()) as server:
        rig = Rig(suite(server.url, *phases)).run()
    assert rig.counters["connections_opened"] == 6
    assert rig.counters["vus_started"] == 6
    assert rig.counters["vus_active"] == 0
    rows = requests(rig)
    holds = [set(users_of(rows[rows["phase"] == row])) for row in (1, 4, 7)]
    assert holds == [set(range(3)), set(range(6)), set(range(4))]
    # ramps of 20 ms from 0, then 3 of 6 users on, then none to join: 4, 6 and 8 starts
    assert planned(rig) == [4, 24, 0, 6, 24, 0, 8, 24, 0]
    started = {row: count for row, (count, _) in enumerate(by_phase(rig)) if count}
    assert Counter(rows["phase"].tolist()) == started


def test_users_go_on_by_themselves_wait_for_starts_and_go_on_again() -> None:
    """A closed phase, an open one, a closed one; in the cool-downs nobody starts."""
    phases = (phase("a", 2, None), phase("b", 2, 200), phase("c", 2, None))
    with ScriptedServer(respond()) as server:
        rig = Rig(suite(server.url, *phases)).run()
    found = by_phase(rig)
    assert [started for started, _ in found][2::3] == [0, 0, 0]
    assert planned(rig)[4] == 12
    assert found[0][0] + found[1][0] > 0
    assert found[6][0] + found[7][0] > 0
    assert rig.counters["connections_opened"] == 2
    rows = requests(rig)
    starts = rig.job.settings["phases"]
    for row, count in enumerate(started for started, _ in found):
        own = rows["scheduled_ns"][rows["phase"] == row]
        assert len(own) == count
        assert (own >= starts[row]).all()
    assert rig.counters["iterations_started"] == rig.counters["iterations_completed"]


def slow_first(connection: socket.socket, number: int) -> None:
    """The first request takes longer than the first phase."""
    wait_s = 0.1
    while read_request(connection):
        time.sleep(wait_s)
        wait_s = 0.0
        connection.sendall(OK)


def test_starts_of_a_phase_that_nobody_was_free_for_are_given_up_with_it() -> None:
    phases = (phase("a", 1, 100, cool_down_ns=0), phase("b", 1, 100, ramp_ns=0))
    with ScriptedServer(slow_first) as server:
        rig = Rig(suite(server.url, *phases)).run()
    assert by_phase(rig) == [(1, 0), (0, 6), (6, 0), (0, 0)]
    assert rig.counters["iterations_dropped"] == rig.counters["requests_dropped"] == 6
    assert rig.counters["iterations_started"] == 7
    assert Counter(requests(rig)["phase"].tolist()) == {0: 1, 2: 6}


MIXED = (
    A,
    Chance(Fraction(1, 2), (Set("x", RandomInt(1, 9)), Request("GET", "/b/${x}", endpoint="b"))),
    Repeat(2, (Chance(Fraction(1, 3), (Request("GET", "/c", endpoint="c"),)),)),
)
MIXES: tuple[dict[str, Fraction], ...] = (
    {"a": Fraction(1, 5), "b": Fraction(9, 10)},
    {},
    {"c": Fraction(1), "a": Fraction(0)},
)
OWN = {"a": Fraction(1), "b": Fraction(1, 2), "c": Fraction(1, 3)}


def mixed_plan(url: str) -> Plan:
    phases = tuple(
        replace(phase(name, 4, 6000), mix=tuple(mix.items()))
        for name, mix in zip("pqr", MIXES, strict=True)
    )
    return suite(url, *phases, flow=MIXED)


def test_each_phase_has_its_own_mix() -> None:
    """By chi-square, per phase and endpoint, against its probability."""
    with ScriptedServer(respond()) as server:
        rig = Rig(mixed_plan(server.url)).run()
    names = {row.id: row.name for row in rig.endpoints}
    rows, started = requests(rig), by_phase(rig)
    for place, mix in enumerate(MIXES):
        own = np.isin(rows["phase"], (3 * place, 3 * place + 1))
        counts = Counter(names[int(each)] for each in rows["endpoint"][own])
        iterations = started[3 * place][0] + started[3 * place + 1][0]
        assert iterations > 100
        for name, times in (("a", 1), ("b", 1), ("c", 2)):
            probability = float((OWN | mix)[name])
            trials = times * iterations
            if probability in (0.0, 1.0):
                assert counts[name] == probability * trials
                continue
            expected = [probability * trials, (1 - probability) * trials]
            found = [counts[name], trials - counts[name]]
            assert stats.chisquare(found, expected).pvalue > 1e-4, (place, name, found)


def test_the_interpreter_sends_the_same_in_every_phase() -> None:
    """Request by request: user 0 of one, whose iterations are told apart by their phase."""
    with ScriptedServer(respond()) as server:
        plan = mixed_plan(server.url)
        one = replace(plan, phases=tuple(replace(each, users=1) for each in plan.phases))
        rig = Rig(one, {"seed": plan.seed}).run()
    names = {row.id: row.name for row in rig.endpoints}
    rows = requests(rig)
    rows = rows[np.argsort(rows["sent_ns"], kind="stable")]
    twin = User(one, 0, lambda request, path, body: (True, {}))
    total = 0
    for place, (ramp, hold) in enumerate([(0, 1), (3, 4), (6, 7)]):
        twin.phase = place
        twin.sent.clear()
        started = by_phase(rig)
        twin.iterate(started[ramp][0] + started[hold][0])
        own = rows[np.isin(rows["phase"], (ramp, hold))]
        assert [names[int(each)] for each in own["endpoint"]] == [s.endpoint for s in twin.sent]
        total += len(own)
    assert total == len(rows)


def test_a_captured_value_lasts_over_the_phases() -> None:
    login = Request("GET", "/login", captures=(Capture("token", "$.t"),), endpoint="login")
    flow = (Request("GET", "/x", (("Authorization", "Bearer ${token}"),), endpoint="x"),)
    body = b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"t":"q"}'
    phases = (phase("a", 2, 200), phase("b", 1, 200), phase("c", 2, 200))
    with ScriptedServer(respond(body)) as server:
        rig = Rig(suite(server.url, *phases, flow=flow, setup=(login,))).run()
    rows = requests(rig)
    names = {row.id: row.name for row in rig.endpoints}
    logins = [row for row in rows if names[int(row["endpoint"])] == "login"]
    assert len(logins) == 2
    assert set(rows["status"]) == {200}
    assert not rows["error"].any()


@pytest.mark.parametrize("stopped", [False, True])
def test_the_books_balance_however_it_ends(stopped: bool) -> None:
    phases = (phase("a", 2, 300), phase("b", 3, None), phase("c", 2, 300))
    with ScriptedServer(respond()) as server:
        rig = Rig(suite(server.url, *phases))
        rig.start()
        if stopped:
            until = time.monotonic() + 0.12
            while time.monotonic() < until:
                rig.turn(MILLISECOND_NS)
            rig.engine.stop()
        rig.turn_to_end()
    c = rig.counters
    left = c["requests_unstarted"] + c["requests_dropped"]
    assert c["requests_planned"] == c["requests_started"] + left
    assert c["iterations_started"] == c["iterations_completed"] == len(requests(rig))
    free = by_phase(rig)[3][0] + by_phase(rig)[4][0]
    due = 3 + 18 + 6 + 18  # ramps from 0 and from 3 of 2 users, and holds
    left = c["iterations_unstarted"] + c["iterations_dropped"]
    assert c["iterations_started"] + left == due + free
    if not stopped:
        assert c["iterations_unstarted"] == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"phase_flags": [0]}, "settings: phase_flags needs an entry per phase"),
    ],
)
def test_what_does_not_fit_is_refused(settings: dict[str, object], said: str) -> None:
    plan = suite("http://127.0.0.1:1", phase("a", 2, 300), phase("b", 2, 300))
    with pytest.raises(ValueError, match=said):
        Rig(plan, settings)


def test_a_chance_without_a_row_of_its_mix_is_refused() -> None:
    plan = mixed_plan("http://127.0.0.1:1")
    rig = Rig(plan)
    assert len(rig.job.arrays["mixes"]) == 9 * 3 * 8
    steps = np.frombuffer(rig.job.arrays["steps"], np.uint8)
    rig.close()
    rows = steps.view(STEP).copy()
    rows["capture_first"][rows["op"] == 4] = 3
    with pytest.raises(ValueError, match="program: step 0 is out of range"):
        Rig(plan, steps=rows.tobytes())


def test_the_reader_knows_256_phases() -> None:
    plan = suite("http://127.0.0.1:1", phase("a", 2, 300))
    rig = Rig(plan)
    assert rig.reader.phases(256) == [(0, 0)] * 256
    with pytest.raises(ValueError, match="257 phases are more than 256"):
        rig.reader.phases(257)


def test_scenarios_begin_with_offsets() -> None:
    """One by rate at once, one of users 40 ms later; a warm-up is a phase before the hold."""
    rate = Load("constant-arrival-rate", rate=Fraction(200), users=2, duration_ns=ms(100),
                warm_up_ns=ms(50))  # fmt: skip
    pause = Think("constant", (ms(500),))
    users = Load("constant-vus", users=3, duration_ns=ms(60), start_after_ns=ms(40), think=pause)
    with ScriptedServer(respond()) as server:
        plan = plan_for(server.url, rate)
        later = Scenario("later", users, (Request("GET", "/later", endpoint="later"),))
        rig = Rig(replace(plan, scenarios=(*plan.scenarios, later))).run()
    rows = requests(rig)
    names = {row.id: row.name for row in rig.endpoints}
    own = np.array([names[int(each)] == "later" for each in rows["endpoint"]])
    assert sorted(rows["scheduled_ns"][~own].tolist()) == [ms(5) * n for n in range(20)]
    assert rows["scheduled_ns"][own].tolist() == [ms(40)] * 3
    assert rig.job.settings["phases"] == [0, ms(50)]
    assert Counter(rows["phase"][~own].tolist()) == {0: 10, 1: 10}
    assert set(rows["phase"][own]) == {0}
