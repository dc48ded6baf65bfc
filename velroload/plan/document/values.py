"""What `set` takes, and texts with ${slots} and ${generators()} in them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from velroload.errors import ConfigError
from velroload.plan.document.kinds import (
    SECRET,
    At,
    Either,
    Given,
    Key,
    Made,
    Many,
    Table,
    Value,
)
from velroload.plan.document.node import Node
from velroload.plan.document.problems import did_you_mean
from velroload.plan.document.readers import BYTES
from velroload.plan.flow import Set
from velroload.plan.slots import references
from velroload.plan.values import (
    Base64,
    Expression,
    Now,
    Pick,
    RandomInt,
    RandomText,
    Sequence,
    Uuid,
)
from velroload.plan.values import Text as TextValue
from velroload.plan.values import Value as SlotValue
from velroload.units import parse_share

_CALL = re.compile(r"\$\{([A-Za-z_]+)\(([^(){}]*)\)\}")
_WHOLE = re.compile(r"-?[0-9]{1,19}")


def _numbers(name: str, words: list[str], least: int, most: int) -> list[int]:
    if not least <= len(words) <= most or not all(map(_WHOLE.fullmatch, words)):
        raise ConfigError(f"{name}: {GENERATORS[name][1]}")
    return [int(word) for word in words]


def _sequence(words: list[str]) -> SlotValue:
    return Sequence(*_numbers("sequence", words, 0, 1))


def _random_int(words: list[str]) -> SlotValue:
    return RandomInt(*_numbers("random_int", words, 2, 2))


def _random_text(words: list[str]) -> SlotValue:
    (length,) = _numbers("random_text", words[:1], 1, 1)
    if len(words) > 2:
        raise ConfigError(f"random_text: {GENERATORS['random_text'][1]}")
    return RandomText(length, *words[1:])


def _now(words: list[str]) -> SlotValue:
    if len(words) > 1:
        raise ConfigError(f"now: {GENERATORS['now'][1]}")
    return Now(*words)


def _uuid(words: list[str]) -> SlotValue:
    if words:
        raise ConfigError(f"uuid: {GENERATORS['uuid'][1]}")
    return Uuid()


GENERATORS: dict[str, tuple[Callable[[list[str]], SlotValue], str]] = {
    "uuid": (_uuid, "it takes nothing"),
    "sequence": (_sequence, "write sequence, or sequence 1 to begin at 1"),
    "random_int": (_random_int, "write random_int 1 100, both ends included"),
    "random_text": (_random_text, "write random_text 12, or random_text 12 abcdef"),
    "now": (_now, "write now s, now ms or now iso"),
}
"""Name → (its words → the value, how it is written)."""


def read_value(text: str) -> SlotValue:
    """ "uuid", "random_int 1 100", or a text with ${slots} in it."""
    name, *arguments = text.split() or [""]
    if name in GENERATORS:
        return GENERATORS[name][0](arguments)
    if "${" in text:
        return TextValue(text)
    raise ConfigError(
        f"{text!r} is no generator, {did_you_mean(name, list(GENERATORS))}; "
        "a text that is meant so: {text: …}"
    )


def template(text: str, node: Node, at: At) -> str:
    """A text whose ${generators()} were put into steps of their own before this one."""

    def lift(found: re.Match[str]) -> str:
        name, inside = found[1], found[2]
        if name not in GENERATORS:
            raise ConfigError(f"${{{name}()}}: {did_you_mean(name, list(GENERATORS))}")
        context = at.context
        if context.generators is None:
            raise ConfigError(f"${{{name}()}} can stand in a flow's requests only")
        context.generated += 1
        slot = f"_{name}{context.generated}"
        value = GENERATORS[name][0](inside.replace(",", " ").split())
        context.generators.append(Set(slot, value))
        return f"${{{slot}}}"

    del node
    text = _CALL.sub(lift, text)
    references(text)
    return text


TEMPLATE = Made(SECRET, template)
"""A text that is sent: secrets, slots and generators may be in it."""


def expression(text: str, node: Node, at: At) -> Expression:
    """A condition or computation, with the plan's variables as constants."""
    del node
    bare = Expression(text)
    variables = at.context.variables
    used = tuple((name, variables[name][0]) for name in bare.slots if name in variables)
    return Expression(text, used)


EXPRESSION = Made(Value(form={"type": ["string", "number", "boolean"]}), expression)


def _how(text: str) -> dict[str, object]:
    name, *words = text.split() or [""]
    if name == "uniform" and not words:
        return {"how": name}
    if name == "zipf" and len(words) <= 1:
        if words and not re.fullmatch(r"[0-9]+(\.[0-9]+)?", words[0]):
            raise ConfigError(f"zipf {words[0]}: its exponent is a number such as 1.1")
        return {"how": name, **({"exponent": float(words[0])} if words else {})}
    if name == "hot" and len(words) in (0, 2):
        shares: list[Fraction] = [parse_share(word, "hot") for word in words]
        return {"how": name, **dict(zip(("hot_share", "hot_traffic"), shares, strict=False))}
    raise ConfigError(f"{text!r}: write uniform, zipf 1.1 or hot 20% 80%")


def _option(text: str, node: Node, at: At) -> str:
    del node, at
    if "${" in text:
        raise ConfigError("an option is a plain text; a slot cannot stand in it")
    return text


@dataclass(frozen=True, slots=True)
class Sized:
    """A value with the room that its slot is to have."""

    value: SlotValue
    max_length: int


def _sized(given: Given) -> SlotValue | Sized:
    value = _build(given)
    if "max_length" not in given:
        return value
    if isinstance(value, Pick):
        raise given.refuse("max_length", "the options of choose have their own lengths")
    return Sized(value, given["max_length"])


def _build(given: Given) -> SlotValue:
    kind = given.one_of("text", "base64", "compute", "choose")
    if "how" in given and kind != "choose":
        raise given.refuse("how", "it goes with choose only")
    if kind is None:
        raise ConfigError("write text, base64, compute or choose")
    if kind == "text":
        return TextValue(given["text"])
    if kind == "base64":
        return Base64(given["base64"])
    if kind == "compute":
        value: SlotValue = given["compute"]
        return value
    return Pick(given["choose"], **given.get("how", {}))


SETTING = Table(
    {
        "text": Key(TEMPLATE, "A text; its ${slots} are replaced."),
        "base64": Key(TEMPLATE, "The same, in standard base64."),
        "compute": Key(EXPRESSION, "An expression over slots, such as int(n) + 1."),
        "choose": Key(Many(Made(Value(), _option)), "One of these texts."),
        "how": Key(Value(_how, {"type": "string"}),
                   "How choose chooses: uniform, zipf 1.1, or hot 20% 80%."),
        "max_length": Key(BYTES, "Bytes that it may have, where that is not clear (764)."),
    },
    _sized,
    name="value",
)  # fmt: skip

SLOT_VALUE = Either(
    value=Made(SECRET, lambda text, node, at: read_value(text)),
    pairs=SETTING,
)
