"""What is watched: a source tells some numbers, once a second, or why it cannot."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from velroload.plan.probe import Probe

UNITS = ("share", "count", "bytes", "per_s", "s", "state")
STATES = {"closed": 0.0, "half-open": 1.0, "half_open": 1.0, "open": 2.0}
"""A circuit breaker's states, as numbers and as most services write them."""
STATE_NAMES = ("closed", "half-open", "open")


class MissingError(Exception):
    """Nothing can be read now; the reason in one line."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What a number is: its unit (one of UNITS) and a line that says what it tells."""

    unit: str
    says: str


@dataclass(frozen=True, slots=True)
class Reading:
    """The numbers that were told, and why others were not."""

    values: dict[str, float]
    absent: dict[str, str] = field(default_factory=dict)


class Source(Protocol):
    """Something to watch. `figures`: what it can tell. `roles`: which of them analysis takes for
    what (db_connections: open).

    read() raises MissingError or OSError where nothing could be read; it is cancelled when it takes
    longer than timeout_ns, and never called while it runs. close() may be called twice.
    """

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def timeout_ns(self) -> int: ...
    @property
    def figures(self) -> dict[str, Figure]: ...
    @property
    def roles(self) -> dict[str, str]: ...

    async def read(self) -> Reading: ...
    async def close(self) -> None: ...


class Named:
    """What sources of a plan's probe have in common. `figures`, `roles`: of its kind."""

    def __init__(
        self, probe: Probe, figures: Mapping[str, Figure], roles: Mapping[str, str]
    ) -> None:
        self.name = probe.name
        self.kind = probe.kind
        self.timeout_ns = probe.timeout_ns
        self.figures = dict(figures)
        self.roles = dict(roles)


def describe(source: Source) -> dict[str, object]:
    """A source's row of the manifest."""
    figures = {
        name: {"unit": figure.unit, "says": figure.says} for name, figure in source.figures.items()
    }
    return {"name": source.name, "kind": source.kind, "values": figures, "roles": source.roles}
