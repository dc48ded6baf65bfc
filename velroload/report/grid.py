"""What a section of a report is made of: tables and texts, before HTML or Markdown is made of them.

Every text is foreign until proved otherwise: whoever writes it escapes it for what he writes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from velroload.report.charts.chart import Chart
from velroload.report.words import DASH, ms

ROLES = {
    "PASS": "pass",
    "VALID": "pass",
    "FAIL": "fail",
    "INVALID": "fail",
    "INCOMPLETE": "fail",
    "NOT MEASURED": "none",
}
"""Role of a verdict's word; every other is a warning."""


def role_of(word: str) -> str:
    """pass | fail | warn | none, for colour and sign."""
    return ROLES.get(word, "warn")


@dataclass(frozen=True, slots=True)
class Cell:
    """text; sub: a second line, smaller; sort: what it is sorted by (its text when None); role:
    pass | fail | warn | none | dim, or nothing."""

    text: str
    sub: str = ""
    sort: float | str | None = None
    role: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """A column. left: text, not figures; hint: what it means; narrow: stays on a small screen."""

    text: str
    left: bool = False
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table. cards: on a small screen each row is a card of its own, else it scrolls sideways in
    its frame; sortable: by a click on a head. note: how to read it."""

    id: str
    title: str
    heads: tuple[Head, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    sortable: bool = False
    cards: bool = False
    kind: str = "grid"


@dataclass(frozen=True, slots=True)
class Item:
    """One of a list: a finding, a recommendation, a failure. tag: a word before its title; lines:
    (label, text) below; code: texts as they came, in fixed width."""

    title: str
    text: str
    tag: str = ""
    role: str = ""
    lines: tuple[tuple[str, str], ...] = ()
    code: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Items:
    """A list of items."""

    id: str
    title: str
    items: tuple[Item, ...]
    note: str = ""
    kind: str = "items"


@dataclass(frozen=True, slots=True)
class Pre:
    """A text in fixed width, folded away."""

    id: str
    title: str
    text: str
    kind: str = "pre"


@dataclass(frozen=True, slots=True)
class Missing:
    """What is not known, and how to get it: one line."""

    text: str
    kind: str = "missing"


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart's place."""

    chart: Chart
    kind: str = "chart"


Block = Grid | Items | Pre | Missing | Drawn


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report with a heading of its own. short: its name in the contents."""

    id: str
    title: str
    blocks: tuple[Block, ...]
    intro: str = ""
    short: str = ""


def cells(texts: Sequence[str]) -> tuple[Cell, ...]:
    """A row of plain texts."""
    return tuple(Cell(text) for text in texts)


def time_cell(
    value_ns: float | None, low_ns: float | None = None, high_ns: float | None = None
) -> Cell:
    """A time in ms, its interval below."""
    sub = "" if low_ns is None or high_ns is None else f"{ms(low_ns)}–{ms(high_ns)}"
    return Cell(ms(value_ns), sub, -1.0 if value_ns is None else value_ns)


def number_cell(text: str, value: float | None, role: str = "") -> Cell:
    """A figure with what it is sorted by; the unknown sorts below all."""
    return Cell(text, sort=-1.0 if value is None else value, role="dim" if text == DASH else role)
