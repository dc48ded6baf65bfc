"""What a request carries: text, a file, JSON, a form or multipart, as plan/body.py's types."""

import json
import os
import stat
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from velroload.errors import ConfigError
from velroload.plan.body import Body, File, Form, Json, Multipart, Part
from velroload.plan.document.kinds import At, Either, Given, Key, Made, Named, Schema, Table, Value
from velroload.plan.document.node import List, Map, Node, Text
from velroload.plan.document.values import TEMPLATE
from velroload.plan.slots import SLOT

_PLACEHOLDER = "-"
"""A part's name until it is known."""
BODY_KEYS = ("json", "form", "multipart", "body", "file")


class JsonDocument:
    """Any value, written down as JSON; a text that is itself JSON stays as it is.

    Numbers, true, false and null mean themselves when they are not quoted; a text with ${slots} is
    always a text. {"n": ${n}} as a quoted text sends a slot as a number.
    """

    def read(self, node: Node, at: At) -> bytes:
        if isinstance(node, Text) and node.text.lstrip().startswith(("{", "[")):
            text: str = TEMPLATE.read(node, at)
            try:
                json.loads(SLOT.sub("0", text))
            except (ValueError, RecursionError) as error:
                raise at.refuse(node, f"the text is not JSON: {str(error).lower()}") from None
            return text.encode()
        return json.dumps(self._value(node, at), ensure_ascii=False).encode()

    def _value(self, node: Node, at: At) -> Any:
        if isinstance(node, List):
            return [self._value(item, at.item(index)) for index, item in enumerate(node.items)]
        if isinstance(node, Map):
            return {
                TEMPLATE.read(node.keys[name], at.inside(name)): self._value(item, at.inside(name))
                for name, item in node.items.items()
            }
        if node.is_null:
            return None
        text = TEMPLATE.read(node, at)
        return Text(node.place, text, node.plain).value()

    def schema(self, defs: Schema) -> Schema:
        return {}


def _part(given: Given) -> Part:
    kind = given.one_of("file", "text")
    if kind is None:
        raise ConfigError("write file or text")
    content = File(given["file"]) if kind == "file" else given["text"]
    return Part(_PLACEHOLDER, content, given.get("type"), given.get("filename"))


def existing_file(text: str, node: Node, at: At) -> str:
    """A regular, readable file, its path as seen from here: relative ones belong to the plan."""
    path = str(at.context.folder / text)
    try:
        with open(path, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigError(f"file {text!r} is not a regular file")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"file {text!r} cannot be read: {why.lower()}") from None
    return path


FILE = Made(Value(form={"type": "string"}), existing_file)

_PART = Either(
    value=TEMPLATE,
    pairs=Table(
        {
            "file": Key(FILE, "The part's content: a file beside the plan."),
            "text": Key(TEMPLATE, "The part's content: a text."),
            "type": Key(Value(), "Its content type, such as image/png."),
            "filename": Key(TEMPLATE, "The file's name that the server sees."),
        },
        _part,
        name="part",
    ),
)


def _parts(pairs: tuple[tuple[str, str | Part], ...], node: Node, at: At) -> tuple[Part, ...]:
    if not pairs:
        raise ConfigError("a multipart form has no part")
    return tuple(
        replace(part, name=name) if isinstance(part, Part) else Part(name, part)
        for name, part in pairs
    )


BODIES = {
    "json": Key(JsonDocument(), "A JSON body, with its content type."),
    "form": Key(Named(TEMPLATE), "A form's fields, URL-encoded."),
    "multipart": Key(
        Made(Named(_PART), _parts), "The parts of a multipart form; files: {file: a.png}."
    ),
    "body": Key(TEMPLATE, "The body as a text; its content type is yours to set."),
    "file": Key(FILE, "A file beside the plan that is the body."),
}


def make_body(kind: str, content: Any) -> Body:
    """The body that a key means."""
    if kind == "json":
        return Json(content)
    if kind == "form":
        return Form(content)
    if kind == "multipart":
        return Multipart(content)
    return File(content) if kind == "file" else str(content).encode()


def encoded(text: str) -> str:
    """A text %-encoded but for its ${slots}, which are sent as they are."""
    pieces, at = [], 0
    for found in SLOT.finditer(text):
        pieces += [quote(text[at : found.start()], safe=""), found[0]]
        at = found.end()
    return "".join([*pieces, quote(text[at:], safe="")])
