"""The text as it stands on a terminal of 100 columns."""

from pathlib import Path

from tests.runner.forecast.plans import MACHINE, forecast_of
from velroload.plan.loader import load_plan
from velroload.report.table import WIDTH
from velroload.runner.forecast.as_text import NOTHING, as_text
from velroload.runner.forecast.forecast import forecast

ROOT = Path(__file__).parents[3]
GOLDEN = Path(__file__).with_suffix(".out")
"""velro-prd.yaml, explained. Made anew: python -m tests.runner.forecast.test_as_text"""


def explained() -> str:
    plan = load_plan(ROOT / "configs/velro-prd.yaml", environ={})
    return as_text(forecast(plan, MACHINE))


def test_the_whole_suite_is_explained() -> None:
    assert explained() == GOLDEN.read_text(encoding="utf-8")


def test_it_fits_the_terminal() -> None:
    assert max(map(len, explained().splitlines())) <= WIDTH


def test_a_closed_load_says_what_it_does_not_know() -> None:
    text = as_text(
        forecast_of("""
load: {users: 50, ramp: 5s, hold: 20s, think: 200ms}
flow: [GET /a: {name: a}]
thresholds: ["p95(response) < 75ms"]
""")
    )
    assert text.splitlines()[2:9] == [
        " load  users  ramp  hold  requests/s  a user every  in the hold  in all",
        " main     50    5s   20s       ≤ 250             –            –       –",
        " – the target's pace decides; `velroload run` tells what became of it",
        "",
        " endpoint  class  per iteration  per s  in the hold  in all",
        " a         –                  1      –            –       –",
        "",
    ]
    assert text.endswith(f"\n ok  {NOTHING}\n")


def test_obstacles_come_last_the_certain_ones_first() -> None:
    text = as_text(
        forecast_of("""
load: {rate: 100/s, users: 1000, hold: 60s}
flow: [GET /a: {name: a}]
thresholds: ["rate >= 200/s"]
""")
    )
    assert text.splitlines()[-8:] == [
        " CANNOT PASS",
        " - 'rate >= 200/s': 100/s are offered; no target can answer more than it is asked. "
        "Offer at least",
        "   204/s",
        "",
        " MAY NOT PASS",
        " - a user comes back every 10 s: a server that closes idle connections after 5 s (uvicorn "
        "does)",
        "   holds about 500 of 1,000 connections, and accepts 100 new ones per second; raise its "
        "keep-alive,",
        "   or mean it so",
    ]


def test_hostile_names_do_not_reach_the_terminal() -> None:
    text = as_text(forecast_of('load: {rate: 10/s, hold: 9s}\nflow: [GET /a: {name: "a é"}]\n'))
    assert "\x1b" not in text
    assert "a é" in text


if __name__ == "__main__":
    GOLDEN.write_text(explained(), encoding="utf-8")
