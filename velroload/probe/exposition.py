"""Prometheus's text exposition format, version 0.0.4, read strictly.

Every line must be one, known or not: a page of something else is no reading. Only the wanted
metrics are kept. Source: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from velroload.plan.metric import LABELS, NAME, Metric, labels_of
from velroload.probe.source import MissingError

ACCEPT = "text/plain;version=0.0.4;q=1,*/*;q=0.1"
SLICE_LINES = 2000
"""Lines between two turns of the loop: 2 to 4 ms."""
_NUMBER = r"[+-]?+(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?+[0-9]++)?"
_VALUE = rf"{_NUMBER}|[+-]?+(?i:inf(?:inity)?)|(?i:nan)"
_LINE = re.compile(
    rf"[ \t]*+({NAME})(?:[ \t]*+({LABELS})[ \t]*+|[ \t]++)({_VALUE})"
    r"(?:[ \t]++-?+[0-9]++)?[ \t\r]*+"
)
SHOWN = 40


class Exposition:
    """Collects the sums of the series that each wanted metric matches; `values` are what was found.

    NaN and infinite values are no numbers and are left out.
    """

    def __init__(self, wanted: Mapping[str, Metric]) -> None:
        self.values: dict[str, float] = {}
        self._wanted: dict[str, list[tuple[str, Metric]]] = {}
        for name, metric in wanted.items():
            self._wanted.setdefault(metric.name, []).append((name, metric))

    def line(self, number: int, line: str) -> None:
        """Take one line. MissingError when it is none."""
        if not line or line.isspace() or line.lstrip()[0] == "#":
            return
        found = _LINE.fullmatch(line)
        if found is None:
            raise MissingError(f"no Prometheus text: line {number} is {line.strip()[:SHOWN]!r}")
        for name, metric in self._wanted.get(found[1], ()):
            if not metric.labels or metric.labels <= labels_of(found[2] or ""):
                value = float(found[3])
                if abs(value) < float("inf"):
                    self.values[name] = self.values.get(name, 0.0) + value


def slices(text: str) -> Iterator[list[tuple[int, str]]]:
    """Numbered lines, some at a time."""
    lines = list(enumerate(text.split("\n"), 1))
    for first in range(0, len(lines), SLICE_LINES):
        yield lines[first : first + SLICE_LINES]


def decoded(body: bytes) -> str:
    """The text of an answer. MissingError when it is none."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise MissingError("no Prometheus text: it is not UTF-8") from None


def not_found(wanted: Iterable[str], found: Mapping[str, object], what: str) -> dict[str, str]:
    """Why values are absent."""
    return {name: what for name in wanted if name not in found}
