"""Compile a plan's flows to what the core executes: steps, parts, literals, captures.

Even a bare URL becomes a flow of one step. The arrays' layouts are those of core/template.pxi; the
core checks every index when it loads them.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from velroload import __version__
from velroload.errors import ConfigError
from velroload.plan.model import Plan, Request, Scenario, Think
from velroload.plan.steps import BUILT_IN_SLOTS, Headers, Ranges
from velroload.protocol.address import ADDRESS_BYTES, Target, pack_sources

STEP = np.dtype(
    [
        ("op", "u1"),
        ("flags", "u1"),
        ("endpoint", "<u2"),
        ("expect", "<u2"),
        ("think", "u1"),
        ("origin", "u1"),
        ("part_first", "<u4"),
        ("part_count", "<u4"),
        ("capture_first", "<u4"),
        ("capture_count", "<u4"),
        ("timeout_ns", "<i8"),
        ("think_a", "<f8"),
        ("think_b", "<f8"),
        ("probability", "<f8"),
        ("body_first", "<u4"),
        ("pad2", "<u4"),
    ]
)
PART = np.dtype([("kind", "<u4"), ("slot", "<u4"), ("offset", "<u4"), ("length", "<u4")])
ORIGIN = np.dtype(
    [("address_first", "<u4"), ("address_count", "<u4"), ("transport", "u1"), ("pad", "V7")]
)
CAPTURE = np.dtype([("slot", "<u4"), ("rule", "<u4")])

TRANSPORTS = {"http": 0, "unix": 0, "https": 1}
REQUEST, THINK = 0, 1
HEAD, IDEMPOTENT, WANT_BODY, CLOSE = 1, 2, 4, 8
LITERAL, SLOT, LENGTH = 0, 1, 2
THINKS = {"constant": 1, "uniform": 2, "exponential": 3}

SLOT_BYTES = 1024
"""Room of one slot, its length word included; a longer value is CAPTURE_TOO_LONG."""
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})
ENDPOINTS_MAX = 65_535
_REFERENCE = re.compile(rb"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A row that figures go under; `kind` is request, iteration or address."""

    id: int
    name: str
    kind: str
    scenario: str | None
    cls: str | None
    setup: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "kind": self.kind,
            "scenario": self.scenario,
            "cls": self.cls,
            "setup": self.setup,
        }


@dataclass(frozen=True, slots=True)
class Compiled:
    """One scenario's place in the program: (first, count) of its steps, its pause, its row."""

    setup: tuple[int, int]
    flow: tuple[int, int]
    think: int | None
    iteration_endpoint: int | None


@dataclass(frozen=True, slots=True)
class Program:
    """All that workers need of the flows. `rules` are the JSON paths of the captures.

    `tls_hosts`: per origin the name that its certificate must be for, None where it speaks plain.
    """

    arrays: dict[str, bytes]
    scenarios: tuple[Compiled, ...]
    endpoints: tuple[Endpoint, ...]
    rules: tuple[tuple[str | int, ...], ...]
    tls_hosts: tuple[str | None, ...]
    sources_v4: int
    slots: int
    user_slot: int | None
    slot_bytes: int
    render_bytes: int


