"""Pure-Python twin of core/template.pxi: a compiled request becomes bytes again."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from velroload.protocol.parts import LENGTH, PART, SLOT, SPAN
from velroload.protocol.program import CAPTURE, STEP, Program


def steps(program: Program) -> np.ndarray:
    return np.frombuffer(program.arrays["steps"], STEP)


def parts(program: Program) -> np.ndarray:
    return np.frombuffer(program.arrays["parts"], PART)


def captures(program: Program) -> np.ndarray:
    return np.frombuffer(program.arrays["captures"], CAPTURE)


def statuses(program: Program, step: int) -> set[int]:
    """What the step expects."""
    start = int(steps(program)[step]["expect"]) * 128
    packed = np.frombuffer(program.arrays["expects"][start : start + 128], np.uint8)
    return set(np.flatnonzero(np.unpackbits(packed, bitorder="little")).tolist())


def render(program: Program, step: int, slots: Sequence[bytes] | Mapping[int, bytes]) -> bytes:
    """The bytes that the core sends for a request step of a user with these slots."""
    row = steps(program)[step]
    first, stop = int(row["part_first"]), int(row["part_first"] + row["part_count"])
    body = range(int(row["body_first"]), stop)
    values = [_value(program, part, slots) for part in range(stop)]
    length = sum(len(values[part]) for part in body)
    rendered = b""
    for part in range(first, stop):
        if parts(program)[part]["kind"] == LENGTH:
            rendered += b"%d" % length
        else:
            rendered += values[part]
    return rendered


def _value(program: Program, part: int, slots: Sequence[bytes] | Mapping[int, bytes]) -> bytes:
    kind, slot, offset, length = (int(number) for number in parts(program)[part])
    if kind in (SLOT, LENGTH):
        return slots[slot] if kind == SLOT else b""
    if kind == SPAN and slot:
        return Path(program.files[slot - 1]).read_bytes()[offset : offset + length]
    return program.arrays["literals"][offset : offset + length]
