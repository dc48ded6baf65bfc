"""What fills slots, compiled: generated values, texts, and expressions for the worker's Python."""

from collections.abc import Sequence as Row
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from velroload.errors import ConfigError
from velroload.plan.values import (
    Base64,
    Expression,
    Now,
    Pick,
    RandomInt,
    RandomText,
    Sequence,
    Text,
    Uuid,
    Value,
)
from velroload.protocol.layout import (
    BASE64,
    COMPUTED,
    INT,
    ITERATION,
    NONE,
    NOW,
    PICK,
    RANDOM_TEXT,
    SEQUENCE,
    TEXT,
    UUID,
)
from velroload.protocol.parts import Parts
from velroload.protocol.rooms import NUMBER_ROOM, OPTION_ROOM, Rooms

UNITS = {"s": 0, "ms": 1, "iso": 2}


@dataclass
class Fills:
    """Collects the values of all scenarios."""

    parts: Parts
    rooms: Rooms
    rows: list[dict[str, float]] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    computed: list[dict[str, Any]] = field(default_factory=list)

    def iteration(self, slot: str) -> int:
        """The number of a value that is the iteration's."""
        self.rooms.need(slot, NUMBER_ROOM)
        return self._add(slot, ITERATION)

    def value(self, slot: str, value: Value, max_length: int | None = None) -> int:
        """The number of the value; ConfigError where it cannot fit a slot."""
        self.rooms.value(slot, value, max_length)
        match value:
            case Uuid():
                return self._add(slot, UUID)
            case Sequence(first=first):
                return self._add(slot, SEQUENCE, a=first)
            case RandomInt(low=low, high=high):
                return self._add(slot, INT, a=low, b=high)
            case RandomText(length=length, alphabet=alphabet):
                return self._add(slot, RANDOM_TEXT, a=length, **self._options([alphabet]))
            case Pick():
                return self._pick(slot, value)
            case Now(unit=unit):
                return self._add(slot, NOW, a=UNITS[unit])
            case Text(source=source):
                return self._add(slot, TEXT, **self._text(source))
            case Base64(source=source):
                return self._add(slot, BASE64, **self._text(source))
            case Expression():
                return self._add(slot, COMPUTED, rule=self.expression(value, condition=False))

    def expression(self, expression: Expression, *, condition: bool) -> int:
        """The number of an expression that the worker's Python evaluates, each once."""
        described = {
            "source": expression.source,
            "constants": dict(expression.constants),
            "names": list(expression.slots),
            "slots": [self.parts.slot(name) for name in expression.slots],
            "condition": condition,
        }
        if described not in self.computed:
            self.computed.append(described)
        return self.computed.index(described)

    def _add(self, slot: str, kind: int, **fields: float) -> int:
        row = {"kind": kind, "slot": self.parts.slot(slot), "weight_first": NONE, **fields}
        self.rows.append(row)
        return len(self.rows) - 1

    def _text(self, source: str) -> dict[str, int]:
        first = self.parts.begin()
        self.parts.text(source.encode())
        return {"part_first": first, "part_count": len(self.parts.rows) - first}

    def _options(self, options: Row[str]) -> dict[str, int]:
        first = len(self.parts.rows)
        for option in options:
            self.parts.apart(option.encode())
        return {"part_first": first, "part_count": len(options)}

    def _pick(self, slot: str, pick: Pick) -> int:
        for option in pick.options:
            if len(option.encode()) > OPTION_ROOM:
                raise ConfigError(
                    f"choose: option {option[:30]!r}… has {len(option.encode()):,} bytes, "
                    f"at most {OPTION_ROOM:,} fit a slot"
                )
        chosen: dict[str, float] = dict(self._options(pick.options))
        if pick.how != "uniform":
            chosen["weight_first"] = len(self.weights)
            self.weights += cumulative(pick)
        return self._add(slot, PICK, **chosen)


def cumulative(pick: Pick) -> list[float]:
    """The probability of each option and those before it; the last is 1."""
    n = len(pick.options)
    if pick.how == "zipf":
        weights = 1.0 / np.arange(1, n + 1) ** pick.exponent
    else:
        hot, traffic = pick.hot_count, float(pick.hot_traffic)
        weights = np.full(n, (1 - traffic) / (n - hot))
        weights[:hot] = traffic / hot
    total = np.cumsum(weights)
    found: list[float] = (total / total[-1]).tolist()
    return found
