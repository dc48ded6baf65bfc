"""Accounts, tokens, log-ins, credits and rows: whether there are enough, and for long enough."""

from collections.abc import Iterator
from fractions import Fraction
from math import ceil, sqrt

from velroload.plan.data import ENDLESS, Data
from velroload.plan.model import SECOND_NS, Plan
from velroload.plan.session import Accounts, Renew, Session
from velroload.runner.forecast.obstacle import Obstacle, certain, likely
from velroload.runner.forecast.pace import rate_text, time_text
from velroload.runner.forecast.rows import count_rows
from velroload.runner.forecast.traffic import Stretch

CREATIONS = "/generations"
"""A POST to a path that ends so costs an account one of its creations."""
LUCK = 4.5
"""Deviations above the mean at which none of tens of thousands of accounts runs out."""
LOGINS_PER_S = 20
"""More password log-ins than that keep a core of the target's busy with hashes alone."""
BURST_PER_S_SHARE = Fraction(1, 10)
"""Renewals that are more than this part of the offered rate are a load of their own."""


def people_obstacles(plan: Plan, stretches: tuple[Stretch, ...]) -> Iterator[Obstacle]:
    """Whoever users are."""
    users = max(stretch.users for stretch in stretches)
    if plan.accounts is not None:
        if plan.accounts.count < users:
            yield likely(
                f"accounts: {users:,} users share {plan.accounts.count:,} accounts: what counts "
                "as a concurrent user, and each one's cache, are shared too; make as many"
            )
        yield from _credits(plan, plan.accounts, stretches)
    for scenario in plan.scenarios:
        if scenario.session is not None:
            yield from _tokens(plan, scenario.session, stretches)
            yield from _logins(scenario.session, stretches)
    for data in plan.data:
        yield from _rows(data, stretches)


def _credits(plan: Plan, accounts: Accounts, stretches: tuple[Stretch, ...]) -> Iterator[Obstacle]:
    mean = variance = 0.0
    for stretch in stretches:
        for row in stretch.rows:
            method, _, path = row.line.partition(" ")
            if method != "POST" or not path.partition("?")[0].endswith(CREATIONS):
                continue
            if row.count is None or row.per_iteration is None:
                return
            each = row.count / min(stretch.users, accounts.count)
            mean += each
            variance += each * max(0.0, 1.0 - float(row.per_iteration))
    needed = ceil(mean + LUCK * sqrt(variance))
    if not mean or needed <= accounts.creations:
        return
    text = (
        f"accounts: creations: {accounts.creations} each; an account is asked for {mean:.3g} on "
        f"average"
    )
    if mean > accounts.creations:
        yield certain(f"{text}: their credit is used up before the end; allow {needed}")
    else:
        yield likely(f"{text}, the unluckiest for about {needed}; allow as many")


def _tokens(plan: Plan, session: Session, stretches: tuple[Stretch, ...]) -> Iterator[Obstacle]:
    life_ns = None if plan.accounts is None else plan.accounts.life_s * SECOND_NS
    lasting_ns = plan.duration_ns
    if life_ns is None or lasting_ns is None or session.when == "first_use":
        return
    renew = session.renew
    if renew is None and lasting_ns >= life_ns:
        yield certain(
            f"session: tokens live {time_text(life_ns)}, the run lasts {time_text(lasting_ns)} and "
            "nothing renews them: all requests after that are refused; add renew, or a longer life"
        )
    elif renew is not None and renew.steps and lasting_ns > renew.low * life_ns:
        yield from _burst(renew, life_ns, stretches)


def renewals_per_s(renew: Renew, life_ns: int, users: int) -> Fraction | None:
    """While tokens that were made at one time are renewed; None: all at once."""
    window_ns = (renew.high - renew.low) * life_ns
    return users * SECOND_NS / window_ns if window_ns else None


def _burst(renew: Renew, life_ns: int, stretches: tuple[Stretch, ...]) -> Iterator[Obstacle]:
    users = max(stretch.users for stretch in stretches)
    per_s = renewals_per_s(renew, life_ns, users)
    at = time_text(renew.low * life_ns)
    if per_s is None:
        yield likely(
            f"session: renew: {users:,} tokens are renewed at once {at} after they were made; "
            "write a range, such as 50..90%"
        )
        return
    rates = [stretch.offered_per_s for stretch in stretches]
    known = [rate for rate in rates if rate is not None]
    if known and per_s > max(known) * BURST_PER_S_SHARE:
        yield likely(
            f"session: renew: {users:,} tokens are renewed from {at} on at {rate_text(per_s)}/s, "
            f"beside {rate_text(max(known))}/s of other requests; widen the range"
        )


def _logins(session: Session, stretches: tuple[Stretch, ...]) -> Iterator[Obstacle]:
    if session.when != "ramp":
        return
    joined = 0
    for stretch in stretches:
        new = max(0, stretch.users - joined)
        if new and stretch.ramp_ns:
            yield from _ramp_logins(session, stretch, new)
        joined = max(joined, stretch.users)


def _ramp_logins(session: Session, stretch: Stretch, new: int) -> Iterator[Obstacle]:
    per_s = new * SECOND_NS / Fraction(stretch.ramp_ns)
    most = session.rate_max_per_s
    if most is not None and most < per_s:
        missing = new - int(most * stretch.ramp_ns / SECOND_NS)
        yield certain(
            f"{stretch.where}{new:,} users log in within {time_text(stretch.ramp_ns)}, at most "
            f"{rate_text(most)}/s: {missing:,} are still outside when the hold begins; a ramp of "
            f"{time_text(new * SECOND_NS / most)} takes them all"
        )
    elif per_s > LOGINS_PER_S:
        yield likely(
            f"{stretch.where}{new:,} users log in within {time_text(stretch.ramp_ns)}: "
            f"{rate_text(per_s)} password hashes per second, which may be most of what the target "
            "does then; ramp longer, or log in with minted tokens"
        )


def _rows(data: Data, stretches: tuple[Stretch, ...]) -> Iterator[Obstacle]:
    """Rows that end have to last."""
    if data.pick in ENDLESS or data.at_end == "repeat":
        return
    available = count_rows(data)
    if available is None:
        return
    if data.per == "user" or data.pick == "unique":
        needed: float | None = max(stretch.users for stretch in stretches)
        noun = "users take one each"
    else:
        counts = [_iterations(stretch) for stretch in stretches]
        known = [count for count in counts if count is not None]
        needed = sum(known) if len(known) == len(counts) else None
        noun = "iterations take one each"
    if needed is None or needed <= available:
        return
    then = {"stop": "those without one stop", "fail": "the run fails then"}[data.at_end]
    yield certain(
        f"data {data.name}: {available:,} rows, {needed:,.0f} {noun}: {then}; give it more rows, "
        "or pick: circular"
    )


def _iterations(stretch: Stretch) -> float | None:
    counts = []
    for flow in stretch.flows:
        if flow.schedule.is_open:
            counts.append(float(flow.schedule.expected_starts))
        elif flow.schedule.iterations is not None:
            counts.append(float(flow.schedule.iterations))
        else:
            return None
    return sum(counts)
