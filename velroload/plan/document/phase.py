"""`phases`: one load after another, each with targets and events."""

import re
from fractions import Fraction
from typing import Any

from velroload.errors import ConfigError
from velroload.plan.document.kinds import (
    FLAG,
    At,
    Given,
    Key,
    Made,
    Many,
    Named,
    Table,
    Value,
    words,
)
from velroload.plan.document.node import Node
from velroload.plan.document.readers import (
    COUNT,
    DURATION,
    NAME,
    NUMBER_VALUE,
    PROBABILITY,
    RATE,
    THRESHOLD,
    threshold,
)
from velroload.plan.document.request import HEADERS, METHOD_KEYS, request_key
from velroload.plan.document.values import TEMPLATE
from velroload.plan.phase import STOP_ON, Event, Phase
from velroload.plan.slots import references
from velroload.plan.threshold import Threshold

_TARGET = re.compile(r"rate|errors|checks|cache|max|p[0-9.]+|recovery\(.+\)")
_AT_LEAST = ("rate", "checks", "cache")


def _target(text: str, node: Node, at: At) -> Threshold:
    """p95: 75ms → p95(response) <= 75ms: the sentence that it stands for."""
    name = at.key.removeprefix(at.key.partition(".targets.")[0] + ".targets.")
    op = ">=" if name in _AT_LEAST else "<="
    timed = name == "max" or name.startswith("p")
    return threshold(f"{name}{'(response)' if timed else ''} {op} {text}", node, at)


TARGETS = Made(
    Named(
        Made(Value(), _target),
        _TARGET.pattern,
        "a target; write rate, p95 (any percentile), max, errors, checks, cache or recovery(EVENT)",
    ),
    lambda pairs, node, at: tuple(made for _, made in pairs),
)


def _whole_text(text: str, node: Node, at: At) -> str:
    for name in references(text):
        raise ConfigError(f"${{{name}}}: an event is no user's; it has no slots")
    return text


_PLAIN = Made(TEMPLATE, _whole_text)


def _event(given: Given) -> Event:
    line = request_key(given)
    kind = given.one_of("fault", "command", "spike")
    if (line is None) == (kind is None):
        raise ConfigError("write one of fault, command, spike and METHOD: path")
    more: dict[str, Any] = given.picked(for_ns="for")
    if line is not None:
        method, url = line.text.split(" ", 1)
        more |= {"method": method, "url": url, **given.picked(headers="headers", body="body")}
        name = f"{method} {url}"
    else:
        for key in ("headers", "body"):
            if key in given:
                raise given.refuse(key, "it goes with METHOD: path only")
        assert kind is not None
        field = {"fault": "fault", "command": "words", "spike": "factor"}[kind]
        more[field] = given[kind]
        name = given["fault"] if kind == "fault" else kind
    if "with" in given:
        if kind != "fault":
            raise given.refuse("with", "it goes with a fault only")
        more["parameters"] = given["with"]
    return Event(given.get("name", name), given["at"], kind or "http", **more)


EVENT = Table(
    {
        "at": Key(DURATION, "When, from the start of the phase (its ramp included).", True),
        "for": Key(DURATION, "How long a fault or a spike lasts."),
        "name": Key(NAME, "What recovery(NAME) and reports call it."),
        "fault": Key(NAME, "A fault of the reference target."),
        "with": Key(Named(Value()), "The fault's parameters."),
        "command": Key(Many(_PLAIN), "A command on this machine, as a list of words; no shell."),
        "spike": Key(NUMBER_VALUE, "The offered rate times this."),
        **METHOD_KEYS,
        "headers": Key(HEADERS, "Headers of the request."),
        "body": Key(_PLAIN, "Body of the request."),
    },
    _event,
    name="event",
)


def _phase(given: Given) -> Phase:
    mix: tuple[tuple[str, Fraction], ...] = given.get("mix", ())
    return Phase(
        given["name"],
        given["users"],
        given.get("ramp", 0),
        given["hold"],
        mix=mix,
        thresholds=(*given.get("targets", ()), *given.get("thresholds", ())),
        **given.picked(
            rate_per_s="rate", cool_down_ns="cool_down", events="events", gate="gate",
            judges="judges", stop_on="stop_on",
        ),
    )  # fmt: skip


PHASE = Table(
    {
        "name": Key(NAME, "What its figures go under.", required=True),
        "users": Key(COUNT, "Users in the hold, over all scenarios.", required=True),
        "ramp": Key(DURATION, "They join within this time (0s)."),
        "hold": Key(DURATION, "What is judged: how long all are there.", required=True),
        "rate": Key(RATE, "Requests per second offered; without it users go on by themselves."),
        "mix": Key(Named(PROBABILITY), "Endpoint → its probability in this phase."),
        "targets": Key(TARGETS, "What is demanded: {rate: 100/s, p95: 75ms, errors: 1%}."),
        "thresholds": Key(Many(THRESHOLD), "More demands, as sentences, of this phase alone."),
        "events": Key(Many(EVENT), "What is done to the target, and when."),
        "cool_down": Key(DURATION, "A pause after it (5s)."),
        "gate": Key(FLAG, "A failure here fails the run; else it informs (false)."),
        "judges": Key(Many(NAME, single=True), "Requirements that this phase answers, by id."),
        "stop_on": Key(words(*STOP_ON), "End the run after this phase when it is so."),
    },
    _phase,
    name="phase",
)
