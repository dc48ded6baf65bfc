"""Requirements of a document that this plan cannot meet, or says nothing about."""

from collections.abc import Iterator
from fractions import Fraction

from velroload.plan.model import EMBEDDED, Plan
from velroload.plan.phase import OFFERED_LEAST
from velroload.runner.forecast.cache import outlook_of, too_few
from velroload.runner.forecast.obstacle import Obstacle, certain, likely
from velroload.runner.forecast.pace import rate_text
from velroload.runner.forecast.traffic import Stretch

USERS_LEAST, RATE_LEAST_PER_S = 10_000, 1_000
CLASSES = (
    ("R5", "authentication"),
    ("R6", "authorization"),
    ("R7", "generation_access"),
    ("R8", "media_url"),
)
AUTHORIZED_LEAST, L1_LEAST = 0.95, 0.95
PROBED = "R2 database connections, R12 CPU and memory"
ENDURANCE_LEAST_NS = 600 * 10**9
"""A trend over less than ten minutes tells nothing."""


def demand_obstacles(plan: Plan, stretches: tuple[Stretch, ...]) -> Iterator[Obstacle]:
    """Of velro-prd (R1-R13)."""
    if plan.requirements is None:
        return
    wanted = plan.requirements.phase
    stretch = next((each for each in stretches if each.name == wanted), stretches[-1])
    yield from _amounts(stretch)
    present = {row.cls for row in stretch.rows if row.per_iteration != 0}
    missing = [f"{number} ({cls})" for number, cls in CLASSES if cls not in present]
    if missing:
        yield certain(
            f"{stretch.where}no request of the class is sent: {', '.join(missing)}: NOT MEASURED; "
            "give a request that class"
        )
    yield from _caches(plan, stretch)
    if not plan.probes and plan.target != EMBEDDED:
        yield certain(
            f"{PROBED}: nothing reads them: NOT MEASURED; add probes, such as agent: or prometheus:"
        )
    endurance = [each for each in stretches if _judges(each, "R13")]
    if not endurance:
        yield certain("R13 stability: no phase judges it: NOT MEASURED; add judges: R13 to one")
    for each in endurance:
        if each.hold_ns is not None and each.hold_ns < ENDURANCE_LEAST_NS:
            yield likely(
                f"{each.where}R13 stability: a trend over less than 10m tells little; hold longer"
            )


def _judges(stretch: Stretch, number: str) -> bool:
    phase = stretch.phase
    named = stretch.name.startswith("endurance")
    return named or (phase is not None and number in phase.judges)


def _amounts(stretch: Stretch) -> Iterator[Obstacle]:
    if stretch.users < USERS_LEAST:
        yield certain(
            f"{stretch.where}R1 concurrent users ≥ {USERS_LEAST:,}: there are {stretch.users:,}"
        )
    offered = stretch.offered_per_s
    least = Fraction(RATE_LEAST_PER_S) * OFFERED_LEAST
    if offered is not None and offered < least:
        yield certain(
            f"{stretch.where}R4 throughput ≥ {RATE_LEAST_PER_S:,}/s: {rate_text(offered)}/s are "
            f"offered; offer at least {rate_text(least)}/s"
        )


def _caches(plan: Plan, stretch: Stretch) -> Iterator[Obstacle]:
    outlook = outlook_of(plan, stretch)
    if outlook is None or outlook.unknown:
        return
    if outlook.best < AUTHORIZED_LEAST:
        yield certain(too_few(f"{stretch.where}R3 cache rate ≥ 95 %", outlook))
    if outlook.l1 <= L1_LEAST:
        yield certain(too_few(f"{stretch.where}R10 L1 rate > 95 %", outlook, l1=True))
