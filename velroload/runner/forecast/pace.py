"""N = X·(R + Z): whether users, rate, response time and pauses go together."""

from collections.abc import Iterator
from fractions import Fraction

from velroload.plan.model import SECOND_NS, Plan
from velroload.plan.phase import OFFERED_LEAST
from velroload.plan.threshold import Threshold
from velroload.report.words import per_second
from velroload.runner.forecast.obstacle import Obstacle, certain, likely
from velroload.runner.forecast.samples import chosen
from velroload.runner.forecast.traffic import Flow, Row, Stretch
from velroload.units import format_duration


def pace_obstacles(plan: Plan, stretches: tuple[Stretch, ...]) -> Iterator[Obstacle]:
    """Contradictions between users and rates."""
    for stretch in stretches:
        for flow in stretch.flows:
            yield from _users(stretch, flow)
        for threshold in stretch.thresholds:
            if threshold.metric == "rate" and threshold.op in (">", ">="):
                yield from _demanded(stretch, threshold)


def _users(stretch: Stretch, flow: Flow) -> Iterator[Obstacle]:
    """The starts that are due need users who have time for them."""
    rate, pause_ns, users = flow.iterations_per_s, flow.pause_ns, flow.users
    if not rate or pause_ns is None or flow.schedule.users is None:
        return
    room_ns = users * SECOND_NS / rate
    name = f"{stretch.where}{users:,} users at {rate_text(rate)} iterations/s have "
    name += f"{time_text(room_ns)} for each"
    if pause_ns >= room_ns:
        most = users * SECOND_NS / pause_ns
        yield certain(
            f"{name}, and pause {time_text(pause_ns)} of it: they make at most "
            f"{rate_text(most)}/s however fast the target is; "
            f"{_more_users(rate * pause_ns / SECOND_NS)}, a lower rate or shorter pauses"
        )
        return
    limit_ns = _slowest_ns(stretch)
    requests = flow.requests
    if limit_ns is None or requests is None:
        return
    busy_ns = pause_ns + requests * limit_ns
    if busy_ns > room_ns:
        left_ns = (room_ns - pause_ns) / requests
        yield likely(
            f"{name}: as slow as {time_text(limit_ns)}, which the thresholds allow, it cannot be "
            f"kept up; a request may take {time_text(left_ns)} on average "
            f"({_more_users(rate * busy_ns / SECOND_NS)} to bear more)"
        )


def _more_users(users: Fraction) -> str:
    return f"take {int(users) + 1:,} users or more"


def _slowest_ns(stretch: Stretch) -> int | None:
    """The longest response time that the thresholds on all requests accept."""
    limits = [
        int(t.limit) for t in stretch.thresholds
        if t.metric in ("percentile", "mean") and t.quantity == "response"
        and t.op in ("<", "<=") and t.selector is None and (t.quantile or 0.5) >= 0.5
    ]  # fmt: skip
    return min(limits, default=None)


def _demanded(stretch: Stretch, threshold: Threshold) -> Iterator[Obstacle]:
    """A rate that is demanded has to be offered, and a little more."""
    rows = chosen(stretch, threshold)
    if rows is None or not rows:
        return
    demanded = Fraction(threshold.limit)
    offered = _offered(rows)
    name = f"{stretch.where}{threshold.source!r}"
    if offered is None:
        yield from _reachable(stretch, name, demanded, rows)
    elif offered < demanded:
        yield certain(
            f"{name}: {rate_text(offered)}/s are offered; no target can answer more than it is "
            f"asked. Offer at least {rate_text(demanded * OFFERED_LEAST)}/s"
        )
    elif offered < demanded * OFFERED_LEAST:
        yield likely(
            f"{name}: {rate_text(offered)}/s are offered, less than 2 % more; at exactly the "
            f"demanded rate a perfect target fails every second time. Offer at least "
            f"{rate_text(demanded * OFFERED_LEAST)}/s"
        )


def _offered(rows: list[Row]) -> Fraction | None:
    total = Fraction(0)
    for row in rows:
        if row.rate_per_s is None:
            return None
        total += row.rate_per_s
    return total


def _reachable(
    stretch: Stretch, name: str, demanded: Fraction, rows: list[Row]
) -> Iterator[Obstacle]:
    """In a closed load the pauses bound what users can send."""
    most = Fraction(0)
    for flow in stretch.flows:
        per = [row.per_iteration for row in rows if row.scenario == flow.scenario.name]
        known = [each for each in per if each is not None]
        if flow.pause_ns is None or len(known) != len(per):
            return
        if not flow.pause_ns:
            return  # nothing but the target's pace bounds it
        most += flow.users * SECOND_NS / flow.pause_ns * sum(known, Fraction(0))
    if most < demanded:
        pauses = max(flow.pause_ns or Fraction(0) for flow in stretch.flows)
        yield certain(
            f"{name}: {stretch.users:,} users who pause {time_text(pauses)} per iteration send at "
            f"most {rate_text(most)}/s, however fast the target is; take more users, shorter "
            "pauses or a rate"
        )


def rate_text(rate_per_s: Fraction | float) -> str:
    """1,050 · 259.3"""
    value = float(rate_per_s)
    return f"{value:,.0f}" if value == round(value) else per_second(value)


def time_text(time_ns: Fraction | float) -> str:
    """Three digits with a unit: 38.6 s, 250 ms, 2m30s."""
    value = float(time_ns)
    if value >= 120 * SECOND_NS:
        return format_duration(round(value / SECOND_NS) * SECOND_NS)
    if value >= SECOND_NS:
        return f"{value / SECOND_NS:.3g} s"
    return f"{value / 1e6:.3g} ms"
