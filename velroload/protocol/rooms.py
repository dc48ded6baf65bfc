"""How many bytes each slot may hold: 15,000 users with four variables are not to cost 1 KiB each.

What fills a slot says how long it can get: a uuid 36 bytes, a number 20, a text what it is made of.
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
PASSES = 32
"""How deep texts may be made of texts until their room is not looked for any longer."""
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
        made = [_Made.of(*text) for text in self.texts]
        known = dict.fromkeys((text.slot for text in made), 0) | self.known
        most = {
            slot: max(ROOM, *(text.size(0) for text in texts))
            for slot, texts in _by_slot(made).items()
        }
        for turn in range(PASSES + 1):
            changed = False
            for text in made:
                inside = sum(widths.get(name, known.get(name, ROOM)) for name in text.names)
                size = most[text.slot] if turn == PASSES else text.size(inside)
                size = min(size, most[text.slot])
                if size > known[text.slot]:
                    known[text.slot], changed = size, True
            if not changed:
                break
        self.known = known

    def of(self, slot: str) -> int:
        """After settle(): a slot that nothing fills is given its text from elsewhere."""
        return self.known.get(slot, ROOM)


@dataclass(frozen=True, slots=True)
class _Made:
    """A text taken apart: its own bytes, and the slots in it."""

    slot: str
    literal: int
    names: tuple[str, ...]
    base64: bool

    @classmethod
    def of(cls, slot: str, source: str, base64: bool) -> "_Made":
        data = source.encode()
        names = tuple(name.decode() for name in REFERENCE.findall(data))
        return cls(slot, len(REFERENCE.sub(b"", data)), names, base64)

    def size(self, inside: int) -> int:
        """With slots that have so many bytes together."""
        size = self.literal + inside
        return -(-size // 3) * 4 if self.base64 else size


def _by_slot(made: list[_Made]) -> dict[str, list[_Made]]:
    found: dict[str, list[_Made]] = {}
    for text in made:
        found.setdefault(text.slot, []).append(text)
    return found
