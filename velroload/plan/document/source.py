"""From a file to nodes: YAML's safe subset, read by libyaml, nothing ever constructed.

Refused: files over 1 MiB, more than 100 aliases, an alias inside what it stands for, tags, several
documents, keys that are no texts, and keys that stand twice.
"""

import io
from pathlib import Path

import yaml

from velroload.errors import ConfigError
from velroload.plan.document.interpolation import Interpolation
from velroload.plan.document.node import List, Map, Node, Place, Text
from velroload.plan.document.problems import Problems, Refused, plainer

FILE_MAX_BYTES = 1 << 20
ALIASES_MAX = 100
NODES_MAX = 300_000
"""With all aliases written out: nine lines of ten aliases each would make a thousand million."""
DEPTH_MAX = 100
_STANDARD = "tag:yaml.org,2002:"
_TAGS = {f"{_STANDARD}{name}" for name in
         ("str", "int", "float", "bool", "null", "timestamp", "merge", "value", "map", "seq")
         }  # fmt: skip
_MERGE = "<<"
_HINTS = {
    "cannot start any token": "quote the text, and indent with blanks, not tabs",
    "did not find expected ','": 'inside { } and [ ] a text with ${…} needs quotes: "${name}"',
    "mapping values are not allowed": "quote a text that has a colon and a blank in it",
}

Raw = yaml.Node


def read_text(path: Path, name: str) -> str:
    """The file's text. ConfigError when it cannot be read, is too large or no UTF-8."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"{name}: the plan cannot be read: {str(error.strerror).lower()}"
        ) from None
    if len(content) > FILE_MAX_BYTES:
        raise ConfigError(f"{name}: the plan is larger than 1 MiB; put its data into files")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: the plan is no UTF-8 text (byte {error.start})") from None


def place_of(mark: yaml.Mark) -> Place:
    """A mark of PyYAML's; what a flag says (--set) stands in no line."""
    if mark.name.startswith("--"):
        return Place(mark.name)
    return Place(mark.name, mark.line + 1, mark.column + 1)


