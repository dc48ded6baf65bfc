"""What each scenario gets of a phase: its part of the users and of the rate, by weight, exact."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from velroload.errors import ConfigError
from velroload.plan.flow import Unpredictable
from velroload.plan.phase import Phase
from velroload.plan.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Part:
    """One scenario's part of one phase. rate_per_s: iterations; None where its users go on by
    themselves. requests: expected in an iteration under the phase's mix (None: nobody knows)."""

    users: int
    rate_per_s: Fraction | None
    requests: Fraction | None


def parts_of(phase: Phase, scenarios: Sequence[Scenario]) -> tuple[Part, ...]:
    """Each scenario's part. Users are whole: the largest remainders get what is left over.

    ConfigError when a scenario would get no user, or a rate without any request.
    """
    whole = sum((scenario.weight for scenario in scenarios), Fraction(0))
    users = apportion(phase.users, [scenario.weight for scenario in scenarios])
    if min(users) == 0:
        raise ConfigError(
            f"phase {phase.name!r}: {phase.users} users are too few for {len(scenarios)} "
            "scenarios: each needs one"
        )
    return tuple(
        _part(phase, scenario, own, scenario.weight / whole)
        for scenario, own in zip(scenarios, users, strict=True)
    )


def _part(phase: Phase, scenario: Scenario, users: int, share: Fraction) -> Part:
    try:
        requests = scenario.with_mix(dict(phase.mix)).requests_per_iteration
    except Unpredictable as error:
        if phase.rate_per_s is None:
            return Part(users, None, None)
        raise ConfigError(
            f"phase {phase.name!r}: a rate of requests needs to know how many an iteration of "
            f"{scenario.name!r} makes: {error}"
        ) from None
    if phase.rate_per_s is None:
        return Part(users, None, requests)
    if not requests:
        raise ConfigError(
            f"phase {phase.name!r}: under its mix an iteration of {scenario.name!r} sends nothing"
        )
    return Part(users, phase.rate_per_s * share / requests, requests)


def apportion(total: int, weights: Sequence[Fraction]) -> list[int]:
    """A whole number in parts that add up to it, in proportion to the weights (Hamilton)."""
    whole = sum(weights, Fraction(0))
    exact = [total * weight / whole for weight in weights]
    parts = [int(part) for part in exact]
    order = sorted(range(len(parts)), key=lambda place: parts[place] - exact[place])
    for place in order[: total - sum(parts)]:
        parts[place] += 1
    return parts
