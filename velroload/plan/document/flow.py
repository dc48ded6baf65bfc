"""`flow`: requests, pauses, and what is chosen, repeated, timed together, done once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from velroload.plan.document.kinds import (
    At,
    Given,
    Key,
    Kind,
    Later,
    Made,
    Many,
    Named,
    Schema,
    Table,
    Value,
)
from velroload.plan.document.node import List, Map, Node, Text, kind_of
from velroload.plan.document.problems import Refused, did_you_mean
from velroload.plan.document.readers import COUNT, NAME, NUMBER_VALUE, PAUSE, PROBABILITY
from velroload.plan.document.request import METHODS, REQUEST, is_request, read_request
from velroload.plan.document.values import EXPRESSION, SLOT_VALUE, Sized
from velroload.plan.flow import Choice, End, Group, If, Once, Repeat, Set, Step, Steps, Take, While
from velroload.plan.slots import NAME as SLOT_NAME

STEPS: "Flow"
INNER = Later(lambda: STEPS)
"""Steps inside a step."""


def _steps(given: Given, key: str = "steps") -> Steps:
    found: Steps = given.get(key, ())
    return found


def _set(pairs: tuple[tuple[str, Any], ...], node: Node, at: At) -> Steps:
    assert isinstance(node, Map)
    made: list[Set] = []
    for name, value in pairs:
        inside = at.inside(name)
        if name in at.context.variables:
            raise inside.refuse(node.keys[name], "is a variable of the plan; set another slot")
        if isinstance(value, Sized):
            made.append(Set(name, value.value, value.max_length))
        else:
            made.append(Set(name, value))
        at.context.steps[id(made[-1])] = (made[-1], node.keys[name], inside)
    return tuple(made)


def _table(verb: str, kind: Kind, doc: str, build: Callable[[Given], Any], **more: Key) -> Table:
    keys = {verb: Key(kind, doc, required=True), **more}
    return Table(keys, build, name=f"{verb}_step")


_BRANCH = Table(
    {
        "weight": Key(NUMBER_VALUE, "How often, in proportion to the others (1)."),
        "steps": Key(INNER, "What happens then.", required=True),
    },
    lambda given: (given.get("weight", 1), _steps(given)),
    name="branch",
)
_TO_REPEAT = Key(INNER, "What is repeated.", required=True)

VERBS: dict[str, Table] = {
    "think": _table(
        "think", PAUSE, "A pause: 8s, uniform 1s 3s, exponential 2s, normal 2s 500ms, "
        "lognormal 8s 0.5 (median, sigma).", lambda given: given["think"],
    ),
    "group": _table(
        "group", NAME, "A transaction of this name: its steps are timed as one, too.",
        lambda given: Group(given["group"], _steps(given)),
        steps=Key(INNER, "The steps of the transaction.", required=True),
    ),
    "choose": _table(
        "choose", Many(_BRANCH), "Exactly one of these happens, by weight.",
        lambda given: Choice(given["choose"]),
    ),
    "repeat": _table(
        "repeat", COUNT, "How many times.",
        lambda given: Repeat(given["repeat"], _steps(given)), steps=_TO_REPEAT,
    ),
    "while": _table(
        "while", EXPRESSION, "As long as this condition over slots holds.",
        lambda given: While(
            given["while"], _steps(given),
            **given.picked(limit="limit", expect_times="expect_times"),
        ),
        steps=_TO_REPEAT,
        limit=Key(COUNT, "At most this many times (100)."),
        expect_times=Key(NUMBER_VALUE, "How many times on average, for expectations."),
    ),
    "if": _table(
        "if", EXPRESSION, "A condition over slots.",
        lambda given: If(
            given["if"], _steps(given, "then"), _steps(given, "else"), given.get("expect_share")
        ),
        then=Key(INNER, "What happens when it holds."),
        **{"else": Key(INNER, "What happens when it does not.")},
        expect_share=Key(PROBABILITY, "How often it holds, for expectations (0.5)."),
    ),
    "once": _table(
        "once", INNER, "These steps happen in a user's first iteration only.",
        lambda given: Once(_steps(given, "once")),
    ),
    "set": _table(
        "set", Made(Named(SLOT_VALUE, SLOT_NAME.pattern, "the name of a slot"), _set),
        "Slot → a generated, computed or composed value.", lambda given: given["set"],
    ),
    "take": _table(
        "take", Value(), "Go to the next row of this data set.",
        lambda given: Take(given["take"]),
    ),
}  # fmt: skip
"""Word → the step that it begins."""

END = "end"
_ACCEPTED = (*VERBS, END)


@dataclass(frozen=True)
class Flow:
    """A list of steps."""

    def read(self, node: Node, at: At) -> Steps:
        if not isinstance(node, List):
            raise at.refuse(node, f"a list of steps is needed, not {kind_of(node)}")
        if not node.items:
            raise at.refuse(node, "the list of steps is empty")
        found: list[Step] = []
        whole = True
        for index, item in enumerate(node.items):
            try:
                made = _read_step(item, at.item(index))
                found += made if isinstance(made, tuple) else (made,)
            except Refused:
                whole = False
        if not whole:
            raise Refused
        return tuple(found)

    def schema(self, defs: Schema) -> Schema:
        if "steps" not in defs:
            defs["steps"] = {}
            request = REQUEST.schema(defs)
            line = "^[A-Z]+ +\\S"
            defs["steps"] = {
                "type": "array",
                "minItems": 1,
                "items": {
                    "anyOf": [
                        {"type": "string", "pattern": f"{line}|^{END}$"},
                        {
                            "type": "object",
                            "patternProperties": {line: {"anyOf": [request, {"type": "null"}]}},
                            "additionalProperties": False,
                            "minProperties": 1,
                            "maxProperties": 1,
                        },
                        *(table.schema(defs) for table in VERBS.values()),
                    ]
                },
            }
        return {"$ref": "#/$defs/steps"}


STEPS = Flow()


def _read_step(node: Node, at: At) -> Step | Steps:
    if isinstance(node, Text):
        if is_request(node.text):
            return read_request(node, None, at)
        if node.text == END:
            return End()
        raise at.refuse(node, f"{node.text!r} is not a step; write METHOD PATH, or {_list()}")
    if not isinstance(node, Map):
        raise at.refuse(node, f"a step is needed, not {kind_of(node)}")
    verb = next((name for name in VERBS if name in node.items), None)
    if verb is not None:
        step: Step | Steps = VERBS[verb].read(node, at)
        if not isinstance(step, tuple):
            at.context.steps[id(step)] = (step, node, at)
        return step
    requests = [name for name in node.items if is_request(name)]
    if not requests:
        raise _no_step(node, at)
    for name in node.items:
        if name != requests[0]:
            raise at.inside(name).refuse(
                node.keys[name],
                f"stands beside {requests[0]}; indent it one level deeper to make it its option",
            )
    return read_request(node.keys[requests[0]], node.items[requests[0]], at)


def _no_step(node: Map, at: At) -> Refused:
    first = next(iter(node.items), "")
    if first.split(" ")[0].upper() in METHODS:
        hint = f"write it as {first.split(' ')[0].upper()} /path: {{…}}"
    else:
        hint = did_you_mean(first, list(_ACCEPTED))
    place = node.keys[first] if first else node
    return at.refuse(place, f"{first!r} is not a step; {hint}")


def _list() -> str:
    return ", ".join(_ACCEPTED)
