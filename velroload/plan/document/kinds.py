"""Kinds of values: each reads a node and says, as JSON Schema, what it accepts.

The tables of keys are made of them (keys.py). What is wrong is recorded at its place, and reading
goes on, so that a user sees every mistake at once.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from velroload.errors import ConfigError
from velroload.plan.document.node import List, Map, Node, Text, kind_of
from velroload.plan.document.problems import Problems, Refused, did_you_mean, plainer

Schema = dict[str, Any]
NO_SECRET = "a secret cannot stand here, where it would be shown; write ${VAR:?} for what is none"


@dataclass
class Context:
    """What readers share while one plan is read.

    `generators`: where ${uuid()} and its like go, None where there is no step to put them before.
    """

    problems: Problems
    folder: Path
    variables: dict[str, tuple[str, bool]] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    steps: dict[int, "tuple[object, Node, At]"] = field(default_factory=dict)
    thresholds: "list[tuple[Any, Node, At]]" = field(default_factory=list)
    generators: "list[Any] | None" = None
    generated: int = 0


@dataclass(frozen=True)
class At:
    """The key of what is being read, such as load.ramp or flow[2].json."""

    key: str
    context: Context

    def inside(self, name: str) -> "At":
        return At(f"{self.key}.{name}" if self.key else name, self.context)

    def item(self, index: int) -> "At":
        return At(f"{self.key}[{index}]", self.context)

    def refuse(self, node: Node, what: str) -> Refused:
        """Record what is wrong; the answer is there to be raised."""
        if isinstance(node, Text) and node.broken:
            return Refused()
        return self.context.problems.add(node.place, self.key, what)

    def _short(self, text: str) -> str:
        """Without the model's own name of what the key names already."""
        last = re.escape(self.key.rpartition(".")[2])
        return re.sub(rf"^(?:(?:[a-z]+ )?{last}|check '[^']*'|phase '[^']*'): ", "", text)

    @contextmanager
    def guard(self, node: Node, renamed: Mapping[str, str] | None = None) -> Iterator[None]:
        """A ConfigError of a reader or of the model becomes a problem here.

        A model's complaint that begins with a key of this map (or a word for one, `renamed`) is
        shown at that key.
        """
        try:
            yield
        except ConfigError as error:
            text = self._short(str(error))
            word, _, rest = text.partition(" ")
            word = (renamed or {}).get(word, word).rstrip(":")
            if isinstance(node, Map) and word in node.items and rest:
                raise self.inside(word).refuse(node.items[word], rest) from None
            raise self.refuse(node, plainer(text)) from None


class Kind(Protocol):
    """What a key takes."""

    def read(self, node: Node, at: At) -> Any:
        """The value; Refused when it was recorded that there is none."""

    def schema(self, defs: Schema) -> Schema:
        """What it accepts; tables with a name put themselves into `defs`."""


def any_text(text: str) -> str:
    """The reader of a text that can be anything."""
    return text


@dataclass(frozen=True)
class Value:
    """A single value, read from its text. secret: it may come from the environment or a file."""

    reader: Callable[[str], Any] = any_text
    form: Schema = field(default_factory=lambda: {"type": ["string", "number", "boolean"]})
    secret: bool = False

    def read(self, node: Node, at: At) -> Any:
        if not isinstance(node, Text):
            raise at.refuse(node, f"a single value is needed, not {kind_of(node)}")
        if node.is_null:
            raise at.refuse(node, "its value is missing")
        if node.secret and not self.secret:
            raise at.refuse(node, NO_SECRET)
        with at.guard(node):
            return self.reader(node.text)

    def schema(self, defs: Schema) -> Schema:
        return self.form


def quantity(parse: Callable[[str, str], Any], pattern: str, *examples: str) -> Value:
    """A number with a unit, of units.py."""
    form = {"type": ["string", "number"], "pattern": rf"^(?:{pattern}|.*\$\{{.*)$"}
    return Value(lambda text: parse(text, "value"), {**form, "examples": list(examples)})


