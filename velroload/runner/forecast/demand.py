"""Requirements of a document that this plan cannot meet, or says nothing about."""

from collections.abc import Iterator
from fractions import Fraction

from velroload.analysis.document import Requirement, document
from velroload.analysis.drifting import ENDURANCE_LEAST_S
from velroload.plan.manifest import plan_json
from velroload.plan.model import EMBEDDED, Plan
from velroload.plan.phase import OFFERED_LEAST
from velroload.plan.threshold import parse_threshold
from velroload.report.words import percent
from velroload.runner.forecast.cache import outlook_of, too_few
from velroload.runner.forecast.obstacle import Obstacle, certain, likely
from velroload.runner.forecast.pace import rate_text
from velroload.runner.forecast.samples import answered_by
from velroload.runner.forecast.traffic import Stretch
from velroload.target.store.pools import SQLITE_CONNECTIONS

PROBED = "R2 database connections, R12 CPU and memory"


def demand_obstacles(plan: Plan, stretches: tuple[Stretch, ...]) -> Iterator[Obstacle]:
    """Of velro-prd (R1-R13), with the limits that the run will be judged by."""
    if plan.requirements is None:
        return
    rows = {row.id: row for row in document(plan_json(plan)["requirements"])}
    wanted = plan.requirements.phase
    stretch = next((each for each in stretches if each.name == wanted), stretches[-1])
    yield from _amounts(stretch, rows)
    present = {row.cls for row in stretch.rows if row.per_iteration != 0}
    missing = [
        f"{row.id} ({row.cls})"
        for row in rows.values()
        if row.cls and row.sentence and row.cls not in present
    ]
    if missing:
        yield certain(
            f"{stretch.where}no request of the class is sent: {', '.join(missing)}: NOT MEASURED; "
            "give a request that class"
        )
    yield from _caches(plan, stretch, rows)
    if plan.requirements.scale is not None:
        yield likely(f"{PROBED}: only the whole load shows them: NOT MEASURED in a scaled run")
    elif plan.target == EMBEDDED:
        yield from _embedded(rows)
    elif not plan.probes:
        yield certain(
            f"{PROBED}: nothing reads them: NOT MEASURED; add probes, such as agent: or prometheus:"
        )
    yield from _stability(answered_by(plan.requirements, stretches, rows["R13"]))


def _embedded(rows: dict[str, Requirement]) -> Iterator[Obstacle]:
    least = rows["R2"].parts[0].limit
    if least > SQLITE_CONNECTIONS:
        yield certain(
            f"R2 database connections ≥ {least:,.0f}: the embedded target's SQLite has "
            f"{SQLITE_CONNECTIONS}; start `velroload target --database postgresql://…` and name "
            "its address"
        )


def _stability(stretch: Stretch | None) -> Iterator[Obstacle]:
    if stretch is None:
        yield certain("R13 stability: no phase judges it: NOT MEASURED; add judges: R13 to one")
    elif stretch.hold_ns is not None and stretch.hold_ns < ENDURANCE_LEAST_S * 1e9:
        yield likely(
            f"{stretch.where}R13 stability: a trend over less than 10m tells nothing: NOT "
            "MEASURED; hold longer"
        )


def _amounts(stretch: Stretch, rows: dict[str, Requirement]) -> Iterator[Obstacle]:
    users = rows["R1"].parts[0].limit
    if stretch.users < users:
        yield certain(
            f"{stretch.where}R1 concurrent users ≥ {users:,.0f}: there are {stretch.users:,}"
        )
    offered = stretch.offered_per_s
    demanded = Fraction(parse_threshold(rows["R4"].sentence).limit)
    least = demanded * OFFERED_LEAST
    if offered is not None and offered < least:
        yield certain(
            f"{stretch.where}R4 throughput ≥ {rate_text(demanded)}/s: {rate_text(offered)}/s are "
            f"offered; offer at least {rate_text(least)}/s"
        )


def _caches(plan: Plan, stretch: Stretch, rows: dict[str, Requirement]) -> Iterator[Obstacle]:
    outlook = outlook_of(plan, stretch)
    if outlook is None or outlook.unknown:
        return
    authorized, (l1, l2) = rows["R3"].parts[0], rows["R10"].parts
    if outlook.best < authorized.limit:
        yield certain(
            too_few(f"{stretch.where}R3 cache rate ≥ {percent(authorized.limit)}", outlook)
        )
    if outlook.l1 <= l1.limit:
        yield certain(
            too_few(f"{stretch.where}R10 L1 rate > {percent(l1.limit)}", outlook, l1=True)
        )
    yield likely(
        f"{stretch.where}R10 L2 rate > {percent(l2.limit)} of what L1 misses: L2 has it only where "
        "several processes of the service share one Redis; with one process, or without Redis, it "
        "cannot be reached"
    )
