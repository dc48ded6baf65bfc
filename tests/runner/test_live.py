"""The running figures and the abort rules, from samples that the test writes."""

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.reference.runs import deltas_of
from tests.rig import GET, plan_for
from velroload.engine.coordinator import Live
from velroload.engine.recorder import Recorder
from velroload.errors import ConfigError
from velroload.journal import Rows
from velroload.load.phases import Phase
from velroload.plan.model import Load, Plan, Request, Scenario, Think
from velroload.plan.phase import Phase as PlanPhase
from velroload.plan.threshold import parse_threshold
from velroload.protocol.writer import Endpoint
from velroload.runner.jobs import Work
from velroload.runner.live import AbortRules, figures, planned_now, selected
from velroload.sample import SAMPLE, ErrorKind

SECOND_NS = 10**9
MILLISECOND_NS = 10**6
URL = "http://127.0.0.1:1"
OPEN = Load("constant-arrival-rate", rate=Fraction(100), duration_ns=10 * SECOND_NS, users=5)
HOLD = Phase(0, "main", "hold", 0, None)
ENDPOINTS = (
    Endpoint(0, "login", "request", "main", "auth", True),
    Endpoint(1, "me", "request", "main", "auth", False),
    Endpoint(2, "list", "request", "main", None, False),
    Endpoint(3, "iteration", "iteration", "main", None, False),
)


def samples(
    second: int, n: int, *, endpoint: int = 1, took_ms: int = 5, error: int = 0, lag_ms: int = 0
) -> Rows:
    """n requests that end in this second."""
    rows = np.zeros(n, SAMPLE)
    rows["end_ns"] = second * SECOND_NS + SECOND_NS // 2
    rows["sent_ns"] = rows["end_ns"] - took_ms * MILLISECOND_NS
    rows["scheduled_ns"] = rows["sent_ns"] - lag_ms * MILLISECOND_NS
    rows["endpoint"], rows["error"], rows["status"] = endpoint, error, 503 if error == 70 else 200
    return rows


def live(elapsed_ns: int, **counters: int) -> Live:
    names = ("iterations_started", "iterations_dropped", "vus_started", "vus_active", "in_flight",
             "lost_requests", "lost_iterations")  # fmt: skip
    return Live(
        elapsed_ns=elapsed_ns,
        state="running",
        counters=dict.fromkeys(names, 0) | counters,
        worker_cpu=[0.5, None],
        ring_share=0.125,
    )


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    recorder = Recorder(tmp_path, {"endpoints": [row.to_json() for row in ENDPOINTS]})
    yield recorder
    recorder.close()


def reason(recorder: Recorder, rule: str, seconds: int, *batches: Rows) -> str | None:
    rules = AbortRules([parse_threshold(rule)], ENDPOINTS, recorder, [HOLD])
    for delta in deltas_of(*batches):
        recorder.add(delta)
    return rules.reason(live(seconds * SECOND_NS))


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("errors > 25%", "errors > 25%: 50.00% in the last 1 s"),
        ("errors > 50%", None),
        ("checks < 60%", "checks < 60%: 50.00% in the last 1 s"),
        ("rate < 31/s", "rate < 31/s: 30/s in the last 1 s"),
        ("rate < 30/s", None),
        ("max > 20ms", "max > 20ms: 24 ms in the last 1 s"),
        ("p50(response) > 3ms", "p50(response) > 3ms: 4.03 ms in the last 1 s"),
        ("max(service) > 20ms", None),
        ("min(service) < 5ms", "min(service) < 5ms: 4 ms in the last 1 s"),
        ("mean(service) > 1s", None),
        ("errors of endpoint:list > 99%", "errors of endpoint:list > 99%: 100.00% in the last 1 s"),
        ("errors of class:auth > 30%", "errors of class:auth > 30%: 33.33% in the last 1 s"),
        ("errors of endpoint:none > 0%", None),
    ],
)
def test_a_rule_over_the_last_second(recorder: Recorder, rule: str, said: str | None) -> None:
    """20 good ones, 10 answered with 503, 10 refused; the log-in is not looked at."""
    second = np.concatenate(
        [
            samples(0, 20, took_ms=4),
            samples(0, 10, took_ms=4, lag_ms=20, error=ErrorKind.STATUS),
            samples(0, 10, endpoint=2, error=ErrorKind.CONNECT_REFUSED),
            samples(0, 100, endpoint=0, took_ms=400, error=ErrorKind.STATUS),
        ]
    )
    found = reason(recorder, rule, 1, second)
    if said is None or found is None:
        assert found == said
        return
    number = re.compile(r"(?<=: )[0-9.]+")
    figure, expected = (float(number.findall(text)[0]) for text in (found, said))
    assert figure == pytest.approx(expected, rel=0.01)  # bins of two digits
    assert number.sub("N", found) == number.sub("N", said)


