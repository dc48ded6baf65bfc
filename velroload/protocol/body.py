"""Bodies as bytes: encodings, and what each says about itself in the head.

A body becomes a row of pieces: templates (which may hold ${slots}), bytes as they are, and spans of
files, which nobody copies until the core sends them.
"""

import hashlib
import mimetypes
import mmap
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote_plus

from velroload.errors import ConfigError
from velroload.plan.body import Body, File, Form, Json, Multipart, Part

INLINE_BYTES = 16 * 1024
"""A file below this becomes part of the head's own literal: one send is cheaper than two."""
FILE_BYTES_MAX = 2**32 - 1
CHUNK_BYTES = 64 * 1024
"""Of a streamed body."""
_SLOT = re.compile(r"(\$\{[^}]*\})")
_NAME_ESCAPES = {'"': "%22", "\r": "%0D", "\n": "%0A"}


@dataclass(frozen=True, slots=True)
class Template:
    """Text that may hold ${slots}."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes as they are."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of a file."""

    path: str
    offset: int
    size: int


Piece = Template | Raw | Span


@dataclass(frozen=True, slots=True)
class Encoded:
    """A body ready to be compiled; `headers` are its own, which a request's replace."""

    pieces: tuple[Piece, ...]
    headers: tuple[tuple[str, str], ...] = ()


def encode(body: Body, seed: int) -> Encoded:
    """The body's pieces. `seed` fixes the boundary of a multipart form: the same run again sends
    the same bytes. ConfigError for a file that cannot be read."""
    match body:
        case bytes():
            return Encoded((Template(body),))
        case File():
            return Encoded((piece_of(body),))
        case Json(content=content):
            piece = piece_of(content) if isinstance(content, File) else Template(content)
            kinds = (("Content-Type", "application/json"), ("Accept", "application/json"))
            return Encoded((piece,), kinds)
        case Form(fields=fields):
            text = "&".join(f"{form_text(name)}={form_text(value)}" for name, value in fields)
            kind = ("Content-Type", "application/x-www-form-urlencoded")
            return Encoded((Template(text.encode()),), (kind,))
        case Multipart():
            return multipart(body, seed)


def form_text(text: str) -> str:
    """One name or value of a form, all but its ${slots} encoded (WHATWG URL §5.2)."""
    return "".join(
        piece if index % 2 else quote_plus(piece) for index, piece in enumerate(_SLOT.split(text))
    )


def piece_of(file: File) -> Raw | Span:
    """A small file's bytes, a large one's span."""
    try:
        with open(file.path, "rb") as opened:
            found = os.fstat(opened.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise ConfigError(f"file {file.path!r}: not a regular file; save it as one first")
            if found.st_size > FILE_BYTES_MAX:
                raise ConfigError(
                    f"file {file.path!r}: {found.st_size:,} bytes, at most {FILE_BYTES_MAX:,} "
                    "can be sent"
                )
            if found.st_size >= INLINE_BYTES:
                return Span(file.path, 0, found.st_size)
            return Raw(opened.read())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"file {file.path!r}: it cannot be read: {why.lower()}") from None


def multipart(body: Multipart, seed: int) -> Encoded:
    """The parts of a form (RFC 7578), between boundaries that occur in none of them."""
    contents = [
        Template(part.content.encode()) if isinstance(part.content, str) else piece_of(part.content)
        for part in body.parts
    ]
    boundary = next(b for b in boundaries(seed) if not any(holds(c, b) for c in contents))
    pieces: list[Piece] = []
    before = b"--"
    for part, content in zip(body.parts, contents, strict=True):
        head = before + boundary + b"\r\n" + part_head(part) + b"\r\n"
        pieces += [Template(head), content]
        before = b"\r\n--"
    pieces.append(Raw(before + boundary + b"--\r\n"))
    kind = ("Content-Type", f"multipart/form-data; boundary={boundary.decode()}")
    return Encoded(tuple(pieces), (kind,))


def boundaries(seed: int) -> Iterator[bytes]:
    """Candidates, the same ones for the same seed."""
    number = 0
    while True:
        digest = hashlib.sha256(f"{seed} {number}".encode()).hexdigest()
        yield f"velroload-{digest[:32]}".encode()
        number += 1


def holds(piece: Piece, text: bytes) -> bool:
    """True when the piece contains the text."""
    match piece:
        case Template(text=data) | Raw(data=data):
            return text in data
        case Span(path=path, size=size):
            with (
                open(path, "rb") as file,
                mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as mapped,
            ):
                return mapped.find(text) >= 0


def part_head(part: Part) -> bytes:
    """A part's own header lines."""
    lines = f'Content-Disposition: form-data; name="{escaped(part.name)}"'
    kind = part.content_type
    if isinstance(part.content, File):
        name = part.filename or os.path.basename(part.content.path)
        lines += f'; filename="{escaped(name)}"'
        kind = kind or mimetypes.guess_type(name)[0] or "application/octet-stream"
    elif part.filename is not None:
        lines += f'; filename="{escaped(part.filename)}"'
    if kind:
        lines += f"\r\nContent-Type: {kind}"
    return lines.encode() + b"\r\n"


def escaped(name: str) -> str:
    """A name that cannot end its quotes or its line (WHATWG HTML, multipart/form-data)."""
    return "".join(_NAME_ESCAPES.get(character, character) for character in name)


def chunked(pieces: tuple[Piece, ...]) -> Iterator[Piece]:
    """The pieces in chunks of the chunked coding (RFC 9112 §7.1)."""
    for piece in pieces:
        size = piece.size if isinstance(piece, Span) else len(content_of(piece))
        for offset in range(0, size, CHUNK_BYTES):
            length = min(CHUNK_BYTES, size - offset)
            yield Raw(b"%X\r\n" % length)
            if isinstance(piece, Span):
                yield Span(piece.path, piece.offset + offset, length)
            else:
                yield Raw(content_of(piece)[offset : offset + length])
            yield Raw(b"\r\n")
    yield Raw(b"0\r\n\r\n")


def content_of(piece: Template | Raw) -> bytes:
    """The bytes of a piece without slots."""
    return piece.text if isinstance(piece, Template) else piece.data
