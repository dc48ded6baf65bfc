"""constant-vus: N users, joining evenly."""

import numpy as np

from velroload._core import Pacer
from velroload.load.constant_vus import constant_vus
from velroload.plan.model import Load, Request, Scenario

S = 10**9


def scenario(load: Load) -> Scenario:
    return Scenario("main", load, (Request("GET", "/"),))


def test_users_join_over_the_ramp_and_stay() -> None:
    load = Load("constant-vus", users=10, ramp_ns=5 * S, duration_ns=20 * S)
    schedule = constant_vus(scenario(load), S)
    assert (schedule.hold_start_ns, schedule.hold_end_ns, schedule.end_ns) == (
        5 * S,
        25 * S,
        25 * S,
    )
    assert (schedule.peak_vus, schedule.is_open, schedule.planned(0)) == (10, False, None)
    share = schedule.for_worker(0, 1, 0)
    due, ids = (np.frombuffer(part, np.int64) for part in Pacer(share.vus, 0).drain_all())
    assert due.tolist() == [j * S // 2 for j in range(10)]
    assert ids.tolist() == list(range(10))
    assert (share.arrivals, share.iterations, share.max_vus) == (b"", None, 10)


def test_without_a_ramp_all_begin_at_once() -> None:
    schedule = constant_vus(scenario(Load("constant-vus", users=3, duration_ns=S)), S)
    due, _ = Pacer(schedule.for_worker(0, 1, 0).vus, 0).drain_all()
    assert np.frombuffer(due, np.int64).tolist() == [0, 0, 0]


def test_a_fixed_number_needs_no_duration() -> None:
    schedule = constant_vus(scenario(Load("constant-vus", users=3, iterations=100)), S)
    assert (schedule.end_ns, schedule.hold_end_ns, schedule.planned(0)) == (None, None, 100)
    assert [schedule.for_worker(w, 2, 0).iterations for w in (0, 1)] == [67, 33]