def test_a_rule_waits_for_its_whole_window(recorder: Recorder) -> None:
    bad = [samples(second, 10, error=ErrorKind.STATUS) for second in range(3)]
    rules = AbortRules([parse_threshold("errors > 5% for 3s")], ENDPOINTS, recorder, [HOLD])
    said = []
    for second, delta in enumerate(deltas_of(*bad)):
        recorder.add(delta)
        said.append(rules.reason(live((second + 1) * SECOND_NS + MILLISECOND_NS)))
    assert said == [None, None, "errors > 5% for 3s: 100.00% in the last 3 s"]


def test_the_window_moves_on(recorder: Recorder) -> None:
    batches = [samples(0, 10, error=ErrorKind.STATUS), samples(1, 10), samples(2, 10)]
    assert reason(recorder, "errors > 5% for 2s", 3, *batches) is None


def test_the_first_of_several_rules_speaks(recorder: Recorder) -> None:
    texts = ("p95(response) > 1s", "rate < 5/s", "errors > 1%")
    rules = AbortRules([parse_threshold(text) for text in texts], ENDPOINTS, recorder, [HOLD])
    for delta in deltas_of(samples(0, 2, error=ErrorKind.STATUS)):
        recorder.add(delta)
    assert rules.reason(live(SECOND_NS - 1)) is None, "no second is over"
    assert rules.reason(live(SECOND_NS)) == "rate < 5/s: 2/s in the last 1 s"


def test_without_a_sample_only_the_rate_can_be_judged(recorder: Recorder) -> None:
    assert reason(recorder, "errors >= 0%", 5) is None
    assert reason(recorder, "p99 > 0ms", 5) is None
    assert reason(recorder, "rate < 1/s", 5) == "rate < 1/s: 0/s in the last 1 s"


def test_a_rate_is_held_to_what_is_wanted_in_the_hold_alone(recorder: Recorder) -> None:
    """Whatever harms the target ends the run in the ramp as well."""
    hold = Phase(1, "main", "hold", 2 * SECOND_NS, 5 * SECOND_NS)
    texts = ("rate < 5/s for 2s", "errors > 20%")
    slow, broken = (AbortRules([parse_threshold(t)], ENDPOINTS, recorder, [hold]) for t in texts)
    said = []
    batches = [samples(second, 2) for second in range(7)]
    batches[1] = samples(1, 2, error=ErrorKind.STATUS)
    for second, delta in enumerate(deltas_of(*batches)):
        recorder.add(delta)
        now = live((second + 1) * SECOND_NS)
        said.append((slow.reason(now) is not None, broken.reason(now) is not None))
    assert [rate for rate, _ in said] == [False, False, False, True, True, False, False]
    assert [errors for _, errors in said] == [False, True, False, False, False, False, False]


def test_a_rule_of_a_phase_acts_in_its_phase_alone(recorder: Recorder) -> None:
    """One of the plan's that names the phase, and one of the phase's own."""
    rows = [
        Phase(0, "a", "hold", 0, 2 * SECOND_NS),
        Phase(1, "b", "ramp", 2 * SECOND_NS, 4 * SECOND_NS),
        Phase(2, "b", "hold", 4 * SECOND_NS, 6 * SECOND_NS),
    ]
    named = AbortRules([parse_threshold("errors of phase:b > 5%")], ENDPOINTS, recorder, rows)
    own = [("b", parse_threshold("errors > 5% for 2s")), ("b", parse_threshold("rate < 99/s"))]
    theirs = [AbortRules([], ENDPOINTS, recorder, rows, [rule]) for rule in own]
    nowhere = AbortRules([], ENDPOINTS, recorder, rows, [("c", own[0][1])])
    said = []
    for second, delta in enumerate(
        deltas_of(*(samples(n, 2, error=ErrorKind.STATUS) for n in range(7)))
    ):
        recorder.add(delta)
        now = live((second + 1) * SECOND_NS)
        said.append([rules.reason(now) is not None for rules in (named, *theirs, nowhere)])
    assert [each[0] for each in said] == [False, False, True, True, True, True, False]
    assert [each[1] for each in said] == [False, False, False, True, True, True, False]
    assert [each[2] for each in said] == [False, False, False, False, True, True, False]
    assert not any(each[3] for each in said)


