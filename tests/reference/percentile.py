"""Percentiles and bins as their definitions say, one value at a time."""

from collections.abc import Sequence
from fractions import Fraction


def nearest_rank(values: Sequence[int], percent: str) -> int:
    """The least value that at least `percent` % of the values do not exceed."""
    ordered = sorted(values)
    share = Fraction(percent) / 100
    for index, value in enumerate(ordered, start=1):
        if Fraction(index, len(ordered)) >= share:
            return value
    raise ValueError("no values")


def bin_edges(value_ns: int, digits: int) -> tuple[int, int]:
    """The least and the greatest value in the bin of `value_ns`."""
    width = 64
    while value_ns // width >= 2 * {3: 1024, 2: 128}[digits]:
        width *= 2
    low = value_ns // width * width
    return low, low + width - 1
