"""Phases of a suite: one load after another in one run, each with its own targets and events."""

from dataclasses import dataclass, field
from fractions import Fraction

from velroload.plan.threshold import Threshold


@dataclass(frozen=True, slots=True)
class Event:
    """Something done to the target at an instant of the phase (from its start, ramp included).

    kind: http (method, url, headers, body; an allowed host) | command (words, never a shell) |
    fault (name and parameters of the reference target's) | spike (the rate times `factor`).
    It is recorded with its start and end and marked in every series. for_ns: how long a fault or a
    spike lasts. `name` is what recovery(name) refers to.
    """

    name: str
    at_ns: int
    kind: str
    for_ns: int = 0
    method: str = "POST"
    url: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    words: tuple[str, ...] = ()
    fault: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    factor: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the run: users ramp in, hold, and leave in the cool-down.

    rate: requests per second offered in the hold over all scenarios (None: closed). mix: endpoint
    → probability, in place of the flow's own. thresholds are judged over this phase alone. gate: a
    failure here fails the run; other phases inform. judges: requirement ids that this phase
    answers. stop_on: invalid | fail | None: end the run after this phase when that holds.
    """

    name: str
    users: int
    ramp_ns: int
    hold_ns: int
    rate_per_s: Fraction | None = None
    cool_down_ns: int = 5_000_000_000
    mix: tuple[tuple[str, Fraction], ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    events: tuple[Event, ...] = field(default=())
    gate: bool = False
    judges: tuple[str, ...] = ()
    stop_on: str | None = None
