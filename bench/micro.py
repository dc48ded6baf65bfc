"""The core's parts through its doors: parser, ring push, pacer, drain and merge.

    python -m bench.micro [--repeat 5] [--short]

Nanoseconds each, median and best of --repeat. A door that this build does not have is named.
"""

import importlib
import mmap
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.flags import parser_for
from bench.harness import announce, save, say_length

LIMITS_NS = {"parser": 150.0, "ring_push": 15.0, "drain_merge": 50.0, "json_capture": 3000.0}
"""350-byte response; one sample; one sample into every figure (20 million/s); one value out of
700 bytes of JSON."""

HEAD = (
    "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Mon, 23 Nov 2026 19:47:53 GMT\r\n"
    "Content-Type: text/plain\r\nContent-Length: {}\r\nConnection: keep-alive\r\n\r\n"
)
RESPONSE_BYTES = 350
STARTS = 1_000_000


class Missing(RuntimeError):
    """This build has no such door."""


def door(module: str, name: str) -> Any:
    """A name of a module, or Missing."""
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise Missing(str(error)) from None


def response() -> bytes:
    """350 bytes as nginx answers."""
    body = RESPONSE_BYTES - len(HEAD.format(100))
    return HEAD.format(body).encode() + b"v" * body


def parser_ns(n: int) -> float:
    """One response."""
    parser = door("velroload._core", "Http1Parser")()
    try:
        return float(parser.bench(response(), n)) * 1e9 / n
    finally:
        parser.close()


def pacer_ns(n: int) -> float:
    """One start of a uniform stream, taken in one call (the loop runs in C)."""
    schedule = "velroload.load.schedule"
    row = np.zeros(1, door(schedule, "ROW"))
    row["end_ns"] = n * 1000
    row["from_value"] = row["to_value"] = 1e6
    row["count"] = n
    row["stride"] = 1
    row["kind"] = door(schedule, "UNIFORM")
    pacer = door("velroload._core", "Pacer")(row.tobytes(), 1)
    before = time.perf_counter_ns()
    due, _ = pacer.drain_all()
    spent = time.perf_counter_ns() - before
    if len(due) != 8 * n:
        raise RuntimeError(f"the pacer gave {len(due) // 8} starts of {n}")
    return spent / n


def capture_ns(n: int) -> float:
    """One value captured from a JSON body of 700 bytes, as the worker's Python does it."""
    model, protocol = "velroload.plan.model", "velroload.protocol"
    capture = door(model, "Capture")("token", "$.access_token")
    request = door(model, "Request")("GET", "/", captures=(capture,))
    asked = door(f"{protocol}.ask", "ask")(request, door(f"{protocol}.parts", "Parts")(), len)
    judge = door(f"{protocol}.judge", "judge_of")(asked.to_json())
    ids = ", ".join(f'{{"id": {number}, "price": {number}.25}}' for number in range(8))
    body = f'{{"access_token": "{"t" * 300}", "items": [{ids}], "note": "{"n" * 120}"}}'.encode()
    before = time.process_time_ns()
    for _ in range(n):
        judge(200, body, len(body), (), 1, 1, ())
    return (time.process_time_ns() - before) / n


class Ring:
    """A populated segment, and the ring bench's own functions over it."""

    def __init__(self) -> None:
        self.slots = int(door("bench.micro_ring", "SLOTS"))
        size = door("velroload._core", "segment_bytes")(self.slots)
        self.buffer = mmap.mmap(-1, size, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE)
        door("velroload._core", "format_segment")(self.buffer, self.slots)
        self.made: bytes = door("bench.micro_ring", "samples")(self.slots).tobytes()

    def push_ns(self) -> float:
        """One push."""
        return float(door("bench.micro_ring", "push_ns")(self.buffer))

    def drain_ns(self) -> float:
        """One sample drained and merged into every figure."""
        spent, _ = door("bench.micro_ring", "drain_ns")(self.buffer, self.made)
        return float(spent)


def describe(name: str, values: list[float]) -> dict[str, Any]:
    """Median and best, against the limit where there is one."""
    middle = statistics.median(values)
    row: dict[str, Any] = {"name": name, "median_ns": middle, "best_ns": min(values)}
    if name in LIMITS_NS:
        row["limit_ns"] = LIMITS_NS[name]
        row["verdict"] = "PASS" if middle <= LIMITS_NS[name] else "FAIL"
    return row


def main(argv: list[str] | None = None) -> int:
    parser = parser_for("micro", __doc__)
    parser.add_argument("--repeat", type=int, default=5)
    flags = parser.parse_args(argv)
    repeat = 2 if flags.short else flags.repeat
    n = STARTS // (10 if flags.short else 1)
    head = announce("micro", argv)
    say_length(repeat * n / STARTS * 1.5)
    rows: list[dict[str, Any]] = []
    ring: list[Ring] = []

    def over_ring(measure: Callable[[Ring], float]) -> float:
        if not ring:
            ring.append(Ring())
        return measure(ring[0])

    parts: dict[str, Callable[[], float]] = {
        "parser": lambda: parser_ns(n),
        "pacer": lambda: pacer_ns(n),
        "ring_push": lambda: over_ring(Ring.push_ns),
        "drain_merge": lambda: over_ring(Ring.drain_ns),
        "json_capture": lambda: capture_ns(n // 10),
    }
    for name, measure in parts.items():
        try:
            rows.append(describe(name, [measure() for _ in range(repeat)]))
        except Missing as error:
            rows.append({"name": name, "failed": f"this build has no such door: {error}"})
        print(rows[-1], flush=True)
    save(head, {"rows": rows}, flags.results)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
