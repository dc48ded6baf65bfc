"""The phases of a run on its time axis: ramp, hold, cool-down. Only what a hold holds counts.

A request belongs to the phase in which its iteration was scheduled, however late it was sent or
answered (core/users.pxi finds it by that instant).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from velroload.errors import ConfigError
from velroload.load.schedule import Schedule

RAMP, HOLD, COOL_DOWN = "ramp", "hold", "cool-down"


@dataclass(frozen=True, slots=True)
class Phase:
    """`id`: its number in samples; `name`: of the part of the plan that it belongs to; `kind`:
    RAMP, HOLD or COOL_DOWN. Instants in ns since the run's epoch; end_ns None: it lasts as long as
    the run."""

    id: int
    name: str
    kind: str
    start_ns: int
    end_ns: int | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def phases_of(
    schedules: Sequence[Schedule], name: str = "main", *, warmed: bool = False
) -> tuple[Phase, ...]:
    """The hold is where all scenarios hold; before it the ramp, after it the cool-down.

    Where no hold has an end (a number of iterations ends the run), or the holds of several
    scenarios have no instant in common, all of the run is its hold. `warmed`: a warm-up was asked
    for, which is left out even then; ConfigError where the holds have nothing in common.
    """
    start_ns = max(each.hold_start_ns for each in schedules)
    ends = [each.hold_end_ns for each in schedules if each.hold_end_ns is not None]
    known = [each.end_ns for each in schedules if each.end_ns is not None]
    last_ns = max(known) if len(known) == len(schedules) else None
    end_ns = min(ends) if ends else None
    if warmed and end_ns is not None and end_ns <= start_ns:
        raise ConfigError(
            "warm_up: the holds of the scenarios have no instant in common, so that nothing "
            "tells a warm-up apart; leave it out, or let start_after and hold overlap"
        )
    if end_ns is None and warmed:
        return Phase(0, name, RAMP, 0, start_ns), Phase(1, name, HOLD, start_ns, last_ns)
    if end_ns is None or end_ns <= start_ns:
        return (Phase(0, name, HOLD, 0, last_ns),)
    windows: list[tuple[str, int, int | None]] = []
    if start_ns > 0:
        windows.append((RAMP, 0, start_ns))
    windows.append((HOLD, start_ns, end_ns))
    if last_ns is None or last_ns > end_ns:
        windows.append((COOL_DOWN, end_ns, last_ns))
    return tuple(Phase(place, name, *window) for place, window in enumerate(windows))
