"""core/users.pxi: load models as a server sees them, each in one engine in this process."""

import random
import socket
import time
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from tests.rig import GET, Rig, plan_for
from tests.servers.scripted import OK, OnCommand, ScriptedServer, read_request, respond
from velroload import _core
from velroload.plan.model import Load, Plan, Request, Scenario, Stage, Think
from velroload.sample import Kind

MILLISECOND_NS = 10**6
SECOND_NS = 10**9


def ms(n: int) -> int:
    return n * MILLISECOND_NS


def requests(rig: Rig) -> NDArray[np.void]:
    samples = rig.samples
    found: NDArray[np.void] = samples[samples["flags"] & 3 == Kind.REQUEST]
    return found


def users_of(rows: NDArray[np.void]) -> NDArray[np.int64]:
    return np.asarray(rows["user_address"] & 0xFFFFFF, np.int64)


def first_starts(rig: Rig) -> list[int]:
    """When each user's first request was scheduled, by user."""
    rows = requests(rig)
    return [int(rows["scheduled_ns"][users_of(rows) == u].min()) for u in np.unique(users_of(rows))]


def test_constant_vus_join_evenly_over_the_ramp() -> None:
    """Each thinks after his first request for longer than we look."""
    think = Think("constant", (60 * SECOND_NS,))
    load = Load("constant-vus", users=8, ramp_ns=ms(160), duration_ns=60 * SECOND_NS, think=think)
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, load))
        rig.start()
        rig.turn_until("iterations_completed", 8)
        rig.engine.stop()
        rig.turn_to_end()
    assert first_starts(rig) == [ms(20) * user for user in range(8)]
    assert rig.counters["vus_started"] == 8
    assert rig.counters["vus_active"] == 0


def test_no_iteration_is_scheduled_after_the_end() -> None:
    load = Load("constant-vus", users=8, duration_ns=ms(60), think=Think("constant", (1,)))
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, load)).run()
    assert (requests(rig)["scheduled_ns"] < ms(60)).all()


def test_ramping_vus_leave_and_close_their_connections() -> None:
    """0 to 6 in 60 ms, 1 s as they are, down to 2 in 40 ms: four really leave, two go on."""
    open_now: list[int] = []

    def script(connection: socket.socket, number: int) -> None:
        open_now.append(number)
        while read_request(connection):
            connection.sendall(OK)
        open_now.remove(number)

    stages = tuple(Stage(ms(length), Fraction(to)) for length, to in
                   ((60, 6), (1_000, 6), (40, 2), (60_000, 2)))  # fmt: skip
    load = Load("ramping-vus", stages=stages, think=Think("constant", (ms(1),)))
    with ScriptedServer(script) as server:
        rig = Rig(plan_for(server.url, load))
        rig.start()
        rig.turn_until("vus_active", 6)
        rig.until(lambda: rig.counters["vus_active"] == 2, ms(5))
        rig.until(lambda: len(open_now) == 2, ms(5))
        assert rig.counters["connections_open"] == 2
        rig.turn_until("iterations_completed", rig.counters["iterations_completed"] + 20)
        rig.engine.stop()
        rig.turn_to_end()
        assert server.connections == 6
    rows = requests(rig)
    assert first_starts(rig) == [ms(10) * user for user in range(6)]
    last = [int(rows["scheduled_ns"][users_of(rows) == user].max()) for user in range(6)]
    assert min(last[:2]) > ms(1_100)
    for user in range(2, 6):  # the highest leaves first: 6 at 1,060 ms, 2 at 1,100 ms
        assert last[user] <= ms(1_060 + 10 * (6 - user))
    assert rig.counters["iterations_interrupted"] == 0


