"""What can fill a slot: generated values, texts with ${slots} in them, computed expressions."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Expression:
    """A condition or a computed value over slots, such as "status == 200 and int(left) > 1".

    Slots are texts; names are slots, constants are numbers, texts and True/False. Parsed by
    simpleeval when the plan is checked and once per worker; never by eval.
    """

    source: str


@dataclass(frozen=True, slots=True)
class Text:
    """A text in which ${slots} are replaced when it is used."""

    source: str


@dataclass(frozen=True, slots=True)
class Base64:
    """The standard base64 of a text whose ${slots} were replaced."""

    source: str


@dataclass(frozen=True, slots=True)
class Uuid:
    """A random UUID, version 4."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """first, first + 1, …: one number a use, unique over all users, workers and nodes."""

    first: int = 0


@dataclass(frozen=True, slots=True)
class RandomInt:
    """A uniform whole number, both ends included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class RandomText:
    """`length` characters, each uniform out of `alphabet`."""

    length: int
    alphabet: str = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class Pick:
    """One of `options`. how: uniform | zipf (rank k with weight 1/k^exponent) | hot (the first
    `hot_share` of the options get `hot_traffic` of the draws)."""

    options: tuple[str, ...]
    how: str = "uniform"
    exponent: float = 1.0
    hot_share: Fraction = Fraction(1, 5)
    hot_traffic: Fraction = Fraction(4, 5)


@dataclass(frozen=True, slots=True)
class Now:
    """The wall clock. unit: s | ms | iso (RFC 3339, UTC, milliseconds)."""

    unit: str = "s"


Value = Expression | Text | Base64 | Uuid | Sequence | RandomInt | RandomText | Pick | Now
