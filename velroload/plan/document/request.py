"""`METHOD PATH: {options}`: one request of a flow."""

import re
from fractions import Fraction
from typing import Any

from velroload.plan.document.body import BODIES, BODY_KEYS, encoded, make_body
from velroload.plan.document.capture import CAPTURES
from velroload.plan.document.check import CHECKS
from velroload.plan.document.kinds import (
    FLAG,
    SECRET,
    At,
    Either,
    Given,
    Key,
    Made,
    Many,
    Named,
    Table,
    words,
)
from velroload.plan.document.node import Map, Node, Text
from velroload.plan.document.readers import COUNT, DURATION, NAME, PROBABILITY, STATUSES
from velroload.plan.document.values import EXPRESSION, TEMPLATE, template
from velroload.plan.flow import Chance, If, Set, Step, Steps
from velroload.plan.mask import MASK
from velroload.plan.steps import ON_ERROR, SUCCESS, Headers, Request, check_headers

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_LINE = re.compile(r"([A-Z]+) +(\S.*)")


def _headers(pairs: Headers, node: Node, at: At) -> Headers:
    assert isinstance(node, Map)
    for name, value in pairs:
        with at.inside(name).guard(node.items[name]):
            check_headers(((name, value),))
    return pairs


HEADERS = Made(Named(TEMPLATE), _headers)
OPTIONS: dict[str, Key] = {
    "name": Key(NAME, "The endpoint's name: what its figures go under (METHOD PATH)."),
    "class": Key(NAME, "What kind of endpoint it is: what requirements and thresholds refer to."),
    "tags": Key(Named(NAME), "Free words for thresholds: tag:NAME=VALUE."),
    "query": Key(
        Named(Either(value=TEMPLATE, items=Many(TEMPLATE))),
        "The query's parameters, URL-encoded; a list repeats one.",
    ),
    "headers": Key(HEADERS, "Headers of this request; they replace the defaults of that name."),
    **BODIES,
    "stream": Key(FLAG, "Send the body in chunks (false)."),
    "expect": Key(STATUSES, "Statuses that are a success: 200, 200-399, 4xx, or a list."),
    "timeout": Key(DURATION, "The limit from sending to the last byte."),
    "redirects": Key(COUNT, "How many redirects are followed, each checked against the hosts."),
    "compressed": Key(FLAG, "Ask for a compressed answer."),
    "probability": Key(PROBABILITY, "It happens with this probability, independent of others."),
    "when": Key(EXPRESSION, "It happens when this condition over slots holds."),
    "expect_share": Key(PROBABILITY, "How often `when` holds, for expectations (0.5)."),
    "capture": Key(CAPTURES, "Slot → what of the response goes into it: a JSON path, status, …"),
    "check": Key(CHECKS, "What the response must be like."),
    "on_error": Key(words(*ON_ERROR), "When it fails: continue, end the iteration, or login."),
}


def _options(given: Given) -> Given:
    if "expect_share" in given and "when" not in given:
        raise given.refuse("expect_share", "it says how often `when` holds; there is none")
    given.one_of(*BODY_KEYS)
    return given


REQUEST = Table(OPTIONS, _options, name="request")


def is_request(name: str) -> bool:
    """True for a key or text such as GET /health."""
    return bool(_LINE.fullmatch(name))


def read_request(line: Text, options: Node | None, at: At) -> tuple[Step, ...]:
    """The steps that a request with its options means; its generators come before it."""
    method, path = _method_and_path(line, at)
    before = at.context.generators
    made: list[Set] = []
    at.context.generators = made
    try:
        given = Given(Map(line.place), at)
        if options is not None and not (isinstance(options, Text) and options.is_null):
            given = REQUEST.read(options, at)
        node = options if isinstance(options, Map) else line
        with at.guard(line):
            sent = template(path, line, at)
        with at.guard(node):
            request = _request(method, path, sent, given, line.secret)
    finally:
        at.context.generators = before
    at.context.steps[id(request)] = (request, line, at)
    return _wrapped(request, made, given, line, at)


def _method_and_path(line: Text, at: At) -> tuple[str, str]:
    found = _LINE.fullmatch(line.text)
    assert found is not None
    if found[1] not in METHODS:
        raise at.refuse(line, f"method {found[1]}: write one of {', '.join(METHODS)}")
    return found[1], found[2]


def _request(method: str, written: str, path: str, given: Given, secret: bool) -> Request:
    kind = given.one_of(*BODY_KEYS)
    endpoint = given.get("name") or f"{method} {(MASK if secret else written).partition('?')[0]}"
    defaults: dict[str, Any] = given.at.context.defaults
    return Request(
        method,
        with_query(path, given.get("query", ())),
        given.get("headers", ()),
        None if kind is None else make_body(kind, given[kind]),
        given.get("stream", False),
        endpoint=endpoint,
        cls=given.get("class"),
        expect=given.get("expect") or defaults.get("expect") or SUCCESS,
        timeout_ns=given.get("timeout"),
        redirects=given.get("redirects", defaults.get("redirects", 0)),
        compressed=given.get("compressed", defaults.get("compressed", False)),
        captures=given.get("capture", ()),
        checks=given.get("check", ()),
        tags=given.get("tags", ()),
        on_error=given.get("on_error", "continue"),
    )


def with_query(path: str, pairs: tuple[tuple[str, Any], ...]) -> str:
    """The path with more parameters behind it."""
    parts = [
        f"{encoded(name)}={encoded(value)}"
        for name, values in pairs
        for value in (values if isinstance(values, tuple) else (values,))
    ]
    if not parts:
        return path
    return path + ("&" if "?" in path else "?") + "&".join(parts)


def _wrapped(request: Request, made: list[Set], given: Given, line: Text, at: At) -> Steps:
    steps: Steps = (*made, request)
    probability: Fraction | None = given.get("probability")
    if probability is not None:
        steps = (Chance(probability, steps),)
    if "when" in given:
        way = If(given["when"], steps, expect_share=given.get("expect_share"))
        at.context.steps[id(way)] = (way, line, at)
        steps = (way,)
    return steps


def request_key(given: Given) -> Text | None:
    """The line METHOD PATH of a map that says METHOD: path beside other keys."""
    method = given.one_of(*METHODS)
    if method is None:
        return None
    node = given.node.items[method]
    assert isinstance(node, Text)
    return Text(node.place, f"{method} {node.text}", plain=False, secret=node.secret)


METHOD_KEYS = {method: Key(SECRET, f"A {method} request of this path.") for method in METHODS}
