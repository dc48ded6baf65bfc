"""Two cycles of a user: by rate and number of users, by think time, by a phase's mix."""

from pathlib import Path

import pytest

from velroload.load.phases import HOLD, Phase
from velroload.plan.loader import load_plan
from velroload.runner.cycles import user_windows

SECOND_NS = 1_000_000_000


def windows(tmp_path: Path, text: str, name: str = "main") -> list[tuple[int, int]]:
    file = tmp_path / "plan.yaml"
    file.write_text(f"target: embedded\n{text}")
    phases = [
        Phase(0, name, "ramp", 0, 1_500_000_000),
        Phase(1, name, HOLD, 1_500_000_000, 60 * SECOND_NS),
    ]
    return user_windows(load_plan(file), phases)


@pytest.mark.parametrize(
    ("load", "seconds"),
    [
        ("{users: 100, rate: 10/s, hold: 60s}", 20),
        ("{users: 100, hold: 60s, think: 3s}", 6),
        ("{users: 100, hold: 60s, pacing: 2500ms}", 5),
        ("{users: 100, hold: 60s}", 1),
    ],
)
def test_of_one_scenario(tmp_path: Path, load: str, seconds: int) -> None:
    text = f"load: {load}\nflow: [GET /health]\n"
    assert windows(tmp_path, text) == [(0, 0), (2, seconds)]


def test_of_a_phase_with_its_own_mix(tmp_path: Path) -> None:
    text = """
flow:
  - GET /a: {name: a}
  - GET /b: {name: b, probability: 0.1}
phases:
  - {name: big, users: 100, hold: 60s, rate: 20/s, mix: {b: 1.0}}
"""
    assert windows(tmp_path, text, "big")[1] == (2, 20)
