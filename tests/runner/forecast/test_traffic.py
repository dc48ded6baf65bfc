"""What is sent, per stretch and endpoint."""

from fractions import Fraction
from typing import Any

import pytest

from tests.runner.forecast.plans import forecast_of, plan_of
from velroload.plan.model import Plan
from velroload.runner.forecast.traffic import stretches_of as typed_stretches_of

S = 10**9


def stretches_of(plan: Plan) -> tuple[Any, ...]:
    """Compared with plain numbers, which equal Fractions."""
    return typed_stretches_of(plan)


def test_an_open_load_is_exact() -> None:
    (stretch,) = stretches_of(
        plan_of("""
load: {request_rate: 300/s, users: 100, ramp: 2s, hold: 10s}
flow:
  - GET /a: {name: a, class: read}
  - GET /b: {name: b, probability: 0.5}
""")
    )
    assert (stretch.users, stretch.ramp_ns, stretch.hold_ns) == (100, 2 * S, 10 * S)
    assert (stretch.offered_per_s, stretch.iterations_per_s) == (300, 200)
    assert (stretch.hold_count, stretch.count) == (3000, 3300)
    rows = [(row.endpoint, row.cls, row.line, row.per_iteration, row.rate_per_s, row.hold_count)
            for row in stretch.rows]  # fmt: skip
    assert rows == [
        ("a", "read", "GET /a", 1, 200, 2000),
        ("b", None, "GET /b", Fraction(1, 2), 100, 1000),
    ]


def test_a_closed_load_is_bounded_by_its_pauses() -> None:
    (stretch,) = stretches_of(
        plan_of("""
load: {users: 50, hold: 10s, think: 1s}
flow: [GET /a, think: 1s, GET /b]
""")
    )
    assert (stretch.offered_per_s, stretch.hold_count) == (None, None)
    assert stretch.most_per_s == 50
    assert stretches_of(plan_of("load: {users: 5, hold: 1s}\nflow: [GET /]"))[0].most_per_s is None


def test_iterations_are_counted() -> None:
    (stretch,) = stretches_of(plan_of("load: {users: 5, iterations: 100}\nflow: [GET /a, GET /b]"))
    assert (stretch.hold_ns, stretch.count, stretch.load_ns) == (None, 200, None)


def test_stages_are_summed_up() -> None:
    (stretch,) = stretches_of(plan_of("load: {stages: [10s: 100/s, 10s: 100/s]}\nflow: [GET /a]"))
    assert (stretch.hold_count, stretch.count, stretch.offered_per_s) == (1000, 1500, 100)


def test_what_cannot_be_known_is_not_guessed() -> None:
    (stretch,) = stretches_of(
        plan_of(
            """
load: {rate: 10/s, hold: 10s}
flow: [while: user == '1', steps: [GET /a]]
""".replace("[while: user == '1', steps: [GET /a]]", "[{while: user == '1', steps: [GET /a]}]")
        )
    )
    (row,) = stretch.rows
    assert (row.per_iteration, row.rate_per_s, row.count) == (None, None, None)
    assert (stretch.offered_per_s, stretch.most_per_s) == (None, None)


PHASES = """
scenarios:
  much: {weight: 3, flow: [GET /a: {name: a}]}
  little: {flow: [GET /b: {name: b, probability: 0.5}, GET /c: {name: c}]}
phases:
  - {name: one, users: 40, ramp: 2s, hold: 10s, rate: 80/s, mix: {b: 1.0}}
  - name: two
    users: 4
    hold: 20s
    rate: 80/s
    events: [{at: 5s, spike: 3, for: 10s}]
"""


def test_phases_share_users_and_rate_by_weight_and_have_a_mix_each() -> None:
    one, two = stretches_of(plan_of(PHASES))
    assert [(row.endpoint, row.rate_per_s) for row in one.rows] == [("a", 60), ("b", 10), ("c", 10)]
    assert [flow.users for flow in one.flows] == [30, 10]
    assert [flow.users for flow in two.flows] == [3, 1]
    assert (one.where, one.cool_down_ns) == ("one: ", 5 * S)


def test_a_spike_sends_more_and_needs_more() -> None:
    two = stretches_of(plan_of(PHASES))[1]
    assert (two.offered_per_s, two.peak_per_s, two.spike) == (80, 240, 3)
    assert two.hold_count == pytest.approx(20 * 80 + 10 * 160)


def test_sizes_of_requests() -> None:
    made = forecast_of("""
defaults: {headers: {A: b}}
load: {rate: 100/s, hold: 10s}
flow:
  - GET /a: {headers: {A: "12345678901234567890"}}
  - POST /b: {body: "0123456789"}
""")
    a, b = made.stretches[0].rows
    assert a.request_bytes - b.request_bytes == len("2345678901234567890") - len("0123456789")
    assert made.needs.sent_bytes_per_s == 100 * (a.request_bytes + b.request_bytes)
