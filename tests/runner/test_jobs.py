"""What each worker gets: the parts of everything add up to the whole."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rig import GET, plan_for
from velroload.engine.segment import SLOTS_MIN, slots_for
from velroload.engine.workers import Job
from velroload.errors import ConfigError
from velroload.load.schedule import ROW
from velroload.plan.model import Load, Plan, Request, Scenario, Stage, Think
from velroload.protocol.address import Target, pack_address
from velroload.protocol.program import compile_program
from velroload.runner import jobs as module
from velroload.runner.jobs import Work, make_jobs, part, port_ranges

SECOND_NS = 10**9
URL = "http://127.0.0.1:1"


def jobs_of(plan: Plan, workers: int, spin: bool = False) -> list[Job]:
    program = compile_program(plan, Target.of(plan.target), pack_address("127.0.0.1", 1))
    return make_jobs(Work.of(plan), program, list(range(workers)), spin)


def ramping(model: str) -> Load:
    up, down = Stage(SECOND_NS, Fraction(10)), Stage(SECOND_NS, Fraction(0))
    return Load(model, stages=(up, down))


LOADS = {
    "fixed": Load("constant-vus", users=7, iterations=100),
    "closed": Load("constant-vus", users=7, duration_ns=SECOND_NS),
    "both": Load("constant-vus", users=7, duration_ns=SECOND_NS, iterations=100),
    "stages": ramping("ramping-vus"),
    "rate": Load("constant-arrival-rate", rate=Fraction(37), duration_ns=SECOND_NS),
    "poisson": Load(
        "constant-arrival-rate", rate=Fraction(37), duration_ns=SECOND_NS, arrival="poisson"
    ),
    "rates": ramping("ramping-arrival-rate"),
}


@pytest.mark.parametrize(
    ("load", "planned"),
    [("fixed", 100), ("closed", None), ("both", None), ("stages", None), ("rate", 37),
     ("rates", 10)],
)  # fmt: skip
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_planned_iterations(load: str, planned: int | None, workers: int) -> None:
    jobs = jobs_of(plan_for(URL, LOADS[load]), workers)
    parts = [job.iterations_planned for job in jobs]
    if planned is None:
        assert parts == [None] * workers
    else:
        assert sum(own or 0 for own in parts) == planned
        assert Work.of(plan_for(URL, LOADS[load])).planned_iterations() == planned


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_poisson_is_planned_exactly_from_the_seed(workers: int) -> None:
    counts = set()
    for seed in range(4):
        plan = plan_for(URL, LOADS["poisson"], seed=seed)
        jobs = jobs_of(plan, workers)
        total = sum(job.iterations_planned or 0 for job in jobs)
        assert total == Work.of(plan).planned_iterations()
        rows = [np.frombuffer(job.arrays["starts0"], ROW) for job in jobs]
        assert total == sum(int(row["count"].sum()) for row in rows)
        counts.add(total)
    assert len(counts) > 1


@given(st.integers(0, 10**6), st.integers(1, 64))
def test_parts_add_up(total: int, workers: int) -> None:
    parts = [part(total, worker, workers) for worker in range(workers)]
    assert sum(parts) == total
    assert max(parts) - min(parts) <= 1


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
def test_users_and_pool_are_shared_out(workers: int) -> None:
    plan = plan_for(URL, LOADS["fixed"], connections=5)
    settings = [job.settings for job in jobs_of(plan, workers)]
    assert sum(own["users"] for own in settings) == 7
    assert sum(own["pool"] for own in settings) == 5
    assert min(own["pool"] for own in settings) >= 1
    assert [own["worker"] for own in settings] == list(range(workers))
    assert {own["workers"] for own in settings} == {workers}
    assert sum(own["scenarios"][0]["iterations"] for own in settings) == 100


def test_fewer_connections_than_workers() -> None:
    with pytest.raises(ConfigError) as caught:
        jobs_of(plan_for(URL, LOADS["fixed"], connections=2), 3)
    assert str(caught.value) == (
        "3 workers cannot share 2 connections: use at most 2 workers or more connections"
    )


def test_fewer_users_than_workers() -> None:
    """A closed model leaves a worker idle; a rate could not be kept by one without a user."""
    settings = [job.settings for job in jobs_of(plan_for(URL, LOADS["fixed"]), 8)]
    assert [own["users"] for own in settings] == [1] * 7 + [0]
    assert [own["scenarios"][0]["iterations"] for own in settings] == [15, 15] + [14] * 5 + [0]
    load = Load("constant-arrival-rate", rate=Fraction(10), duration_ns=SECOND_NS, users=2)
    with pytest.raises(ConfigError) as caught:
        jobs_of(plan_for(URL, load), 3)
    assert str(caught.value) == (
        "3 workers cannot share 2 VUs: use at most 2 workers or allow more VUs"
    )


def test_scenarios_stand_one_after_the_other_in_the_table_of_users() -> None:
    flow = (GET,)
    loads = ("fixed", "stages", "rate")
    plan = Plan("t", URL, tuple(Scenario(name, LOADS[name], flow) for name in loads))
    for job in jobs_of(plan, 2):
        first = 0
        for index, scenario in enumerate(job.settings["scenarios"]):
            assert scenario["users"][0] == first
            assert (scenario["starts"], scenario["vus"]) == (f"starts{index}", f"vus{index}")
            assert scenario["starts"] in job.arrays
            first += scenario["users"][1]
        assert job.settings["users"] == first
    seeds = [own["seed"] for job in jobs_of(plan, 2) for own in job.settings["scenarios"]]
    assert len(set(seeds)) == 6


def test_settings_of_a_scenario() -> None:
    load = Load(
        "constant-arrival-rate", rate=Fraction(10), duration_ns=SECOND_NS, max_vus=9, late="drop"
    )
    flow = (GET, Think("constant", (1,)), Request("GET", "/b"))
    (job,) = jobs_of(plan_for(URL, load, flow, (GET,)), 1, spin=True)
    (scenario,) = job.settings["scenarios"]
    assert (scenario["setup"], scenario["flow"], scenario["think"]) == ((0, 1), (1, 3), None)
    assert (scenario["open"], scenario["on_demand"], scenario["drop_late"]) == (True, True, True)
    assert (scenario["end_ns"], scenario["iterations"]) == (SECOND_NS, None)
    assert scenario["iteration_endpoint"] == 3
    assert (job.cpu, job.settings["cpu"], job.settings["spin"]) == (0, 0, True)
    assert job.steps_per_iteration == 2
    closed = jobs_of(plan_for(URL, LOADS["fixed"]), 1)[0].settings["scenarios"][0]
    assert (closed["open"], closed["on_demand"], closed["drop_late"]) == (False, False, False)
    assert closed["end_ns"] == module.NEVER_NS


@pytest.mark.parametrize(
    ("load", "workers", "per_s"),
    [
        (LOADS["closed"], 1, 150_000),
        (LOADS["closed"], 4, 150_000),
        (Load("constant-arrival-rate", rate=Fraction(10_000), duration_ns=1), 1, 20_001),
        (Load("constant-arrival-rate", rate=Fraction(10_000), duration_ns=1), 2, 10_001),
        (Load("constant-arrival-rate", rate=Fraction(10**7), duration_ns=1), 1, 150_000),
        (Load("constant-vus", users=10, iterations=1, think=Think("constant", (9,))), 1, 21),
    ],
)
def test_rings_hold_two_seconds_of_the_peak(load: Load, workers: int, per_s: int) -> None:
    plan = plan_for(URL, load)
    assert Work.of(plan).samples_per_s(workers) == per_s
    jobs = jobs_of(plan, workers)
    assert {job.ring_slots for job in jobs} == {slots_for(per_s, workers)}
    assert jobs[0].ring_slots >= SLOTS_MIN


def ports(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "sys/net/ipv4/ip_local_port_range"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return tmp_path


@pytest.mark.parametrize("workers", [1, 2, 3, 7, 64])
@pytest.mark.parametrize(("low", "high"), [(32768, 60999), (1024, 65535), (40000, 40127)])
def test_ports_are_disjoint_and_cover_the_range(
    tmp_path: Path, workers: int, low: int, high: int
) -> None:
    ranges = port_ranges(workers, ports(tmp_path, f"{low}\t{high}\n"))
    found = [port for word in ranges for port in range(word & 0xFFFF, (word >> 16) + 1)]
    assert found == list(range(low, high + 1))


@pytest.mark.parametrize("text", ["", "x y", "1 2 3", "1000 1002"])
def test_no_share_of_the_ports(tmp_path: Path, text: str) -> None:
    """Unknown, or too few to share: the kernel chooses."""
    assert port_ranges(2, ports(tmp_path, text)) == [0, 0]
    assert port_ranges(2, tmp_path / "none") == [0, 0]


def test_the_rate_that_is_offered() -> None:
    flow = (GET, GET)
    open_ = Scenario("a", LOADS["rate"], flow)
    closed = Scenario("b", LOADS["closed"], flow)
    work = Work.of(Plan("t", URL, (open_,)))
    assert (work.is_open, work.is_paced, work.offered_rate_per_s()) == (True, True, 74.0)
    assert [work.planned_requests_until(at) for at in (0, SECOND_NS // 2, 2 * SECOND_NS)] == [
        0.0, 37.0, 74.0
    ]  # fmt: skip
    mixed = Work.of(Plan("t", URL, (open_, closed)))
    assert (mixed.is_open, mixed.offered_rate_per_s()) == (True, None)
    assert mixed.planned_requests_until(1) is None
    assert mixed.planned_iterations() is None
    only = Work.of(Plan("t", URL, (closed,)))
    assert not only.is_open
    assert not only.is_paced
    ramp = Work.of(plan_for(URL, LOADS["rates"]))
    assert ramp.planned_requests_until(SECOND_NS) == 5.0
    assert ramp.planned_requests_until(2 * SECOND_NS) == 10.0


def test_when_it_ends() -> None:
    fixed, closed = Scenario("a", LOADS["fixed"], (GET,)), Scenario("b", LOADS["closed"], (GET,))
    assert Work.of(Plan("t", URL, (closed,))).end_ns == SECOND_NS
    assert Work.of(Plan("t", URL, (fixed, closed))).end_ns is None
    assert Work.of(Plan("t", URL, (fixed, closed), connections=3)).connections == 3
    assert Work.of(Plan("t", URL, (fixed, closed), connections=99)).connections == 14
