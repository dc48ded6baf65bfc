"""Trends, capacity, load fidelity and warm-up, as lines."""

from dataclasses import replace

from tests.reference.rundata import build, steady
from velroload.analysis.analyse import analyse
from velroload.analysis.outlook import Capacity, Drift, Fidelity, Growth, Level, Usl, WarmUp
from velroload.report.outlook import outlook_lines
from velroload.report.table import plain

MEMORY = Drift("memory", "bytes", "soak", 600, 2e9, 3e8, 2.5e8, 3.5e8, 0.15, 0.0001, "rising")
FLAT = Drift("p95 of endpoint:a\x1b", "ns", None, 600, 5e6, -1e3, -2e3, 9e2, 0, 0.4, "none")
SHORT = Drift("open connections", "count", None, 9, 10, *(None,) * 6)
CAPACITY = Capacity(
    (Level("a", 50, 500.0, 5_000_000, 0.0, True, {}),
     Level("b", 90, 700.0, 90_000_000, 0.0, False, {})),
    "p95(response) < 75ms", 500.0, 50.0,
    Usl(10.0, (9.0, 11.0), 0.01, (0.0, 0.02), 1e-4, (0.0, 1e-3), 99.4, 640.0, 0.99, 90.0),
    (Growth("CPU", "share", 1e-3, 9e-4, 1.1e-3, 0.7, 1_000.0, 1_400.0),), None,
)  # fmt: skip
FIDELITY = Fidelity("poisson", 100.0, 96.0, 0.25, 1.3, 0.0004, False, 4.0, 4.1, -0.024, None)
WARM = WarmUp(5, "p99", 12, 5_000_000, 90_000_000, 99.0, 4_900_000, 60_000_000, 100.0)


def said(
    verbose: bool,
    *,
    drift: tuple[Drift, ...] = (),
    capacity: Capacity | None = None,
    fidelity: Fidelity | None = None,
    warm_up: WarmUp | None = None,
) -> str:
    bare = analyse(build([steady(10, 2.0)], 2.0))
    summary = replace(bare.summary, warm_up=warm_up)
    told = replace(bare, drift=drift, capacity=capacity, fidelity=fidelity, summary=summary)
    lines = outlook_lines(told, verbose, plain)
    assert all(len(line) <= 100 for line in lines)
    return " ".join(" ".join(lines).split())


def test_what_moves_and_what_deviates() -> None:
    assert said(False, drift=(MEMORY, FLAT, SHORT), capacity=CAPACITY, fidelity=FIDELITY,
                warm_up=WARM) == (
        "drift soak: memory rising: +286 MiB per hour (+238 MiB … +334 MiB) "
        "capacity p95(response) < 75ms was met up to 500.0/s with 50 users "
        "capacity the curve (USL) has its top at 640.0/s with 99 users "
        "capacity CPU lasts until 1,000.0/s "
        "load not as planned · 100.0 planned and 96.0 started per second · worst second off by "
        "25 % · poisson arrivals p < 0.001 · Little's law off by 2.4 % "
        "warm-up the first 5 s of the hold differ (MSER-5, by p99); without them p50 5.00 → 4.90 "
        "ms, p99 90.0 → 60.0 ms, 99.0 → 100.0/s"
    )  # fmt: skip


def test_the_rest_with_v() -> None:
    planned = replace(FIDELITY, as_planned=True, p_value=0.5)
    none = replace(WARM, seconds=0, by=None)
    assert said(True, drift=(FLAT, SHORT), fidelity=planned, warm_up=none,
                capacity=replace(CAPACITY, usl=None, growth=(), why="2 levels are too few")) == (
        "drift p95 of endpoint:a\\x1b none: −0.001 ms per hour (−0.002 ms … +0.001 ms) "
        "drift open connections: too short for a trend "
        "capacity p95(response) < 75ms was met up to 500.0/s with 50 users "
        "capacity no curve: 2 levels are too few "
        "load as planned · 100.0 planned and 96.0 started per second · worst second off by 25 % · "
        "poisson arrivals p = 0.500 · Little's law off by 2.4 % "
        "warm-up none that MSER-5 finds"
    )  # fmt: skip
    assert said(False, drift=(FLAT, SHORT), fidelity=planned, warm_up=none) == ""


def test_nothing_meets_the_limit_and_many_trends() -> None:
    nothing = replace(CAPACITY, largest_met_per_s=None, largest_met_users=None, usl=None, growth=())
    assert said(False, capacity=nothing) == (
        "capacity no level that was held meets p95(response) < 75ms"
    )
    assert said(False, drift=(MEMORY,) * 6).endswith("drift 2 more trends with -v")
    assert said(True) == ""
