"""Seeds that are no text: programs and what a worker does to its ring, made anew for each run, so
that they follow the core's layouts. The formats are those of template.c and ring.c."""

import struct
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from tests.rig import iterations, plan_for
from velroload._core import COUNTER_INDEX
from velroload.plan.model import Capture, Request, Step, Think
from velroload.protocol.address import Target, pack_address
from velroload.protocol.layout import ORIGIN, SLOT, STEP
from velroload.protocol.parts import PART
from velroload.protocol.program import compile_program
from velroload.sample import SAMPLE, Flag, Kind

GET = Request("GET", "/")
LOGIN = Request("POST", "/login", captures=(Capture("t", "$.t"),))
FLOWS: dict[str, tuple[Step, ...]] = {
    "get": (GET,),
    "head": (Request("HEAD", "/" + "x" * 300, headers=(("X-A", "1"), ("Cookie", "a=b"))),),
    "path": (LOGIN, Request("GET", "/${t}/${user}", headers=(("X-T", "${t}"),))),
    "slots": (LOGIN, Request("PUT", "/${user}/${t}", body=b"${t}" * 3 + b"${user}")),
    "form": (LOGIN, Think("uniform", (1, 1000)), Request("POST", "/", body=b"a=${t}&b=1")),
    "thinks": (GET, Think("constant", (10**9,)), Think("exponential", (10**9,)), GET),
}
ADDRESS = pack_address("127.0.0.1", 80)
ROWS = {
    "steps": STEP.itemsize,
    "parts": PART.itemsize,
    "addresses": len(ADDRESS),
    "origins": ORIGIN.itemsize,
    "slots": SLOT.itemsize,
    "expects": 128,
}
"""Array → bytes of a row, in the order in which template.c reads them; literals follow."""


def program(flow: tuple[Step, ...]) -> bytes:
    """A compiled flow, as template.c reads it."""
    plan = plan_for("http://127.0.0.1:80", iterations(1), flow)
    made = compile_program(plan, Target.of(plan.target), ADDRESS)
    head = bytes(len(made.arrays[name]) // size for name, size in ROWS.items())
    head += struct.pack("<HH", made.user_bytes, made.render_bytes)
    return head + b"".join(made.arrays[name] for name in (*ROWS, "literals"))


def programs() -> dict[str, bytes]:
    """The flows, and one whose pauses would be 0 times infinity."""
    never = program((GET, Think("lognormal", (0,), Fraction(1))))
    wide = never.replace(struct.pack("<d", 1.0), struct.pack("<d", 1e15))
    return {**{name: program(flow) for name, flow in FLOWS.items()}, "wide": wide}


NOTHING, WRITE, SAMPLE_AS_IS, LIKELY, HEAD, DRAIN, TAKE, LOOK, FLOOD, READ, REOPEN = range(11)
"""What ring.c does, by the first byte."""


def push(**fields: int) -> bytes:
    """A sample, valid but for `fields`."""
    row = np.zeros(1, SAMPLE)
    row["scheduled_ns"], row["sent_ns"], row["end_ns"] = 1_000_000, 2_000_000, 10_000_000
    row["status"] = 200
    for name, value in fields.items():
        row[name] = value
    return bytes([SAMPLE_AS_IS]) + row.tobytes()


def write(at: int, word: int) -> bytes:
    return bytes([WRITE]) + at.to_bytes(3, "little") + word.to_bytes(8, "little")


def head(word: int) -> bytes:
    return bytes([HEAD]) + struct.pack("<Q", word)


def drain(limit: int = 255) -> bytes:
    return bytes([DRAIN, limit])


END = bytes([TAKE, LOOK, 1])
STALLS, EXAMPLES = (256 + 8 * COUNTER_INDEX[name] for name in ("stalls", "examples"))
RINGS = {
    "requests": push() * 3 + drain(2) + drain() + END,
    "kinds": b"".join(push(flags=int(kind), endpoint=1) for kind in Kind) + drain() + END,
    "flags": b"".join(push(flags=int(flag), connect_us=3, tls_us=2) for flag in Flag) + drain(),
    "errors": b"".join(push(error=error) for error in (10, 40, 43, 55, 60, 70)) + drain() + END,
    "full": push() * 20 + drain() + push(end_ns=2**61) * 5 + drain() + END,
    "seconds": b"".join(push(end_ns=n * 64_000_000_000 + 10**7) for n in range(9)) + drain() + END,
    "insane": push(endpoint=2) + push(phase=2) + push(status=1000) + push(end_ns=-1) + drain(),
    "slow": b"".join(push(end_ns=10**n) for n in range(7, 18)) + drain() + END,
    "likely": (bytes([LIKELY, 40]) + bytes(range(64))) * 4 + drain() + END,
    "head": push() + head(17) + drain() + head(2**64 - 1) + drain() + head(0) + drain(),
    "tail": push() * 3 + write(192, 2**40) + drain() + bytes([READ]) + drain(),
    "header": b"".join(write(at, 0) + bytes([REOPEN]) for at in (0, 8, 16, 24, 32)),
    "reopened": push() * 3 + bytes([REOPEN]) + drain() + write(16, 2**63) + bytes([REOPEN]),
    "stalls": write(STALLS, 2**64 - 1) + bytes([LOOK, 0]) + write(STALLS, 130) + END,
    "examples": write(EXAMPLES, 2**64 - 1) + bytes([LOOK, 0]) + write(EXAMPLES, 3) + END,
    "flood": bytes([FLOOD, 1, 9, 9, 9, FLOOD, 0, 1, 0, 0]) + END,
}
RECORDS = {
    "handshake": b"\x16\x03\x03\0\5hello" * 2,
    "empty": b"\x17\x03\x03\0\0" * 3,
    "cut": b"\x17\x03\x03\0\4ab",
    "longest": b"\x17\x03\x03\xff\xff" + b"x" * 500,
}
SEEDS: dict[str, Callable[[], dict[str, bytes]]] = {
    "records": lambda: RECORDS,
    "ring": lambda: RINGS,
    "template": programs,
}
"""Target → its seeds by name; the seeds of other targets are files in corpus/."""
