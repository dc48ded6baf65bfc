"""How many bytes each slot may hold: 15,000 users with four variables are not to cost 1 KiB each.

What fills a slot says how long it can get: a uuid 36 bytes, a number 20, a text what it consists of.
What servers choose has no such length: ROOM, or the plan's max_length. A cell of a data set has the
length of its column's longest, and lies in nobody's memory (protocol/table.py).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from velroload.plan.steps import Capture
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
from velroload.protocol.parts import REFERENCE

ROOM = 764
"""Of a captured or computed value, where the plan does not say; longer is CAPTURE_TOO_LONG."""
OPTION_ROOM = 1020
"""Of an option that is chosen, at most."""
SITE_ROOM = 4092
"""Of what the engine keeps for redirects and cookies."""
NUMBER_ROOM, UUID_ROOM, ISO_ROOM, STATUS_ROOM = 20, 36, 24, 3
LENGTH_BYTES = 4
"""Stands before each slot's text."""
CELL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*")
"""A slot that is a data set's column; no other has such a name."""


@dataclass
class Rooms:
    """Collects what is known of each slot while the flows are compiled."""

    known: dict[str, int] = field(default_factory=dict)
    texts: list[tuple[str, str, bool]] = field(default_factory=list)

    def need(self, slot: str, size: int) -> None:
        """The slot has to have room for so many bytes."""
        self.known[slot] = max(self.known.get(slot, 0), size)

    def capture(self, capture: Capture) -> None:
        """The slot of a capture."""
        room = STATUS_ROOM if capture.kind == "status" else ROOM
        default = len((capture.default or "").encode())
        self.need(capture.slot, max(capture.max_length or room, default))

    def value(self, slot: str, value: Value, max_length: int | None) -> None:
        """The slot of a set step."""
        match value:
            case Text() | Base64() if max_length is None:
                self.texts.append((slot, value.source, isinstance(value, Base64)))
            case Text() | Base64() | Expression():
                self.need(slot, max_length or ROOM)
            case Uuid():
                self.need(slot, UUID_ROOM)
            case Sequence() | RandomInt():
                self.need(slot, NUMBER_ROOM)
            case Now():
                self.need(slot, ISO_ROOM)
            case RandomText(length=length):
                self.need(slot, length)
            case Pick(options=options):
                self.need(slot, max(len(option.encode()) for option in options))

    def settle(self, widths: Mapping[str, int]) -> None:
        """Measure the texts. `widths`: of cells. One that is made of itself, or of more than ROOM,
        has ROOM, unless it is longer without its slots."""
        most = {slot: ROOM for slot, _, _ in self.texts}
        for slot, source, base64 in self.texts:
            most[slot] = max(most[slot], _encoded(_literal(source), base64))
        for turn in range(len(self.texts) + 1):
            changed = False
            for slot, source, base64 in self.texts:
                size = _encoded(_literal(source) + self._slots(source, widths), base64)
                if turn == len(self.texts):
                    size = most[slot]
                size = min(size, most[slot])
                if size > self.known.get(slot, -1):
                    self.known[slot] = size
                    changed = True
            if not changed:
                return

    def _slots(self, source: str, widths: Mapping[str, int]) -> int:
        names = [name.decode() for name in REFERENCE.findall(source.encode())]
        texts = {slot for slot, _, _ in self.texts}
        return sum(
            widths.get(name, self.known.get(name, 0 if name in texts else ROOM)) for name in names
        )

    def of(self, slot: str) -> int:
        """After settle(): a slot that nothing fills is given its text from elsewhere."""
        return self.known.get(slot, ROOM)


def _literal(source: str) -> int:
    return len(REFERENCE.sub(b"", source.encode()))


def _encoded(size: int, base64: bool) -> int:
    return -(-size // 3) * 4 if base64 else size
