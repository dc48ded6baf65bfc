"""The capacity curve: levels, the law through them, what is missing for one."""

import dataclasses

import pytest

from velroload.analysis.outlook import Capacity, Level, Usl
from velroload.report.charts.capacity import capacity
from velroload.report.kind import Told

LEVELS = tuple(
    Level(f"phase{n}", 100.0 * n, 90.0 * n, 50_000_000, 0.0, n < 4, {}) for n in range(1, 6)
)
LAW = Usl(1.0, (0.9, 1.1), 0.0, (0.0, 0.01), 0.0, (0.0, 0.001), None, None, 0.99, 500.0)


def test_levels_and_the_curve(plain: Told) -> None:
    found = Capacity(LEVELS, "p95 < 75ms", 270.0, 300.0, LAW, (), None)
    chart = capacity(dataclasses.replace(plain.result, capacity=found))
    assert [line.name for line in chart.lines] == [
        "met the limit",
        "missed the limit",
        "fitted law",
    ]
    assert chart.lines[0].x == (100.0, 200.0, 300.0)
    curve = chart.lines[2]
    assert curve.x is not None
    assert curve.x[-1] == 1_000.0  # twice the largest level, and no further
    assert curve.y[-1] == pytest.approx(1_000.0)
    assert chart.says == (
        "The largest load that met the limit (p95 < 75ms): 270.0/s with 300 users."
    )


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (None, "Not known: a curve needs several levels of load. "),
        (
            Capacity((), None, None, None, None, (), "one level only."),
            "Not known: one level only. ",
        ),
    ],
)
def test_what_is_missing(found: Capacity | None, text: str, plain: Told) -> None:
    chart = capacity(dataclasses.replace(plain.result, capacity=found))
    assert chart.missing == text + "Run a plan with `phases:` of rising load."
