"""Requirements: which document a run is held against, and which phase answers it."""

from dataclasses import dataclass
from fractions import Fraction

from velroload.errors import ConfigError
from velroload.plan.threshold import Threshold

KNOWN = ("velro-prd",)
"""Documents that are known by name."""
NUMBERS = {"velro-prd": tuple(f"R{number}" for number in range(1, 14))}
"""The requirements of each, by id."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A run of parts only: so much of the document's users, and of its rate; 1 is all of it."""

    users: Fraction = Fraction(1)
    rate: Fraction = Fraction(1)

    def __post_init__(self) -> None:
        for name, share in (("users", self.users), ("rate", self.rate)):
            if not 0 < share <= 1:
                raise ConfigError(
                    f"requirements: scale: {name} is {float(share):g}: above 0, and 1 at most"
                )


@dataclass(frozen=True, slots=True)
class Requirements:
    """use: the document. phase: the phase that answers it (None: the whole run), but for
    requirements that another phase judges itself (Phase.judges).

    more: requirements of the plan's own, id → threshold. weights: id → its part of the score (1).
    critical: without these the run does not pass (None: as the document says). scale: what is
    demanded of amounts is scaled with it; what only the whole load can answer is NOT MEASURED.
    """

    use: str
    phase: str | None = None
    more: tuple[tuple[str, Threshold], ...] = ()
    weights: tuple[tuple[str, Fraction], ...] = ()
    critical: tuple[str, ...] | None = None
    scale: Scale | None = None

    def __post_init__(self) -> None:
        if self.use not in KNOWN:
            raise ConfigError(f"requirements: {self.use!r} is not known: {', '.join(KNOWN)}")
        known = [*NUMBERS[self.use], *(name for name, _ in self.more)]
        for name in known:
            if known.count(name) > 1:
                raise ConfigError(f"requirements: {name!r} stands twice")
        for name in (*(name for name, _ in self.weights), *(self.critical or ())):
            if name not in known:
                raise ConfigError(f"requirements: there is no {name!r}: {', '.join(known)}")
        for name, weight in self.weights:
            if weight <= 0:
                raise ConfigError(f"requirements: weight of {name}: more than 0 is needed")
