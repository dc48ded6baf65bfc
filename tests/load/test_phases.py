"""load/phases.py: which part of a run is its hold."""

from dataclasses import replace
from fractions import Fraction

import pytest

from tests.rig import GET
from velroload.errors import ConfigError
from velroload.load.models import LOAD_MODELS
from velroload.load.phases import Phase, phases_of
from velroload.load.schedule import delayed
from velroload.plan.model import Load, Scenario, Stage

S = 10**9


def phases(*loads: Load) -> list[tuple[str, float, float | None]]:
    """(kind, start, end) in seconds; ids and names are what they always are."""
    schedules = [
        LOAD_MODELS[load.model](Scenario(str(n), load, (GET,)), S) for n, load in enumerate(loads)
    ]
    found = phases_of(schedules, "x")
    assert [(phase.id, phase.name) for phase in found] == [(n, "x") for n in range(len(found))]
    return [(p.kind, p.start_ns / S, None if p.end_ns is None else p.end_ns / S) for p in found]


def stage(duration_ns: int, target: int) -> Stage:
    return Stage(duration_ns, Fraction(target))


USERS = Load("constant-vus", users=5, ramp_ns=2 * S, duration_ns=5 * S)
RATE = Load("constant-arrival-rate", rate=Fraction(10), ramp_ns=S, duration_ns=4 * S)


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        (USERS, [("ramp", 0, 2), ("hold", 2, 7)]),
        (RATE, [("ramp", 0, 1), ("hold", 1, 5)]),
        (Load("constant-vus", users=5, duration_ns=5 * S), [("hold", 0, 5)]),
        (Load("constant-vus", users=5, iterations=50), [("hold", 0, None)]),
        (Load("constant-vus", users=5, ramp_ns=S, iterations=50), [("hold", 0, None)]),
        (Load("constant-arrival-rate", rate=Fraction(10), iterations=50), [("hold", 0, 5)]),
        (Load("constant-arrival-rate", rate=Fraction(10), ramp_ns=S, iterations=50),
         [("ramp", 0, 1), ("hold", 1, 5.5)]),
        (Load("constant-arrival-rate", rate=Fraction(10), ramp_ns=10 * S, iterations=5),
         [("hold", 0, 3.16227766)]),  # over before the ramp is
        (Load("ramping-vus", stages=(stage(2 * S, 9), stage(4 * S, 9), stage(3 * S, 0))),
         [("ramp", 0, 2), ("hold", 2, 6), ("cool-down", 6, 9)]),
        (Load("ramping-arrival-rate", stages=(stage(2 * S, 9), stage(3 * S, 0))),
         [("hold", 0, 5)]),  # never the same for a while
        (Load("ramping-arrival-rate", stages=(stage(2 * S, 9), stage(3 * S, 9))),
         [("ramp", 0, 2), ("hold", 2, 5)]),
    ],
)  # fmt: skip
def test_phases_of_one_scenario(
    load: Load, expected: list[tuple[str, float, float | None]]
) -> None:
    found = phases(load)
    assert [phase[0] for phase in found] == [phase[0] for phase in expected]
    assert [phase[1:] for phase in found] == [
        pytest.approx(phase[1:]) if phase[2] is not None else phase[1:] for phase in expected
    ]


def test_scenarios_hold_where_all_of_them_do() -> None:
    assert phases(USERS, RATE) == [("ramp", 0, 2), ("hold", 2, 5), ("cool-down", 5, 7)]
    endless = Load("constant-vus", users=5, iterations=50)
    assert phases(RATE, endless) == [("ramp", 0, 1), ("hold", 1, 5), ("cool-down", 5, None)]
    late = Load("constant-vus", users=5, ramp_ns=9 * S, duration_ns=S)
    assert phases(RATE, late) == [("hold", 0, 10)]


def warmed(*loads: Load) -> list[tuple[str, float, float | None]]:
    schedules = [
        delayed(LOAD_MODELS[each.model](Scenario(str(n), each, (GET,)), S), each.start_after_ns,
                each.warm_up_ns)
        for n, each in enumerate(loads)
    ]  # fmt: skip
    found = phases_of(schedules, "x", warmed=True)
    return [(p.kind, p.start_ns / S, None if p.end_ns is None else p.end_ns / S) for p in found]


def test_a_warm_up_is_no_part_of_the_hold() -> None:
    assert warmed(replace(USERS, warm_up_ns=S)) == [("ramp", 0, 3), ("hold", 3, 7)]
    late = replace(RATE, start_after_ns=S, warm_up_ns=S)
    assert warmed(USERS, late) == [("ramp", 0, 3), ("hold", 3, 6), ("cool-down", 6, 7)]
    endless = Load("constant-vus", users=5, iterations=50, warm_up_ns=2 * S)
    assert warmed(endless) == [("ramp", 0, 2), ("hold", 2, None)]


def test_a_warm_up_that_nothing_tells_apart_is_refused() -> None:
    later = replace(RATE, start_after_ns=20 * S, warm_up_ns=S)
    with pytest.raises(ConfigError) as caught:
        warmed(USERS, later)
    assert str(caught.value) == (
        "warm_up: the holds of the scenarios have no instant in common, so that nothing tells a "
        "warm-up apart; leave it out, or let start_after and hold overlap"
    )


def test_json() -> None:
    assert Phase(1, "main", "hold", 5, None).to_json() == {
        "id": 1, "name": "main", "kind": "hold", "start_ns": 5, "end_ns": None,
    }  # fmt: skip
