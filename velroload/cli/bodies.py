"""The flags that say what a request carries: --body, --json, --form, --data-urlencode, --stream."""

import os
import re
import stat
from typing import TYPE_CHECKING

from velroload.cli.values import Values, refusal
from velroload.errors import ConfigError

if TYPE_CHECKING:
    from velroload.plan.body import Body, File, Json, Part

BODY_FLAGS = ("body", "json", "form", "data_urlencode")
_PART_OPTION = re.compile(r";(?=(?:type|filename)=)")


def make_body(values: Values) -> "Body | None":
    """The body that the flags ask for. ConfigError when two of them do."""
    from velroload.plan.body import Form, Multipart

    given = [flag for flag in BODY_FLAGS if values.has(flag)]
    if len(given) > 1:
        first, second = (values.noun(flag) for flag in given[:2])
        raise ConfigError(f"{first} and {second} exclude each other: a request has one body")
    if not given:
        if values.yes("stream"):
            raise ConfigError(
                f"{values.noun('stream')}: there is no body to stream; add --body @FILE"
            )
        return None
    if values.has("form"):
        return Multipart(tuple(values.each("form", read_part)))
    if values.has("data_urlencode"):
        return Form(tuple(values.each("data_urlencode", read_field)))
    return values.one("json", read_json) or values.one("body", read_body)


def read_body(text: str, noun: str) -> "Body":
    """The text itself, or the file behind @."""
    return read_file(text, noun) if text.startswith("@") else os.fsencode(text)


def read_json(text: str, noun: str) -> "Json":
    """A JSON document, checked, or the file behind @, sent as it is."""
    import json

    from velroload.plan.body import Json

    if text.startswith("@"):
        return Json(read_file(text, noun))
    try:
        json.loads(re.sub(r"\$\{[^}]*\}", "0", text))
    except (ValueError, RecursionError) as error:
        raise refusal(noun, text, f"not JSON: {str(error).lower()}; is its quoting lost in the "
                      "shell?") from None  # fmt: skip
    return Json(os.fsencode(text))


def read_field(text: str, noun: str) -> tuple[str, str]:
    """ "NAME=VALUE" of a form."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise refusal(noun, text, "write NAME=VALUE")
    return name, value


def read_part(text: str, noun: str) -> "Part":
    """ "NAME=VALUE" or "NAME=@FILE", with ;type=… and ;filename=… behind it."""
    from velroload.plan.body import Part

    name, value = read_field(text, noun)
    content, *options = _PART_OPTION.split(value)
    named = dict(option.split("=", 1) for option in options)
    kind = named.get("type")
    if kind is not None and not re.fullmatch(r"[!-~]+/[ -~]+", kind):
        raise refusal(noun, text, f"type {kind!r} is not one such as image/png")
    found = read_file(content, noun) if content.startswith("@") else content
    return Part(name, found, kind, named.get("filename"))


def read_file(text: str, noun: str) -> "File":
    """The regular, readable file behind @."""
    from velroload.plan.body import File

    try:
        with open(text[1:], "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise refusal(noun, text, "not a regular file; save it as one first")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise refusal(noun, text, f"the file cannot be read: {why.lower()}") from None
    return File(text[1:])
