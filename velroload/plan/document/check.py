"""`check`: what a response must be like."""

import json
import re
from typing import Any

from velroload.errors import ConfigError
from velroload.plan.check import Check
from velroload.plan.document.kinds import At, Either, Given, Key, Made, Many, Named, Table, Value
from velroload.plan.document.node import Node, Text
from velroload.plan.document.readers import DURATION, SIZE, STATUSES
from velroload.plan.document.values import EXPRESSION

Checks = tuple[Check, ...]


def _json_value(text: str, node: Node, at: At) -> str:
    """What the value must be, as JSON: read as YAML does."""
    assert isinstance(node, Text)
    return json.dumps(node.value(), ensure_ascii=False)


def _body(given: Given) -> Check:
    return Check(f"body matches {given['regex']}", "body", pattern=given["regex"])


def _time(given: Given) -> Checks:
    kinds = [name for name in ("response", "service") if name in given]
    if not kinds:
        raise ConfigError("write response or service")
    return tuple(
        Check(f"{name} time", "time", subject=name, limit_ns=given[name]) for name in kinds
    )


def _header(name: str, pattern: str | None) -> Check:
    return Check(f"header {name}", "header", subject=name, pattern=pattern)


def _size(ends: tuple[int | None, int | None], node: Node, at: At) -> Checks:
    return (Check("size", "size", low=ends[0], high=ends[1]),)


_JSON = Either(
    value=Made(Value(), lambda path, node, at: (Check(f"json {path}", "json", subject=path),)),
    pairs=Made(
        Named(Made(Value(), _json_value)),
        lambda pairs, node, at: tuple(
            Check(f"json {path}", "json", subject=path, equals=value) for path, value in pairs
        ),
    ),
)
_BODY = Either(
    value=Made(
        Value(),
        lambda text, node, at: (Check(f"body has {text}", "body", pattern=re.escape(text)),),
    ),
    pairs=Made(
        Table({"regex": Key(Value(), "A regular expression that matches somewhere.")}, _body),
        lambda check, node, at: (check,),
    ),
)
_HEADER = Either(
    value=Made(Value(), lambda name, node, at: (_header(name, None),)),
    pairs=Made(
        Named(Value()),
        lambda pairs, node, at: tuple(_header(name, pattern) for name, pattern in pairs),
    ),
)
_TIME = Either(
    value=Made(
        DURATION,
        lambda ns, node, at: (Check("response time", "time", subject="response", limit_ns=ns),),
    ),
    pairs=Table(
        {
            "response": Key(DURATION, "The response time is at most this."),
            "service": Key(DURATION, "The service time is at most this."),
        },
        _time,
    ),
)


def _all(given: Given) -> Checks:
    found: list[Any] = [each for name in given for each in given[name]]
    if not found:
        raise ConfigError("nothing is checked; leave it out")
    return tuple(found)


CHECKS = Table(
    {
        "status": Key(
            Made(STATUSES, lambda ranges, node, at: (Check("status", "status", ranges=ranges),)),
            "Statuses, as in expect.",
        ),
        "header": Key(_HEADER, "A header that is there, or name → pattern of its value."),
        "json": Key(_JSON, "A JSON path that is there and not null, or path → value."),
        "body": Key(_BODY, "A text that is in the body, or {regex: pattern}."),
        "size": Key(Made(SIZE, _size), "Bytes of the body: 512, 10..2KiB, ..1MiB."),
        "time": Key(_TIME, "The longest response time; or {service: 50ms}."),
        "when": Key(
            Made(
                Many(EXPRESSION, single=True),
                lambda many, node, at: tuple(
                    Check(f"when {each.source}", "when", expression=each) for each in many
                ),
            ),
            "A condition over slots, captures and status.",
        ),
    },
    _all,
    name="check",
)
