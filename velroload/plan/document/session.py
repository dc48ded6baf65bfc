"""`session` and `accounts`: how users log in, stay logged in, and who they are."""

import re
from fractions import Fraction
from typing import Any

from velroload.errors import ConfigError
from velroload.plan.document.flow import INNER
from velroload.plan.document.kinds import (
    FLAG,
    SECRET,
    At,
    Either,
    Given,
    Key,
    Made,
    Table,
    Value,
    words,
)
from velroload.plan.document.node import Map, Node
from velroload.plan.document.readers import COUNT, DURATION, RATE
from velroload.plan.document.request import HEADERS, METHOD_KEYS, OPTIONS, read_request, request_key
from velroload.plan.flow import Steps
from velroload.plan.session import WHEN, Accounts, Renew, Session
from velroload.units import NUMBER, parse_share

_AT = re.compile(rf"({NUMBER})%?\.\.({NUMBER})% of ([A-Za-z_]\w*(?:\.\w+){{0,2}})", re.ASCII)
_OPTIONS = (
    "name", "query", "headers", "json", "form", "body", "expect", "timeout", "capture", "check",
)  # fmt: skip
"""Of a request: what may stand beside METHOD: path in renew."""


def _at(text: str) -> dict[str, Any]:
    """50..90% of life (a slot with seconds), or of token.exp (a JWT's own)."""
    found = _AT.fullmatch(text)
    if found is None:
        raise ConfigError(
            f"{text!r}: write 50..90% of SLOT, which holds seconds, or of SLOT.exp, which is a JWT"
        )
    kind = "token_slot" if found[3].endswith(".exp") else "life_slot"
    low, high = (parse_share(f"{number}%", "share") for number in found.group(1, 2))
    return {"low": low, "high": high, kind: found[3].removesuffix(".exp")}


def _renew(given: Given) -> Renew:
    more = dict(given.get("at", {}))
    if given.get("on_401") == "once":
        more["on_401"] = True
    steps: Steps = given.get("steps", ())
    line = request_key(given)
    if line is not None:
        if steps:
            raise given.refuse("steps", "a request stands beside it; put it into the steps")
        options = {name: given.node.items[name] for name in _OPTIONS if name in given}
        keys = {name: given.node.keys[name] for name in options}
        steps = read_request(line, Map(given.node.place, options, keys), given.at)
    else:
        for name in _OPTIONS:
            if name in given:
                raise given.refuse(name, "it belongs to a request; write POST: /path beside it")
    return Renew(steps, **more)


RENEW = Table(
    {
        "at": Key(Value(_at, {"type": "string"}),
                  "When: 50..90% of SLOT (seconds), or of SLOT.exp (a JWT)."),
        "steps": Key(INNER, "What renews the token."),
        **METHOD_KEYS,
        **{name: OPTIONS[name] for name in _OPTIONS},
        "on_401": Key(words("once", "never"), "once: log in again and repeat the request, once."),
    },
    _renew,
    name="renew",
)  # fmt: skip


def _login(given: Given) -> dict[str, Any]:
    return dict(given)


LOGIN = Either(
    value=Made(words(*WHEN), lambda when, node, at: {"when": when}),
    pairs=Table(
        {
            "when": Key(words(*WHEN), "setup, ramp, first_use or minted.", required=True),
            "rate_max": Key(RATE, "At most so many logins per second, in all."),
        },
        _login,
        name="login",
    ),
)


def _session(given: Given) -> Session:
    login: dict[str, Any] = given.get("login", {"when": "first_use"})
    return Session(
        login["when"],
        steps=given.get("steps", ()),
        headers=given.get("headers", ()),
        rate_max_per_s=login.get("rate_max"),
        renew=given.get("renew"),
    )


SESSION = Table(
    {
        "login": Key(LOGIN, "When users log in (first_use), and at which rate at most."),
        "steps": Key(INNER, "How a user logs in."),
        "headers": Key(HEADERS, "Headers of every request of the flow."),
        "renew": Key(RENEW, "How a token is renewed."),
    },
    _session,
    name="session",
)


def _seconds(ns: int, node: Node, at: At) -> int:
    seconds = Fraction(ns, 1_000_000_000)
    if seconds.denominator != 1:
        raise ConfigError("whole seconds are needed")
    return int(seconds)


ACCOUNTS = Table(
    {
        "count": Key(COUNT, "How many.", required=True),
        "token": Key(words("minted", "login"), "Tokens are signed here (minted), or logged in."),
        "secret": Key(SECRET, "What signs minted tokens (HS256)."),
        "service_key": Key(SECRET, "What allows making accounts."),
        "creations": Key(COUNT, "How many generations each can create (40)."),
        "hot_each": Key(COUNT, "Hot generations of each (1)."),
        "remove_after": Key(FLAG, "Remove them at the end (true)."),
        "life": Key(Made(DURATION, _seconds), "How long a minted token lives (1h)."),
    },
    lambda given: Accounts(
        given["count"],
        **given.picked(
            token="token", secret="secret", service_key="service_key", creations="creations",
            hot_each="hot_each", remove_after="remove_after", life_s="life",
        ),
    ),
    name="accounts",
)  # fmt: skip
