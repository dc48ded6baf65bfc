"""runner/checkpoint.py: when a phase is judged, and what ends the run after it."""

from dataclasses import replace

import pytest

from tests.analysis.test_suite import disturbed, row, suite
from velroload.plan.model import Plan, Request, Scenario
from velroload.plan.phase import Phase
from velroload.runner.checkpoint import checkpoints_of, judge_of

S = 10**9
PHASE = Phase("a", 5, 2 * S, 10 * S, cool_down_ns=S)


def plan_of(*phases: Phase) -> Plan:
    return Plan("p", "embedded", (Scenario("s", PHASE.load, (Request("GET", "/"),)),),
                phases=phases)  # fmt: skip


def test_a_phase_is_judged_between_its_hold_and_the_next_phase() -> None:
    phases = (
        replace(PHASE, stop_on="fail", cool_down_ns=5 * S),
        replace(PHASE, name="b"),
        replace(PHASE, name="c", stop_on="invalid", cool_down_ns=0),
    )
    found = [(at.name, at.from_ns / S, at.latest_ns / S) for at in checkpoints_of(plan_of(*phases))]
    assert found == [("a", 12.2, 16.0), ("c", 42.0, 42.0)]


@pytest.mark.parametrize(
    ("stop_on", "slow", "bad", "said"),
    [
        ("fail", "a", False, "phase a failed: 1 of 1 thresholds failed"),
        ("fail", "b", False, None),
        ("fail", "a", True, None),
        ("invalid", "a", False, None),
        ("invalid", "", True,
         "phase a is INVALID: 5 of 10 seconds of the hold cannot be vouched for (50 %), such as "
         "second 3: 1 collection(s)"),
    ],
)  # fmt: skip
def test_reasons(stop_on: str, slow: str, bad: bool, said: str | None) -> None:
    rows = [row(name, 13 * n, "p95 < 50ms") for n, name in enumerate("abc")]
    data = suite(*rows, slow=slow)
    data = disturbed(data, 3, 5) if bad else data
    judge = judge_of(plan_of(replace(PHASE, stop_on=stop_on)))
    assert judge("a", data) == said
