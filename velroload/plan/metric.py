"""Metrics as Prometheus writes them: up{job="a", instance="b"}."""

import re
from dataclasses import dataclass

from velroload.errors import ConfigError

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*+"
_PAIR = r'\s*+[a-zA-Z_][a-zA-Z0-9_]*+\s*+=\s*+"(?:[^"\\\n]|\\[\\"n])*"\s*+'
LABELS = rf"\{{(?:{_PAIR}(?:,{_PAIR})*,?+)?\s*+\}}"
_SELECTOR = re.compile(rf"({NAME})\s*+({LABELS})?")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*+)\s*+=\s*+"((?:[^"\\\n]|\\[\\"n])*)"')
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Metric:
    """A name, and labels that a series must have; it may have others beside."""

    name: str
    labels: frozenset[tuple[str, str]] = frozenset()


def parse_metric(text: str) -> Metric:
    """up{job="a"} → its name and labels. ConfigError when it is none."""
    found = _SELECTOR.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f'{text!r} is not a metric such as up or up{{job="a"}}')
    return Metric(found[1], labels_of(found[2] or ""))


def labels_of(text: str) -> frozenset[tuple[str, str]]:
    """The pairs of a matched {…}, unescaped."""
    return frozenset((name, unescaped(value)) for name, value in _LABEL.findall(text))


def unescaped(value: str) -> str:
    """A label's value as it is meant."""
    if "\\" not in value:
        return value
    return _ESCAPE.sub(lambda pair: "\n" if pair[1] == "n" else pair[1], value)
