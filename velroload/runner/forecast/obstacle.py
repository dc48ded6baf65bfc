"""What stands in the way of a pass, as one sentence each."""

from dataclasses import dataclass

PLAN, MACHINE = "plan", "machine"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """certain: whatever the target does, it cannot pass so; else it may not. cause: PLAN, which
    has to be changed, or MACHINE, which cannot carry it."""

    text: str
    certain: bool
    cause: str = PLAN


def certain(text: str) -> Obstacle:
    """The plan contradicts itself."""
    return Obstacle(text, True)


def likely(text: str) -> Obstacle:
    """It depends on the target, or on chance."""
    return Obstacle(text, False)


def unfit(text: str) -> Obstacle:
    """This machine cannot."""
    return Obstacle(text, True, MACHINE)