def words(*accepted: str) -> Value:
    """One of a few words."""

    def read(text: str) -> str:
        if text not in accepted:
            raise ConfigError(f"{text!r} is not one of {', '.join(accepted)}")
        return text

    forms: list[Schema] = [{"enum": list(accepted)}, {"type": "string", "pattern": r"\$\{"}]
    return Value(read, {"anyOf": forms})


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ConfigError(f"{text!r}: write true or false")
    return text == "true"


FLAG = Value(_truth, {"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": r"\$\{"}]})
TEXT = Value()
SECRET = Value(secret=True)


@dataclass(frozen=True)
class Many:
    """A list of one kind. single: one of them alone is a list of one."""

    kind: Kind
    single: bool = False
    empty: bool = False

    def read(self, node: Node, at: At) -> tuple[Any, ...]:
        if not isinstance(node, List):
            if self.single and not (isinstance(node, Text) and node.is_null):
                return (self.kind.read(node, at),)
            raise at.refuse(node, f"a list is needed, not {kind_of(node)}")
        if not node.items and not self.empty:
            raise at.refuse(node, "the list is empty")
        return gather(node.items, at, self.kind)

    def schema(self, defs: Schema) -> Schema:
        inner = self.kind.schema(defs)
        many: Schema = {"type": "array", "items": inner}
        if not self.empty:
            many["minItems"] = 1
        return {"anyOf": [inner, many]} if self.single else many


def gather(nodes: Sequence[Node], at: At, kind: Kind) -> tuple[Any, ...]:
    """Read all; Refused when one was."""
    found, whole = [], True
    for index, node in enumerate(nodes):
        try:
            found.append(kind.read(node, at.item(index)))
        except Refused:
            whole = False
    if not whole:
        raise Refused
    return tuple(found)


@dataclass(frozen=True)
class Named:
    """Free names, each with a value of one kind: ((name, value), …) in the file's order."""

    kind: Kind
    names: str = ".+"
    what: str = "a name"

    def read(self, node: Node, at: At) -> tuple[tuple[str, Any], ...]:
        if not isinstance(node, Map):
            raise at.refuse(node, f"names and values are needed, not {kind_of(node)}")
        found, whole = [], True
        for name, inner in node.items.items():
            try:
                if node.keys[name].secret:
                    raise at.refuse(node.keys[name], NO_SECRET)
                if not re.fullmatch(self.names, name):
                    raise at.inside(name).refuse(node.keys[name], f"{name!r} is not {self.what}")
                found.append((name, self.kind.read(inner, at.inside(name))))
            except Refused:
                whole = False
        if not whole:
            raise Refused
        return tuple(found)

    def schema(self, defs: Schema) -> Schema:
        values = self.kind.schema(defs)
        if self.names == ".+":
            return {"type": "object", "additionalProperties": values}
        pattern = f"^(?:{self.names})$"
        return {"type": "object", "patternProperties": {pattern: values},
                "additionalProperties": False}  # fmt: skip


@dataclass(frozen=True)
class Either:
    """One kind for a single value, one for a list, one for a map; those that are None are not
    accepted."""

    value: Kind | None = None
    items: Kind | None = None
    pairs: Kind | None = None

    def read(self, node: Node, at: At) -> Any:
        chosen = self.value
        if isinstance(node, List):
            chosen = self.items
        elif isinstance(node, Map):
            chosen = self.pairs
        if chosen is None:
            accepted = [("a single value", self.value), ("a list", self.items),
                        ("a map", self.pairs)]  # fmt: skip
            names = " or ".join(name for name, kind in accepted if kind is not None)
            raise at.refuse(node, f"{names} is needed, not {kind_of(node)}")
        return chosen.read(node, at)

    def schema(self, defs: Schema) -> Schema:
        kinds = [kind for kind in (self.value, self.items, self.pairs) if kind is not None]
        return {"anyOf": [kind.schema(defs) for kind in kinds]}