def test_ramping_vus_come_back_without_a_second_setup() -> None:
    stages = tuple(Stage(ms(length), Fraction(to)) for length, to in
                   ((0, 3), (600, 3), (0, 1), (600, 1), (0, 3), (60_000, 3)))  # fmt: skip
    load = Load("ramping-vus", stages=stages, think=Think("constant", (ms(1),)))
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, load, setup=(Request("GET", "/login"),)))
        rig.start()
        rig.turn_until("vus_active", 3)
        rig.until(lambda: rig.counters["vus_active"] == 1, ms(5))
        rig.turn_until("connections_opened", 5)
        rig.turn_until("iterations_completed", rig.counters["iterations_completed"] + 20)
        rig.engine.stop()
        rig.turn_to_end()
    rows = requests(rig)
    assert Counter(users_of(rows[rows["endpoint"] == 0]).tolist()) == {0: 1, 1: 1, 2: 1}
    assert rig.counters["vus_started"] == 3
    flow = rows[rows["endpoint"] == 1]
    again = flow[(users_of(flow) == 2) & (flow["scheduled_ns"] > ms(700))]
    assert again["scheduled_ns"].min() >= ms(1_200)
    assert rig.counters["connections_opened"] == 5


@pytest.mark.parametrize(
    ("stages", "count"),
    [
        (((200, 400),), 40),
        (((100, 400), (100, 0)), 40),
        (((50, 100), (0, 1000), (50, 1000), (100, 0)), 2 + 50 + 50 + 1),
        (((150, 333),), 25),
    ],
)
def test_ramping_arrival_rate_starts_exactly_the_integral(
    stages: tuple[tuple[int, int], ...], count: int
) -> None:
    load = Load(
        "ramping-arrival-rate",
        users=20,
        stages=tuple(Stage(ms(length), Fraction(to)) for length, to in stages),
    )
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, load)).run()
    assert rig.job.iterations_planned == count
    assert rig.counters["iterations_completed"] == len(requests(rig)) == count
    due, _ = _core.Pacer(rig.job.arrays["starts0"], 0).drain_all()
    assert sorted(requests(rig)["scheduled_ns"].tolist()) == np.frombuffer(due, np.int64).tolist()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_poisson_starts_exactly_what_was_drawn(seed: int) -> None:
    load = Load(
        "constant-arrival-rate",
        rate=Fraction(500),
        duration_ns=ms(200),
        users=50,
        arrival="poisson",
    )
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, load, seed=seed)).run()
    assert rig.counters["iterations_completed"] == rig.job.iterations_planned
    due, _ = _core.Pacer(
        rig.job.arrays["starts0"], rig.job.settings["scenarios"][0]["seed"]
    ).drain_all()
    assert sorted(requests(rig)["scheduled_ns"].tolist()) == np.frombuffer(due, np.int64).tolist()


def thinking(think: Think, *, inside: bool) -> NDArray[np.float64]:
    """The 400 pauses of 40 users, in ns: between iterations, or between two steps of one."""
    pauses = []
    flow = (GET, think, Request("GET", "/second")) if inside else (GET,)
    each = 10 if inside else 11
    load = Load("constant-vus", users=40, iterations=40 * each, think=None if inside else think)
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, load, flow)).run()
    rows = requests(rig)
    for user in range(40):
        own = rows[users_of(rows) == user]
        own = own[np.argsort(own["scheduled_ns"], kind="stable")]
        gaps = own["scheduled_ns"][1:] - own["end_ns"][:-1]
        pauses.append(gaps[own["endpoint"][1:] == 1] if inside else gaps)
    return np.concatenate(pauses).astype(np.float64)


@pytest.mark.parametrize("inside", [False, True])
def test_a_constant_pause_lasts_from_the_end_to_the_next_start(inside: bool) -> None:
    pauses = thinking(Think("constant", (ms(5),)), inside=inside)
    assert len(pauses) == 400
    assert (pauses == ms(5)).all()


@pytest.mark.parametrize("inside", [False, True])
def test_uniform_pauses(inside: bool) -> None:
    pauses = thinking(Think("uniform", (ms(2), ms(6))), inside=inside)
    assert len(pauses) == 400
    assert ms(2) <= pauses.min() < pauses.max() < ms(6)
    assert stats.kstest((pauses - ms(2)) / ms(4), "uniform").pvalue > 1e-4


def test_exponential_pauses() -> None:
    pauses = thinking(Think("exponential", (ms(2),)), inside=True)
    assert len(pauses) == 400
    assert stats.kstest(pauses / ms(2), "expon").pvalue > 1e-4