@dataclass
class _Writer:
    """Collects the arrays while the scenarios are compiled one by one."""

    plan: Plan
    target: Target
    slots: dict[str, int] = field(default_factory=dict)
    literals: bytearray = field(default_factory=bytearray)
    steps: list[tuple[Any, ...]] = field(default_factory=list)
    parts: list[tuple[int, int, int, int]] = field(default_factory=list)
    captures: list[tuple[int, int]] = field(default_factory=list)
    expects: list[bytes] = field(default_factory=list)
    rules: list[tuple[str | int, ...]] = field(default_factory=list)
    endpoints: list[Endpoint] = field(default_factory=list)
    longest: int = 1

    def slot(self, name: str) -> int:
        return self.slots.setdefault(name, len(self.slots))

    def endpoint(self, name: str, kind: str, scenario: str, cls: str | None, setup: bool) -> int:
        """The row of this name in this scenario, new at its first use."""
        for row in self.endpoints:
            if (row.name, row.kind, row.scenario, row.setup) == (name, kind, scenario, setup):
                return row.id
        if len(self.endpoints) == ENDPOINTS_MAX:
            raise ConfigError(f"more than {ENDPOINTS_MAX} endpoints")
        self.endpoints.append(Endpoint(len(self.endpoints), name, kind, scenario, cls, setup))
        return len(self.endpoints) - 1

    def expect(self, ranges: Ranges) -> int:
        """The set of statuses as 1,024 bits."""
        bits = np.zeros(1024, dtype=np.uint8)
        for low, high in ranges:
            bits[low : high + 1] = 1
        packed = np.packbits(bits, bitorder="little").tobytes()
        if packed not in self.expects:
            self.expects.append(packed)
        return self.expects.index(packed)

    def text(self, text: bytes) -> None:
        """Append literal bytes and ${slots} as parts; neighbouring literals become one."""
        for index, piece in enumerate(_REFERENCE.split(text)):
            if index % 2:
                self.parts.append((SLOT, self.slot(piece.decode()), 0, 0))
            elif piece:
                self.literal(piece)

    def literal(self, piece: bytes) -> None:
        self.parts.append((LITERAL, 0, len(self.literals), len(piece)))
        self.literals += piece

    def request(self, scenario: Scenario, request: Request, setup: bool) -> None:
        first = len(self.parts)
        head = request_head(self.plan, self.target, request)
        body = request.body or b""
        body_slots = bool(_REFERENCE.search(body))
        if not body_slots:
            if request.body is not None or request.method in BODY_METHODS:
                head += b"Content-Length: %d\r\n" % len(body)
            self.text(head + b"\r\n" + body)
            body_first = len(self.parts)
        else:
            self.text(head + b"Content-Length: ")
            self.parts.append((LENGTH, 0, 0, 0))
            self.literal(b"\r\n\r\n")
            body_first = len(self.parts)
            self.text(body)
        self.measure(first)
        captures = len(self.captures)
        for capture in request.captures:
            self.captures.append((self.slot(capture.slot), len(self.rules)))
            self.rules.append(capture.path)
        self.steps.append(
            (
                REQUEST,
                request_flags(self.plan, request),
                self.endpoint(request.endpoint, "request", scenario.name, request.cls, setup),
                self.expect(request.expect),
                0,
                0,
                first,
                len(self.parts) - first,
                captures,
                len(self.captures) - captures,
                request.timeout_ns or self.plan.timeouts.request_ns,
                0.0,
                0.0,
                1.0,
                body_first,
                0,
            )
        )

    def measure(self, first: int) -> None:
        """Keep the length of the longest request, its slots full."""
        length = 0
        for kind, _, _, size in self.parts[first:]:
            length += {LITERAL: size, SLOT: SLOT_BYTES - 4, LENGTH: 20}[kind]
        self.longest = max(self.longest, length)

    def think(self, think: Think) -> int:
        a, b = (*think.parameters_ns, 0)[:2]
        step = [0] * len(STEP.names or ())
        step[0], step[4] = THINK, THINKS[think.distribution]
        self.steps.append((*step[:11], float(a), float(b), 1.0, 0, 0))
        return len(self.steps) - 1

    def section(self, scenario: Scenario, setup: bool) -> tuple[int, int]:
        first = len(self.steps)
        for step in scenario.setup if setup else scenario.flow:
            if isinstance(step, Think):
                self.think(step)
            else:
                self.request(scenario, step, setup)
        return first, len(self.steps) - first

    def scenario(self, scenario: Scenario) -> Compiled:
        setup = self.section(scenario, setup=True)
        flow = self.section(scenario, setup=False)
        pause = scenario.load.think
        row = None
        if len(scenario.flow) > 1:  # with one step the request is the iteration
            row = self.endpoint("iteration", "iteration", scenario.name, None, False)
        return Compiled(setup, flow, None if pause is None else self.think(pause), row)


def headers_of(plan: Plan, request: Request) -> Headers:
    """The plan's headers and the request's own, which replace the plan's of the same name."""
    own = {name.lower() for name, _ in request.headers}
    return (*(pair for pair in plan.headers if pair[0].lower() not in own), *request.headers)


def request_head(plan: Plan, target: Target, request: Request) -> bytes:
    """The request line and the headers, without Content-Length and the empty line.

    A header that the plan gives replaces the default of the same name.
    """
    headers = headers_of(plan, request)
    names = {name.lower() for name, _ in headers}
    closes = not plan.connecting.keep_alive and "connection" not in names
    lines = [f"{request.method} {target.path.rstrip('/')}{request.path} HTTP/1.1"]
    if "host" not in names:
        lines.append(f"Host: {target.authority}")
    if "user-agent" not in names:
        lines.append(f"User-Agent: velroload/{__version__}")
    if "accept" not in names:
        lines.append("Accept: */*")
    if closes:
        lines.append("Connection: close")
    lines += [f"{name}: {value}" for name, value in headers]
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1")


def request_flags(plan: Plan, request: Request) -> int:
    flags = 0 if plan.connecting.keep_alive else CLOSE
    if request.method == "HEAD":
        flags |= HEAD
    if request.method in IDEMPOTENT_METHODS and plan.connecting.retry:
        flags |= IDEMPOTENT
    if request.captures:
        flags |= WANT_BODY
    for name, value in headers_of(plan, request):
        if name.lower() == "connection" and "close" in value.lower():
            flags |= CLOSE
    return flags


def compile_program(plan: Plan, target: Target, addresses: bytes) -> Program:
    """Compile every scenario of the plan. `addresses` are packed rows (pack_address)."""
    writer = _Writer(plan, target)
    scenarios = tuple(writer.scenario(scenario) for scenario in plan.scenarios)
    sources, sources_v4 = pack_sources(plan.connecting.sources)
    arrays = {
        "steps": np.array(writer.steps, dtype=STEP).tobytes(),
        "parts": np.array(writer.parts, dtype=PART).tobytes(),
        "captures": np.array(writer.captures, dtype=CAPTURE).tobytes(),
        "expects": b"".join(writer.expects),
        "literals": bytes(writer.literals),
        "origins": np.array(
            [(0, len(addresses) // ADDRESS_BYTES, TRANSPORTS[target.scheme], b"")], ORIGIN
        ).tobytes(),
        "addresses": addresses,
        "sources": sources,
    }
    return Program(
        arrays=arrays,
        scenarios=scenarios,
        endpoints=tuple(writer.endpoints),
        rules=tuple(writer.rules),
        tls_hosts=(target.host if target.scheme == "https" else None,),
        sources_v4=sources_v4,
        slots=len(writer.slots),
        user_slot=writer.slots.get(BUILT_IN_SLOTS[0]),
        slot_bytes=SLOT_BYTES,
        render_bytes=writer.longest,
    )
