"""Keep-alive against think time: whether users hold their connections, and who opens how many."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from velroload.plan.model import SECOND_NS, Plan
from velroload.runner.forecast.obstacle import Obstacle, likely
from velroload.runner.forecast.pace import rate_text, time_text
from velroload.runner.forecast.traffic import Stretch

IDLE_CLOSE_NS = 5 * SECOND_NS
"""After how long idle connections are closed by uvicorn, the usual server of such services."""


@dataclass(frozen=True, slots=True)
class Reuse:
    """In one stretch, against a server that closes idle connections after IDLE_CLOSE_NS.

    gap_ns: between two iterations of a user. opened_per_s: connections opened, open_at_once: open
    at one time, on average."""

    stretch: str
    gap_ns: Fraction
    opened_per_s: Fraction
    open_at_once: int


def reuse_of(plan: Plan, stretch: Stretch) -> Reuse | None:
    """None where users come back before the server closes, or nothing is known."""
    rate = stretch.iterations_per_s
    gap_ns = stretch.gap_ns
    if not rate or not plan.connecting.keep_alive or plan.connections:
        return None
    if gap_ns is None or gap_ns <= IDLE_CLOSE_NS:
        return None
    at_once = min(stretch.users, round(rate * IDLE_CLOSE_NS / SECOND_NS))
    return Reuse(stretch.name, gap_ns, rate, at_once)


def connection_obstacles(plan: Plan, stretches: tuple[Stretch, ...]) -> Iterator[Obstacle]:
    """One sentence about the stretch with the most users."""
    known = [(stretch, reuse_of(plan, stretch)) for stretch in stretches]
    found = [(stretch, reuse) for stretch, reuse in known if reuse is not None]
    if not found:
        return
    stretch, reuse = max(found, key=lambda pair: pair[0].users)
    yield likely(
        f"{stretch.where}a user comes back every {time_text(reuse.gap_ns)}: a server that closes "
        f"idle connections after {time_text(IDLE_CLOSE_NS)} (uvicorn does) holds about "
        f"{reuse.open_at_once:,} of {stretch.users:,} connections, and accepts "
        f"{rate_text(reuse.opened_per_s)} new ones per second; raise its keep-alive, or mean it so"
    )
