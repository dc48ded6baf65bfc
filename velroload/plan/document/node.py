"""Nodes: a YAML document as texts, lists and maps, each knowing where it stands."""

import re
from dataclasses import dataclass, field

_NULL = re.compile(r"|~|null|Null|NULL")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node begins; line and column count from 1, line 0: not in a file (--set)."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(slots=True)
class Text:
    """A single value. plain: without quotes, so that null, true and numbers mean themselves.

    secret: something in it came from the environment or a file as a secret. broken: what is wrong
    with it has been recorded already.
    """

    place: Place
    text: str
    plain: bool = True
    secret: bool = False
    broken: bool = False

    @property
    def is_null(self) -> bool:
        return self.plain and bool(_NULL.fullmatch(self.text))

    def value(self) -> str | int | float | bool | None:
        """What it is by YAML 1.2's core schema: `no` and dates are texts."""
        if not self.plain:
            return self.text
        if _NULL.fullmatch(self.text):
            return None
        if _TRUE.fullmatch(self.text):
            return True
        if _FALSE.fullmatch(self.text):
            return False
        if _INT.fullmatch(self.text):
            return int(self.text) if len(self.text) < 100 else self.text
        return float(self.text) if _FLOAT.fullmatch(self.text) else self.text


@dataclass(slots=True)
class List:
    """Nodes in order."""

    place: Place
    items: "list[Node]" = field(default_factory=list)


@dataclass(slots=True)
class Map:
    """Names → nodes, in the order of the file; `keys` are the names as nodes."""

    place: Place
    items: "dict[str, Node]" = field(default_factory=dict)
    keys: dict[str, Text] = field(default_factory=dict)


Node = Text | List | Map


def kind_of(node: Node) -> str:
    """What a node is, in a user's words."""
    if isinstance(node, Text):
        return "nothing" if node.is_null else "a single value"
    return "a list" if isinstance(node, List) else "a map"