@pytest.mark.parametrize("users", [1, 7, 25])
def test_a_fixed_number_of_iterations(users: int) -> None:
    load = Load("constant-vus", users=users, iterations=50)
    flow = (GET, Request("GET", "/second"))
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, load, flow)).run()
    assert rig.counters["iterations_completed"] == 50
    assert rig.counters["requests_started"] == 100
    whole = rig.samples[rig.samples["flags"] & 3 == Kind.ITERATION]
    assert len(whole) == 50
    assert (whole["end_ns"] >= whole["scheduled_ns"]).all()


@pytest.mark.parametrize("arrival", ["uniform", "poisson"])
def test_a_fixed_number_at_a_rate(arrival: str) -> None:
    load = Load(
        "constant-arrival-rate", rate=Fraction(500), iterations=77, users=9, arrival=arrival
    )
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, load)).run()
    assert rig.counters["iterations_completed"] == rig.job.iterations_planned == 77


@pytest.mark.parametrize("users", [3, 10, 64])
def test_users_at_a_rate_take_turns(users: int) -> None:
    """A start goes to the user who has been idle longest: in order of joining, then in the order
    in which they were answered, whether the start or the user was there first."""
    starts = 4 * users
    load = Load("constant-arrival-rate", rate=Fraction(2000), iterations=starts, users=users)
    order = list(range(users))
    taken = order.copy()
    with ScriptedServer(command := OnCommand()) as server, command:
        rig = Rig(plan_for(server.url, load))
        rig.start()
        for n in range(4):
            rig.turn_until("requests_sent", (n + 1) * users)
            random.Random(n).shuffle(order)
            taken += order
            for done, user in enumerate(order, n * users + 1):
                command.answer(user)  # connections were made in the order of the users
                rig.turn_until("iterations_completed", done)
        rig.turn_to_end()
        assert server.connections == users
    rows = requests(rig)
    rows = rows[np.argsort(rows["scheduled_ns"])]
    assert users_of(rows).tolist() == taken[:starts]


def test_users_and_rate_ramp_together() -> None:
    """The rate of each user stays what it will be: nobody is asked for more than his share."""
    load = Load(
        "constant-arrival-rate",
        rate=Fraction(400),
        ramp_ns=ms(200),
        duration_ns=ms(100),
        users=20,
    )
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, load)).run()
    rows = requests(rig)
    assert len(rows) == 40 + 40
    assert rig.counters["vus_started"] == 20
    in_ramp = rows["scheduled_ns"][rows["scheduled_ns"] < ms(200)]
    assert len(in_ramp) == 40
    at = np.sqrt(np.arange(40) / 40) * ms(200)
    assert np.abs(np.sort(in_ramp) - at).max() <= 2
    taken = rows["sent_ns"] - 1000 * rows["connect_us"].astype(np.int64)
    for user in range(20):
        assert taken[users_of(rows) == user].min() >= ms(10) * user  # not before he joined


@pytest.mark.parametrize(
    "load",
    [
        Load("constant-vus", users=6, iterations=60),
        Load("constant-arrival-rate", users=6, rate=Fraction(200), duration_ns=ms(150)),
        Load("constant-arrival-rate", max_vus=6, rate=Fraction(200), duration_ns=ms(150)),
    ],
)
def test_setup_comes_before_the_flow_of_each_user_and_once(load: Load) -> None:
    setup = (Request("GET", "/a"), Think("constant", (ms(2),)), Request("GET", "/b"))
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, load, setup=setup)).run()
    rows = requests(rig)
    for user in np.unique(users_of(rows)):
        own = rows[users_of(rows) == user]
        own = own[np.argsort(own["sent_ns"], kind="stable")]
        assert own["endpoint"].tolist() == [0, 1, *[2] * (len(own) - 2)]
        assert own["scheduled_ns"][1] - own["end_ns"][0] == ms(2)
    if load.is_open:
        assert rig.counters["iterations_completed"] == 30
        assert (rows["endpoint"] == 2).sum() == 30


