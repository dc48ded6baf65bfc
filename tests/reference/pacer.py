"""Pure-Python twin of core/pacer.pxi and core/random.pxi, line by line, and an exact oracle."""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from velroload.load.schedule import POISSON, ROW, SECOND_NS, VUS_DOWN, VUS_UP, Segment

MASK64 = 2**64 - 1


@dataclass
class Random:
    """splitmix64."""

    state: int

    def u64(self) -> int:
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK64
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
        return z ^ (z >> 31)

    def double(self) -> float:
        return (self.u64() >> 11) / 2**53

    def exponential(self, mean: float) -> float:
        return -mean * math.log(1.0 - self.double())

    def below(self, n: int) -> int:
        if n == 0:
            return 0
        floor = (2**64 - n) % n
        while True:
            wide = self.u64() * n
            if wide & MASK64 >= floor:
                return wide >> 64


def drain(rows: bytes, seed: int) -> list[tuple[int, int, int]]:
    """All starts of a stream: (kind, id, due_ns)."""
    random = Random(seed)
    out = []
    due_ns = -(2**63) + 1
    for row in np.frombuffer(rows, ROW):
        rest = 1.0
        kind, first, stride = int(row["kind"]), int(row["first_id"]), int(row["stride"])
        latest_ns = int(row["end_ns"]) - (kind < VUS_UP)
        for index in range(int(row["count"])):
            if kind == POISSON:
                rest *= math.exp(math.log(1.0 - random.double()) / (int(row["count"]) - index))
            instant_ns = int(row["start_ns"]) + int(_instant_ns(row, index, rest) + 0.5)
            due_ns = max(due_ns, min(instant_ns, latest_ns))
            step = index * stride
            out.append((kind, first - step if kind == VUS_DOWN else first + step, due_ns))
    return out


def _instant_ns(row: np.void, index: int, rest: float) -> float:
    start, end = float(row["from_value"]), float(row["to_value"])
    length_ns = int(row["end_ns"]) - int(row["start_ns"])
    seconds = length_ns / 1e9
    if row["kind"] == POISSON:
        at = (1.0 - rest) * ((start + end) / 2.0 * seconds)
    else:
        at = float(row["offset"]) + index * int(row["stride"])
    if at <= 0.0:
        return 0.0
    if row["kind"] >= VUS_UP:
        return length_ns * (at / abs(end - start))
    if start == end:
        return at / start * 1e9
    square = max(0.0, start * start + 2.0 * ((end - start) / seconds) * at)
    return 2.0 * at / (start + math.sqrt(square)) * 1e9


def due_exactly(stream: tuple[Segment, ...], position: int) -> float:
    """When the integral of a rate stream reaches `position`, ns; by exact Fractions but for the
    square root, which is taken of a Fraction scaled up."""
    before = Fraction(0)
    for segment in stream:
        if before <= position < before + segment.starts:
            return segment.start_ns + _inverse_ns(segment, position - before)
        before += segment.starts
    raise ValueError(f"the stream ends before {position}")


def _inverse_ns(segment: Segment, at: Fraction) -> float:
    start = segment.from_value / SECOND_NS
    slope = (segment.to_value - segment.from_value) / SECOND_NS
    slope /= segment.end_ns - segment.start_ns
    if slope == 0:
        return float(at / start)
    square = start * start + 2 * slope * at
    scale = 10**60
    root = Fraction(math.isqrt(square.numerator * scale * scale // square.denominator), scale)
    return float(2 * at / (start + root)) if at else 0.0