def test_the_running_figures_of_a_suite_are_of_its_phase(recorder: Recorder) -> None:
    phases = tuple(
        PlanPhase(name, users, 2 * SECOND_NS, 8 * SECOND_NS, Fraction(rate))
        for name, users, rate in (("a", 4, 100), ("b", 8, 200))
    )
    work = Work.of(replace(plan_for(URL, phases[0].load), phases=phases))
    view = recorder.view([1])
    found = figures(live(18 * SECOND_NS, vus_active=8), work, view)
    assert (found["phase"], found["users_planned"]) == ("test 2/2 b", 8)
    assert (found["phase_elapsed_s"], found["phase_duration_s"]) == (3, 15)
    assert found["rate_planned_per_s"] == pytest.approx(200)
    assert work.planned_requests_until(15 * SECOND_NS) == pytest.approx(900)
    assert figures(live(16 * SECOND_NS), work, view)["phase"] == "test 2/2 b ramp"
    assert figures(live(12 * SECOND_NS), work, view)["phase"] == "test 1/2 a cool-down"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("p99(wait) > 5ms", "wait is known after the run only; take response or service"),
        ("errors > 5% for 3m", "its window must be at most 2m long"),
        ("errors > 5% for 1500ms", "its window must be whole seconds"),
    ],
)
def test_rules_that_the_running_figures_cannot_answer(rule: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_for(URL, OPEN, abort_on=(parse_threshold(rule),))
    assert str(caught.value) == f"abort rule {rule!r}: {said}"


def test_selected() -> None:
    assert selected(ENDPOINTS, None) == [1, 2]
    assert selected(ENDPOINTS, parse_threshold("errors of class:auth > 1%").selector) == [1]
    assert selected(ENDPOINTS, parse_threshold("errors of endpoint:login > 1%").selector) == []


def test_figures(recorder: Recorder) -> None:
    view = recorder.view([1, 2])
    for delta in deltas_of(samples(0, 90), samples(1, 10, lag_ms=3, error=ErrorKind.STATUS)):
        recorder.add(delta)
    plan = plan_for(URL, OPEN, (Request("GET", "/"),), (Request("GET", "/login"),))
    now = live(
        2 * SECOND_NS + 1, iterations_started=103, iterations_dropped=2, vus_started=5,
        vus_active=4, in_flight=3, lost_requests=1, lost_iterations=2,
    )  # fmt: skip
    said = figures(now, Work.of(plan), view)
    times = {name: said.pop(name) for name in ("window_ms", "phase_ms", "generator_lag_p99_ms")}
    assert said == {
        "elapsed_s": 2.000000001,
        "duration_s": 10.0,
        "phase": "test",
        "users": 4,
        "users_planned": 5,
        "rate_per_s": 10.0,
        "rate_planned_per_s": pytest.approx(100),
        "in_flight": 3,
        "unsent": 190 - 105,
        "failed_share": 0.1,
        "worker_cpu": [0.5],
        "ring_share": 0.125,
        "lost": 3,
        "state": "running",
    }
    assert times["window_ms"] == pytest.approx([5, 8, 8], rel=0.01)
    assert times["phase_ms"] == pytest.approx([5, 8, 8], rel=0.001)
    assert times["generator_lag_p99_ms"] == pytest.approx(3, rel=0.001)


def test_figures_of_a_closed_model_that_has_not_answered_yet(recorder: Recorder) -> None:
    plan = plan_for(URL, Load("constant-vus", users=3, iterations=5))
    said = figures(live(1), Work.of(plan), recorder.view([0]))
    assert (said["duration_s"], said["rate_planned_per_s"], said["unsent"]) == (None, None, 0)
    assert (said["window_ms"], said["phase_ms"], said["generator_lag_p99_ms"]) == ([], [], None)
    assert (said["failed_share"], said["rate_per_s"]) == (0.0, 0.0)


def test_generator_lag_is_told_only_where_starts_are_scheduled(recorder: Recorder) -> None:
    view = recorder.view([1])
    for delta in deltas_of(samples(0, 10, lag_ms=3)):
        recorder.add(delta)
    closed = Load("constant-vus", users=3, duration_ns=SECOND_NS)
    for flow, told in [((GET,), False), ((GET, Think("constant", (1,))), True)]:
        plan = Plan("test", URL, (Scenario("main", closed, flow),))
        lag = figures(live(SECOND_NS), Work.of(plan), view)["generator_lag_p99_ms"]
        assert (lag is not None) == told


@pytest.mark.parametrize(("at_s", "rate"), [(0.5, 50), (1, 100), (10, 100), (10.5, 50), (12, 0)])
def test_the_planned_rate_is_that_of_the_second_before(at_s: float, rate: float) -> None:
    found = planned_now(Work.of(plan_for(URL, OPEN)), round(at_s * SECOND_NS))
    assert found == pytest.approx(rate)
