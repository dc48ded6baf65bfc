"""`capture`: slot → what of the response goes into it."""

from velroload.errors import ConfigError
from velroload.plan.document.kinds import At, Either, Given, Key, Made, Named, Table, Value
from velroload.plan.document.node import Node
from velroload.plan.document.readers import BYTES
from velroload.plan.slots import NAME
from velroload.plan.steps import Capture

_SOURCES = ("json", "regex", "header", "cookie", "status")


def _from_text(text: str, node: Node, at: At) -> Capture:
    slot = at.key.rpartition(".")[2]
    return Capture(slot, "", "status") if text == "status" else Capture(slot, text)


def _from_map(given: Given) -> Capture:
    slot = given.at.key.rpartition(".")[2]
    kind = given.one_of(*_SOURCES)
    if kind is None:
        raise ConfigError(f"write one of {', '.join(_SOURCES)}")
    source = "" if kind == "status" else given[kind]
    return Capture(slot, source, kind, given.get("default"), given.get("max_length"))


_TABLE = Table(
    {
        "json": Key(Value(), "A JSON path (RFC 9535) into the body: its first match."),
        "regex": Key(Value(), "A regular expression over the body: its first group, else all."),
        "header": Key(Value(), "A header of the response."),
        "cookie": Key(Value(), "A cookie that the response sets."),
        "status": Key(Value(), "true: the status."),
        "default": Key(Value(), "What the slot holds when there is none; without it, that fails."),
        "max_length": Key(BYTES, "Bytes that it may have, such as 2KiB (764)."),
    },
    _from_map,
    name="capture",
)


def _checked(pairs: tuple[tuple[str, Capture], ...], node: Node, at: At) -> tuple[Capture, ...]:
    for name, _ in pairs:
        if name in at.context.variables:
            raise ConfigError(f"{name} is a variable of the plan; capture into another name")
    return tuple(capture for _, capture in pairs)


CAPTURES = Made(
    Named(
        Either(value=Made(Value(), _from_text), pairs=_TABLE),
        names=NAME.pattern,
        what="the name of a slot: letters, digits and _, no digit first",
    ),
    _checked,
)
