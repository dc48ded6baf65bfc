"""A plan, explained: what it sends, what it takes, what can be proved, and what cannot pass."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from velroload.errors import Exit, strongest
from velroload.plan.model import Plan
from velroload.runner.forecast.cache import CacheOutlook, cache_obstacles, outlook_of
from velroload.runner.forecast.connections import Reuse, connection_obstacles, reuse_of
from velroload.runner.forecast.demand import demand_obstacles
from velroload.runner.forecast.fitness import fitness_obstacles
from velroload.runner.forecast.machine import Facts, Needs, needs_of
from velroload.runner.forecast.obstacle import MACHINE, PLAN, Obstacle
from velroload.runner.forecast.pace import pace_obstacles
from velroload.runner.forecast.people import people_obstacles
from velroload.runner.forecast.proof import cycle_obstacles, proof_obstacles
from velroload.runner.forecast.samples import Support, supports_of
from velroload.runner.forecast.traffic import Stretch, stretches_of

Look = Callable[[Plan, tuple[Stretch, ...]], Iterator[Obstacle]]
LOOKS: tuple[Look, ...] = (
    pace_obstacles,
    demand_obstacles,
    cache_obstacles,
    cycle_obstacles,
    people_obstacles,
    connection_obstacles,
    proof_obstacles,
)
"""Whatever looks for obstacles in a plan, in the order in which they are told."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """All that can be said before anything is sent."""

    plan: Plan
    stretches: tuple[Stretch, ...]
    facts: Facts
    needs: Needs
    supports: tuple[Support, ...]
    caches: tuple[CacheOutlook, ...]
    reuses: tuple[Reuse, ...]
    obstacles: tuple[Obstacle, ...]

    @property
    def exit_code(self) -> Exit:
        """2 when the plan cannot pass, 3 when only this machine cannot carry it, else 0."""
        causes = {each.cause for each in self.obstacles if each.certain}
        codes = {PLAN: Exit.USAGE, MACHINE: Exit.PREFLIGHT}
        return strongest([codes[cause] for cause in causes])


def forecast(plan: Plan, facts: Facts) -> Forecast:
    """Compute it all; nothing is sent, opened or written."""
    stretches = stretches_of(plan)
    needs = needs_of(plan, stretches, facts)
    caches = [outlook_of(plan, stretch) for stretch in stretches]
    reuses = [reuse_of(plan, stretch) for stretch in stretches]
    found = [obstacle for look in LOOKS for obstacle in look(plan, stretches)]
    found += fitness_obstacles(plan, stretches, needs, facts)
    return Forecast(
        plan,
        stretches,
        facts,
        needs,
        supports_of(plan, stretches),
        tuple(each for each in caches if each is not None),
        tuple(each for each in reuses if each is not None),
        tuple(sorted(dict.fromkeys(found), key=lambda each: not each.certain)),
    )
