"""--var NAME=TEXT and --set PATH=VALUE: changes of the document before it is read."""

import re
from collections.abc import Callable, Sequence

import yaml

from velroload.plan.document.node import Place
from velroload.plan.document.problems import Problems, Refused, did_you_mean
from velroload.plan.document.source import Raw, compose

_SEGMENT = re.compile(r'"([^"]+)"|([^."\[\]]+)|\[([0-9]+)\]')
_PATH = re.compile(r'(?:"[^"]+"|[^."\[\]=]+)(?:\.(?:"[^"]+"|[^."\[\]=]+)|\[[0-9]+\])*')
_MAP, _LIST, _TEXT = "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:str"

Segment = str | int


class Overrides:
    """What the command line changes, in its order; each complaint names the flag."""

    def __init__(
        self, problems: Problems, variables: Sequence[str], settings: Sequence[str]
    ) -> None:
        self.problems = problems
        self.variables = variables
        self.settings = settings

    def apply(self, root: Raw) -> Raw:
        """The document with all of them."""
        for text in self.variables:
            root = self._recorded(self._variable, root, text)
        for text in self.settings:
            root = self._recorded(self._setting, root, text)
        return root

    def _recorded(self, change: Callable[[Raw, str], Raw], root: Raw, text: str) -> Raw:
        try:
            return change(root, text)
        except Refused:
            return root

    def _variable(self, root: Raw, text: str) -> Raw:
        name, equals, value = text.partition("=")
        place = Place(f"--var {name}")
        if not equals or not name:
            raise self.problems.add(place, "", "write NAME=TEXT")
        known = _names(_child(root, "variables"))
        if name not in known:
            hint = did_you_mean(name, known)
            raise self.problems.add(place, "", f"the plan has no such variable; {hint}")
        made = yaml.ScalarNode(_TEXT, value, _mark(place), _mark(place), style='"')
        return self._put(root, ("variables", name), made, place)

    def _setting(self, root: Raw, text: str) -> Raw:
        path = _PATH.match(text)
        if path is None or text[path.end() : path.end() + 1] != "=":
            place = Place(f"--set {text.partition('=')[0]}")
            raise self.problems.add(place, "", "write PATH=VALUE, such as load.users=50")
        place = Place(f"--set {path[0]}")
        value = text[path.end() + 1 :]
        made: Raw
        if value.strip():
            made = compose(value, str(place), self.problems)
        else:
            made = yaml.ScalarNode(_TEXT, "", _mark(place), _mark(place), style='"')
        segments = [
            int(index) if index else quoted or name
            for quoted, name, index in _SEGMENT.findall(path[0])
        ]
        return self._put(root, segments, made, place)

    def _put(self, node: Raw | None, path: Sequence[Segment], made: Raw, place: Place) -> Raw:
        """A copy of the node in which what `path` leads to is `made`; aliases stay untouched."""
        if not path:
            return made
        step, rest = path[0], path[1:]
        if isinstance(step, int):
            if not isinstance(node, yaml.SequenceNode) or step >= len(node.value):
                count = len(node.value) if isinstance(node, yaml.SequenceNode) else 0
                raise self.problems.add(place, "", f"[{step}]: there are {count} items, from [0]")
            items = list(node.value)
            items[step] = self._put(items[step], rest, made, place)
            return yaml.SequenceNode(node.tag, items, node.start_mark, node.end_mark)
        if node is not None and not isinstance(node, yaml.MappingNode):
            raise self.problems.add(place, "", f"{step}: what it stands in is no map")
        pairs = [] if node is None else list(node.value)
        inner = self._put(_child(node, step), rest, made, place)
        for index, (key, _) in enumerate(pairs):
            if getattr(key, "value", None) == step:
                pairs[index] = (key, inner)
                break
        else:
            pairs.append((yaml.ScalarNode(_TEXT, step, _mark(place), _mark(place)), inner))
        if node is None:
            return yaml.MappingNode(_MAP, pairs, _mark(place), _mark(place))
        return yaml.MappingNode(node.tag, pairs, node.start_mark, node.end_mark)


def _mark(place: Place) -> yaml.Mark:
    return yaml.Mark(str(place), 0, 0, 0, None, 0)


def _child(node: Raw | None, name: str) -> Raw | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for key, value in node.value if getattr(key, "value", None) == name), None)


def _names(node: Raw | None) -> list[str]:
    return [str(key.value) for key, _ in node.value] if isinstance(node, yaml.MappingNode) else []
