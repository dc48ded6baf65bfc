"""The steps of a flow that are no requests: what is chosen, repeated, timed together, done once.

A flow is a tree of steps; protocol/program.py compiles it to a straight program with jumps.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Union

from velroload.plan.steps import Request, Think
from velroload.plan.values import Expression, Value

Step = Union[
    Request,
    Think,
    "Chance",
    "Choice",
    "Repeat",
    "While",
    "If",
    "Group",
    "Once",
    "Set",
    "Take",
    "End",
]
Steps = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Chance:
    """The steps happen with this probability, independent of everything else."""

    probability: Fraction
    steps: Steps


@dataclass(frozen=True, slots=True)
class Choice:
    """Exactly one branch happens, with a probability in proportion to its weight."""

    branches: tuple[tuple[Fraction, Steps], ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """The steps, `times` times."""

    times: int
    steps: Steps


@dataclass(frozen=True, slots=True)
class While:
    """The steps as long as the condition holds, at most `limit` times: no flow runs for ever."""

    condition: Expression
    steps: Steps
    limit: int = 100


@dataclass(frozen=True, slots=True)
class If:
    """One of two ways, by a condition over slots."""

    condition: Expression
    then: Steps
    otherwise: Steps = ()


@dataclass(frozen=True, slots=True)
class Group:
    """A transaction: its steps are also timed as one, with and without the think time inside."""

    name: str
    steps: Steps


@dataclass(frozen=True, slots=True)
class Once:
    """The steps happen in a virtual user's first pass only."""

    steps: Steps


@dataclass(frozen=True, slots=True)
class Set:
    """Fill a slot of the user's."""

    slot: str
    value: Value


@dataclass(frozen=True, slots=True)
class Take:
    """Go to the next row of a data set; its columns are then ${data.column}."""

    data: str


@dataclass(frozen=True, slots=True)
class End:
    """End the iteration here; what is left of it is counted as unstarted."""
