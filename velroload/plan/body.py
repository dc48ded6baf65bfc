"""What a request carries: text, a file, JSON, a form, or the parts of a multipart form.

Texts may contain ${slots}; files are sent byte for byte. How each becomes bytes is
protocol/body.py's matter.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from velroload.errors import ConfigError


@dataclass(frozen=True, slots=True)
class File:
    """A file on this machine; it is read once, before the run."""

    path: str


@dataclass(frozen=True, slots=True)
class Json:
    """A JSON document, sent with its content type."""

    content: bytes | File


@dataclass(frozen=True, slots=True)
class Form:
    """application/x-www-form-urlencoded: names and values before they are encoded."""

    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a multipart form. A file has a content type, and a name that the server sees."""

    name: str
    content: str | File
    content_type: str | None = None
    filename: str | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("a part of a form needs a name")
        kind = self.content_type
        if kind is not None and not (kind.isascii() and kind.isprintable() and "/" in kind):
            raise ConfigError(f"part {self.name!r}: type {kind!r} is not one such as image/png")


@dataclass(frozen=True, slots=True)
class Multipart:
    """multipart/form-data (RFC 7578)."""

    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise ConfigError("a multipart form has no part")


Body = bytes | File | Json | Form | Multipart


def texts_of(body: Body | None) -> Iterator[str | bytes]:
    """Everything in a body that may contain ${slots}."""
    match body:
        case bytes():
            yield body
        case Json(content=bytes() as text):
            yield text
        case Form(fields=fields):
            for pair in fields:
                yield from pair
        case Multipart(parts=parts):
            for part in parts:
                yield from (text for text in (part.content, part.filename) if type(text) is str)
        case _:
            return


def files_of(body: Body | None) -> Iterator[File]:
    """Every file in a body, in the order in which they are sent."""
    match body:
        case File():
            yield body
        case Json(content=File() as file):
            yield file
        case Multipart(parts=parts):
            yield from (part.content for part in parts if isinstance(part.content, File))
        case _:
            return
