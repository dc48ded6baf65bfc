"""The parts of requests, as the core sends them: literals, slots, lengths, spans of files.

The layout is that of core/template.pxi.
"""

import re
from dataclasses import dataclass, field

import numpy as np

from velroload.errors import ConfigError
from velroload.protocol.body import INLINE_BYTES, Encoded, Piece, Raw, Span, Template, chunked

PART = np.dtype([("kind", "<u4"), ("slot", "<u4"), ("offset", "<u4"), ("length", "<u4")])
LITERAL, SLOT, LENGTH, SPAN = 0, 1, 2, 3
REFERENCE = re.compile(rb"\$\{([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)?)\}")

LITERALS_MAX = 2**32 - 1


@dataclass
class Parts:
    """Collects the parts of one request after the other."""

    slots: dict[str, int] = field(default_factory=dict)
    literals: bytearray = field(default_factory=bytearray)
    rows: list[tuple[int, int, int, int]] = field(default_factory=list)
    files: dict[str, int] = field(default_factory=dict)
    begun: int = 0

    def slot(self, name: str) -> int:
        """The number of a slot, new at its first use."""
        return self.slots.setdefault(name, len(self.slots))

    def begin(self) -> int:
        """Begin a request; returns the number of its first part."""
        self.begun = len(self.rows)
        return self.begun

    def end(self) -> bool:
        """End it; True when it has spans. Long literals of a request that has to be rendered
        become spans too, which are sent from where they lie."""
        rows = self.rows[self.begun :]
        if len(rows) == 1 and rows[0][0] == LITERAL:
            return False
        for index, (kind, _, offset, length) in enumerate(rows, self.begun):
            if kind == LITERAL and length >= INLINE_BYTES:
                self.rows[index] = (SPAN, 0, offset, length)
        return any(kind == SPAN for kind, *_ in self.rows[self.begun :])

    def place(self, name: str) -> None:
        """Append a slot that no ${name} can refer to."""
        self.rows.append((SLOT, self.slot(name), 0, 0))

    def text(self, text: bytes) -> None:
        """Append literal bytes and ${slots}."""
        for index, piece in enumerate(REFERENCE.split(text)):
            if index % 2:
                self.rows.append((SLOT, self.slot(piece.decode()), 0, 0))
            else:
                self.literal(piece)

    def apart(self, data: bytes) -> None:
        """Append bytes as a part of their own, empty ones too."""
        self.begin()
        self.literal(data)
        if self.begun == len(self.rows):
            self.rows.append((LITERAL, 0, len(self.literals), 0))

    def literal(self, data: bytes) -> None:
        """Append bytes as they are; neighbouring literals become one."""
        if not data:
            return
        if len(self.literals) + len(data) > LITERALS_MAX:
            raise ConfigError("the texts of all requests together exceed 4 GiB")
        at = len(self.literals)
        self.literals += data
        if len(self.rows) > self.begun:
            kind, _, offset, length = self.rows[-1]
            if kind == LITERAL and offset + length == at:
                self.rows[-1] = (LITERAL, 0, offset, length + len(data))
                return
        self.rows.append((LITERAL, 0, at, len(data)))

    def piece(self, piece: Piece) -> None:
        """Append one piece of a body."""
        match piece:
            case Template(text=text):
                self.text(text)
            case Raw(data=data):
                self.literal(data)
            case Span(path=path, offset=offset, size=size):
                number = self.files.setdefault(path, len(self.files) + 1)
                self.rows.append((SPAN, number, offset, size))

    def body(self, encoded: Encoded | None, stream: bool) -> int:
        """Append the header that frames the body, the empty line and the body; the number of the
        body's first part, for LENGTH."""
        if encoded is None:
            self.literal(b"\r\n")
            return len(self.rows)
        if stream:
            self.literal(b"Transfer-Encoding: chunked\r\n\r\n")
            for piece in chunked(encoded.pieces):
                self.piece(piece)
            return len(self.rows)
        if any(isinstance(p, Template) and REFERENCE.search(p.text) for p in encoded.pieces):
            self.literal(b"Content-Length: ")
            self.rows.append((LENGTH, 0, 0, 0))
            self.literal(b"\r\n\r\n")
            first = len(self.rows)
            self.begun, before = first, self.begun  # what precedes the body must not grow into it
            for piece in encoded.pieces:
                self.piece(piece)
            self.begun = before
            return first
        self.literal(b"Content-Length: %d\r\n\r\n" % sum(map(length_of, encoded.pieces)))
        for piece in encoded.pieces:
            self.piece(piece)
        return len(self.rows)


def length_of(piece: Piece) -> int:
    """How many bytes a piece without slots has."""
    match piece:
        case Template(text=data) | Raw(data=data):
            return len(data)
        case Span(size=size):
            return size
