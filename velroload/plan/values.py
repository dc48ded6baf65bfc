"""What can fill a slot: generated values, texts with ${slots} in them, computed expressions."""

import re
from dataclasses import dataclass
from fractions import Fraction

from velroload.errors import ConfigError
from velroload.plan.expression import names_of
from velroload.plan.slots import references

TEXT_MAX = 900
"""Characters of a generated text; a slot has room for little more."""
OPTIONS_MAX = 1_000_000
NUMBER_MAX = 2**63 - 1
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Expression:
    """A condition or a computed value over slots, such as "status == 200 and int(left) > 1".

    Slots are texts; names are slots, constants are numbers, texts and True/False. Checked here
    (plan/expression.py), evaluated by simpleeval, parsed once per worker; never by eval.
    constants: the plan's variables that it reads, which are no slots.
    """

    source: str
    constants: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        names_of(self.source)

    @property
    def slots(self) -> tuple[str, ...]:
        """Every slot that it reads, each once."""
        constant = {name for name, _ in self.constants}
        return tuple(name for name in names_of(self.source) if name not in constant)


@dataclass(frozen=True, slots=True)
class Text:
    """A text in which ${slots} are replaced when it is used."""

    source: str

    def __post_init__(self) -> None:
        references(self.source)
        _check_text("set", self.source)


@dataclass(frozen=True, slots=True)
class Base64:
    """The standard base64 of a text whose ${slots} were replaced."""

    source: str

    def __post_init__(self) -> None:
        references(self.source)


@dataclass(frozen=True, slots=True)
class Uuid:
    """A random UUID, version 4."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """first, first + 1, …: one number a use, unique over all users, workers and nodes."""

    first: int = 0

    def __post_init__(self) -> None:
        _check_number("sequence", self.first)


@dataclass(frozen=True, slots=True)
class RandomInt:
    """A uniform whole number, both ends included."""

    low: int
    high: int

    def __post_init__(self) -> None:
        _check_number("random_int", self.low)
        _check_number("random_int", self.high)
        if self.low > self.high:
            raise ConfigError(f"random_int {self.low} {self.high}: the least comes first")


@dataclass(frozen=True, slots=True)
class RandomText:
    """`length` characters, each uniform out of `alphabet` (ASCII)."""

    length: int
    alphabet: str = "abcdefghijklmnopqrstuvwxyz0123456789"

    def __post_init__(self) -> None:
        if not 1 <= self.length <= TEXT_MAX:
            raise ConfigError(f"random_text {self.length}: 1 to {TEXT_MAX} characters are possible")
        if not self.alphabet or not self.alphabet.isascii():
            raise ConfigError(
                f"random_text: its alphabet {self.alphabet!r} must be ASCII characters"
            )
        _check_text("random_text", self.alphabet)


@dataclass(frozen=True, slots=True)
class Pick:
    """One of `options`. how: uniform | zipf (rank k with weight 1/k^exponent) | hot (the first
    `hot_share` of the options get `hot_traffic` of the draws)."""

    options: tuple[str, ...]
    how: str = "uniform"
    exponent: float = 1.0
    hot_share: Fraction = Fraction(1, 5)
    hot_traffic: Fraction = Fraction(4, 5)

    def __post_init__(self) -> None:
        if not 1 <= len(self.options) <= OPTIONS_MAX:
            raise ConfigError(f"choose: 1 to {OPTIONS_MAX} options, got {len(self.options)}")
        for option in self.options:
            _check_text("choose", option)
        if self.how not in ("uniform", "zipf", "hot"):
            raise ConfigError(f"how is {self.how!r}: write uniform, zipf 1.1 or hot 20% 80%")
        if not 0 < self.exponent <= 10:
            raise ConfigError(f"how: zipf {self.exponent:g}: more than 0 and at most 10")
        if self.how == "hot" and not (0 < self.hot_share < 1 and 0 < self.hot_traffic < 1):
            raise ConfigError("how: hot takes two shares between 0% and 100%, such as hot 20% 80%")
        if self.how == "hot" and not 0 < self.hot_count < len(self.options):
            raise ConfigError(
                f"how: hot needs options of both kinds; {len(self.options)} are too few for it"
            )

    @property
    def hot_count(self) -> int:
        """How many of the options, from the first, are hot."""
        return round(self.hot_share * len(self.options))


@dataclass(frozen=True, slots=True)
class Now:
    """The wall clock. unit: s | ms | iso (RFC 3339, UTC, milliseconds)."""

    unit: str = "s"

    def __post_init__(self) -> None:
        if self.unit not in ("s", "ms", "iso"):
            raise ConfigError(f"now {self.unit}: write now s, now ms or now iso")


Value = Expression | Text | Base64 | Uuid | Sequence | RandomInt | RandomText | Pick | Now


def slots_of(value: Value) -> tuple[str, ...]:
    """Every slot that a value reads."""
    if isinstance(value, Expression):
        return value.slots
    return references(value.source) if isinstance(value, Text | Base64) else ()


def _check_number(noun: str, number: int) -> None:
    if abs(number) > NUMBER_MAX:
        raise ConfigError(f"{noun} {number}: at most {NUMBER_MAX} is possible")


def _check_text(noun: str, text: str) -> None:
    """A slot may stand in a header (RFC 9110 section 5.5), like what is captured."""
    if _CONTROL.search(text):
        shown = text if len(text) <= 40 else text[:39] + "…"
        raise ConfigError(f"{noun} {shown!r}: a slot cannot hold line breaks or control characters")