def compose(text: str, name: str, problems: Problems) -> Raw:
    """The document's nodes as PyYAML has them. Refused when it is no YAML, or empty."""
    stream = io.BytesIO(text.encode())
    stream.name = name  # what marks say
    try:
        found: Raw | None = yaml.compose(stream, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = place_of(mark) if mark else Place(name, 1, 1)
        what = str(error.problem or error.context)
        if what.startswith("but "):
            what = f"{error.context}, {what}"
        hint = next((hint for words, hint in _HINTS.items() if words in what), None)
        raise problems.add(place, "", f"YAML: {what}" + (f"; {hint}" if hint else "")) from None
    except (yaml.YAMLError, RecursionError) as error:
        what = "too deeply nested"
        if isinstance(error, yaml.YAMLError):
            what = str(error).partition("\n")[0]
        raise problems.add(Place(name, 1, 1), "", f"YAML: {what}") from None
    if found is None:
        raise problems.add(Place(name, 1, 1), "", "the plan is empty; see `velroload schema`")
    return found


class Converter:
    """Makes nodes of PyYAML's, values put in place on the way; what is wrong is recorded.

    An alias gives the same node again.
    """

    def __init__(self, values: Interpolation, problems: Problems) -> None:
        self.values = values
        self.problems = problems
        self._made: dict[int, tuple[Node, int]] = {}
        self._open: list[int] = []
        self._aliases = 0

    def convert(self, raw: Raw, key: str = "") -> Node:
        """A node and what is in it. Refused when nothing can be made of it."""
        return self._sized(raw, key)[0]

    def _sized(self, raw: Raw, key: str) -> tuple[Node, int]:
        """The node, and how many it is with its aliases written out."""
        place = self.place(raw)
        if id(raw) in self._open:
            raise self.problems.add(place, key, "an alias stands inside what it stands for")
        if len(self._open) >= DEPTH_MAX:
            raise self.problems.add(place, key, f"nested more than {DEPTH_MAX} deep")
        if id(raw) in self._made:
            self._aliases += 1
            if self._aliases > ALIASES_MAX:
                raise self._enough(place, key, f"more than {ALIASES_MAX} aliases")
            return self._made[id(raw)]
        if raw.tag not in _TAGS:
            tag = raw.tag.replace(_STANDARD, "!!")
            raise self.problems.add(place, key, f"tag {tag}: tags are not accepted; leave it out")
        self._open.append(id(raw))
        try:
            made: tuple[Node, int]
            if isinstance(raw, yaml.ScalarNode):
                made = self.text(raw, key), 1
            elif isinstance(raw, yaml.SequenceNode):
                made = self._list(raw, place, key)
            else:
                assert isinstance(raw, yaml.MappingNode)
                made = self._map(raw, place, key)
        finally:
            self._open.pop()
        if made[1] > NODES_MAX:
            raise self._enough(place, key, f"more than {NODES_MAX:,} values, aliases written out")
        self._made[id(raw)] = made
        return made

    def _enough(self, place: Place, key: str, what: str) -> Refused:
        """Nothing more is worth reading."""
        refused = self.problems.add(place, key, what)
        self.problems.settle()
        return refused

    def place(self, raw: Raw) -> Place:
        """Where it stands."""
        return place_of(raw.start_mark)

    def text(self, raw: yaml.ScalarNode, key: str) -> Text:
        """A value, with everything put in place."""
        place = self.place(raw)
        try:
            text, secret = self.values.fill(raw.value)
        except ConfigError as error:
            raise self.problems.add(place, key, plainer(str(error))) from None
        return Text(place, text, plain=not raw.style, secret=secret)

    def _list(self, raw: yaml.SequenceNode, place: Place, key: str) -> tuple[List, int]:
        inner = [self._inner(item, f"{key}[{index}]") for index, item in enumerate(raw.value)]
        return List(place, [node for node, _ in inner]), 1 + sum(size for _, size in inner)

    def _inner(self, raw: Raw, key: str) -> tuple[Node, int]:
        try:
            return self._sized(raw, key)
        except Refused:
            return Text(self.place(raw), "", broken=True), 1

    def _map(self, raw: yaml.MappingNode, place: Place, key: str) -> tuple[Map, int]:
        made, whole = Map(place), 1
        merged: list[Map] = []
        for raw_key, raw_value in raw.value:
            try:
                name = self._key(raw_key, key)
                inside = f"{key}.{name.text}" if key else name.text
                if name.text == _MERGE and name.plain:
                    found, size = self._merge(raw_value, inside)
                    merged, whole = merged + found, whole + size
                    continue
                if name.text in made.items:
                    before = made.keys[name.text].place
                    self.problems.add(
                        name.place, inside, f"stands twice (first in line {before.line})"
                    )
                    continue
                made.keys[name.text] = name
                made.items[name.text], size = self._inner(raw_value, inside)
                whole += size
            except Refused:
                continue
        for other in merged:
            for text, node in other.items.items():
                if text not in made.items:
                    made.items[text], made.keys[text] = node, other.keys[text]
        return made, whole

    def _key(self, raw: Raw, key: str) -> Text:
        if not isinstance(raw, yaml.ScalarNode):
            raise self.problems.add(self.place(raw), key, "a key is a text, not a list or a map")
        name = self.text(raw, key)
        if not isinstance(name.value(), str):
            shown = name.text or "(nothing)"
            hint = f'quote it: "{name.text}"'
            raise self.problems.add(name.place, key, f"the key {shown} is no text; {hint}")
        return name

    def _merge(self, raw: Raw, key: str) -> tuple[list[Map], int]:
        raws = raw.value if isinstance(raw, yaml.SequenceNode) else [raw]
        found, size = [], 0
        for each in raws:
            node, inner = self._sized(each, key)
            if not isinstance(node, Map):
                raise self.problems.add(self.place(each), key, "<< takes a map, or a list of maps")
            found.append(node)
            size += inner
        return found, size