@dataclass(frozen=True)
class Made:
    """Another kind's value, made into something else by a function (value, node, at)."""

    kind: Kind
    make: Callable[[Any, Node, At], Any]

    def read(self, node: Node, at: At) -> Any:
        value = self.kind.read(node, at)
        with at.guard(node):
            return self.make(value, node, at)

    def schema(self, defs: Schema) -> Schema:
        return self.kind.schema(defs)


@dataclass(frozen=True)
class Later:
    """A kind that is defined further down: steps stand inside steps."""

    find: Callable[[], Kind]

    def read(self, node: Node, at: At) -> Any:
        return self.find().read(node, at)

    def schema(self, defs: Schema) -> Schema:
        return self.find().schema(defs)


@dataclass(frozen=True)
class Key:
    """A key of a table: what it takes and what it is for, in a sentence that editors show."""

    kind: Kind
    doc: str
    required: bool = False


class Given(dict[str, Any]):
    """The values of the keys that were given, and where each stands."""

    def __init__(self, node: Map, at: At) -> None:
        super().__init__()
        self.node = node
        self.at = at

    def refuse(self, key: str, what: str) -> Refused:
        """Record what is wrong with one of the keys."""
        return self.at.inside(key).refuse(self.node.items[key], what)

    def one_of(self, *keys: str) -> str | None:
        """The one of these keys that was given; Refused when there are several."""
        given = [key for key in keys if key in self]
        if len(given) > 1:
            raise self.refuse(given[1], f"does not go with {given[0]}; leave out one")
        return given[0] if given else None

    def picked(self, **names: str) -> dict[str, Any]:
        """Arguments for the model: field=key, those that were given."""
        return {name: self[key] for name, key in names.items() if key in self}


@dataclass(frozen=True)
class Table:
    """A map with known keys, and what is made of their values.

    name: its place in the schema's definitions; None: it is written out where it is used.
    shelf: keys that begin so hold anchors only. renamed: the model's word → the key.
    """

    keys: dict[str, Key]
    build: Callable[[Given], Any]
    name: str | None = None
    shelf: str | None = None
    renamed: Mapping[str, str] | None = None

    def read(self, node: Node, at: At) -> Any:
        if not isinstance(node, Map):
            keys = ", ".join(self.keys)
            raise at.refuse(node, f"a map is needed, not {kind_of(node)}; its keys are {keys}")
        whole = self._known(node, at)
        given = Given(node, at)
        for name, key in self.keys.items():
            if name in node.items:
                try:
                    given[name] = key.kind.read(node.items[name], at.inside(name))
                except Refused:
                    whole = False
            elif key.required:
                at.refuse(node, f"{name} is missing")
                whole = False
        if not whole:
            raise Refused
        with at.guard(node, self.renamed):
            return self.build(given)

    def _known(self, node: Map, at: At) -> bool:
        whole = True
        for name, key in node.keys.items():
            if name not in self.keys and not (self.shelf and name.startswith(self.shelf)):
                at.inside(name).refuse(key, f"no such key; {did_you_mean(name, list(self.keys))}")
                whole = False
        return whole

    def schema(self, defs: Schema) -> Schema:
        if self.name is None:
            return self._schema(defs)
        if self.name not in defs:
            defs[self.name] = {}  # so that a table inside itself finds it
            defs[self.name] = self._schema(defs)
        return {"$ref": f"#/$defs/{self.name}"}

    def _schema(self, defs: Schema) -> Schema:
        made: Schema = {
            "type": "object",
            "properties": {
                name: {"description": key.doc, **key.kind.schema(defs)}
                for name, key in self.keys.items()
            },
            "additionalProperties": False,
        }
        required = [name for name, key in self.keys.items() if key.required]
        if required:
            made["required"] = required
        if self.shelf:
            made["patternProperties"] = {f"^{self.shelf}": {}}
        return made