def test_vus_on_demand_are_as_few_as_are_needed() -> None:
    """One more for a start that finds all of them busy; with 30, it waits."""
    load = Load("constant-arrival-rate", rate=Fraction(200), duration_ns=ms(200), max_vus=30)
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, load)).run()
    assert rig.counters["iterations_completed"] == 40
    rows = requests(rig)
    taken = rows["sent_ns"] - 1000 * rows["connect_us"].astype(np.int64)
    freed = rows["end_ns"] + rows["read_lag_ns"]
    busy = [int(((taken <= at) & (at < freed)).sum()) for at in taken]
    assert rig.counters["vus_started"] == min(max(busy), 30)

    with ScriptedServer(command := OnCommand()) as server, command:
        rig = Rig(plan_for(server.url, load))
        rig.start()
        rig.turn_until("vus_started", 30)
        while time.monotonic_ns() < rig.epoch_ns + ms(180):
            rig.turn(ms(5))
        assert rig.counters["connections_opened"] == 30
        command.answer_all()
        rig.turn_to_end()
    assert rig.counters["vus_started"] == 30
    assert rig.counters["iterations_completed"] == 40
    rows = requests(rig)
    assert sorted(rows["scheduled_ns"].tolist()) == [ms(5) * n for n in range(40)]
    late = rows[rows["iteration"] > 1]  # found no free VU at the most, and waited for one
    assert (late["wait_us"] > 0).any()


def test_scenarios_run_side_by_side() -> None:
    closed = Scenario("a", Load("constant-vus", users=2, iterations=50), (GET,))
    rated = Scenario(
        "b",
        Load("constant-arrival-rate", rate=Fraction(200), duration_ns=ms(100), users=3),
        (Request("GET", "/b"),),
    )
    with ScriptedServer(respond()) as server:
        base = plan_for(server.url, closed.load)
        plan = Plan(
            "t",
            server.url,
            (closed, rated),
            timeouts=base.timeouts,
            graceful_stop_ns=20 * SECOND_NS,
        )
        rig = Rig(plan).run()
        assert server.connections == 5
    rows = requests(rig)
    assert set(users_of(rows[rows["endpoint"] == 0]).tolist()) == {0, 1}
    assert set(users_of(rows[rows["endpoint"] == 1]).tolist()) == {2, 3, 4}
    assert (rows["endpoint"] == 1).sum() == 20


def test_a_run_is_reproducible_from_its_seed() -> None:
    load = Load("constant-vus", users=1, iterations=5, think=Think("exponential", (ms(1),)))
    draws = []
    for seed in (1, 1, 2):
        with ScriptedServer(respond()) as server:
            rig = Rig(plan_for(server.url, load, seed=seed)).run()
        rows = requests(rig)
        draws.append((rows["scheduled_ns"][1:] - rows["end_ns"][:-1]).tolist())
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize(
    "load",
    [
        Load("constant-vus", users=6, ramp_ns=ms(60), duration_ns=ms(60)),
        Load("constant-arrival-rate", users=3, rate=Fraction(500), ramp_ns=ms(60),
             duration_ns=ms(60)),
        Load("ramping-arrival-rate", max_vus=9,
             stages=(Stage(ms(40), Fraction(500)), Stage(ms(40), Fraction(500)),
                     Stage(ms(40), Fraction(0)))),
    ],
)  # fmt: skip
def test_requests_belong_to_the_phase_in_which_their_iteration_was_scheduled(load: Load) -> None:
    """However late: we come 30 ms after the beginning, and the second step thinks before."""
    flow = (GET, Think("constant", (ms(10),)), Request("GET", "/b"))
    with ScriptedServer(respond()) as server:
        rig = Rig(plan_for(server.url, load, flow))
        rig.start(time.monotonic_ns() - ms(30))
        rig.turn_to_end()
    starts = rig.job.settings["phases"]
    assert len(starts) == (3 if load.stages else 2)
    rows = requests(rig)
    first, second = (rows[rows["endpoint"] == n] for n in (0, 1))
    assert (first["phase"] == np.searchsorted(starts, first["scheduled_ns"], "right") - 1).all()
    if load.is_open:  # a closed load may miss its ramp, or all of it, on a busy machine
        assert set(first["phase"]) == set(range(len(starts)))
    phase_of = {(int(r["user_address"]), int(r["iteration"])): int(r["phase"]) for r in first}
    for row in second:
        assert row["phase"] == phase_of[int(row["user_address"]), int(row["iteration"])]
    iterations = rig.samples[rig.samples["flags"] & 3 == Kind.ITERATION]
    assert len(iterations) == len(second)
    for row in iterations:
        assert row["phase"] == phase_of[int(row["user_address"]), int(row["iteration"])]
