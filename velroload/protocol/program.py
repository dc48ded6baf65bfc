"""Compile a plan's flows to what the core executes: steps, parts, literals, captures.

Even a bare URL becomes a flow of one step. The arrays' layouts are those of core/template.pxi; the
core checks every index when it loads them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from velroload.errors import ConfigError
from velroload.plan.model import Plan, Request, Scenario, Think
from velroload.plan.slots import BUILT_IN_SLOTS
from velroload.plan.steps import Ranges
from velroload.protocol.address import ADDRESS_BYTES, Target, pack_sources
from velroload.protocol.body import Encoded, Raw, encode
from velroload.protocol.head import as_get, header_lines, headers_of, without_credentials
from velroload.protocol.parts import LENGTH, LITERAL, PART, SLOT, Parts
from velroload.protocol.redirect import Origin, origin_of

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
        ("extra", "<u4"),
    ]
)
ORIGIN = np.dtype(
    [("address_first", "<u4"), ("address_count", "<u4"), ("transport", "u1"), ("pad", "V7")]
)
EXTRA = np.dtype(
    [
        ("hop_first", "<u4"),
        ("path_slot", "<u4"),
        ("hop_endpoint", "<u2"),
        ("redirects", "u1"),
        ("flags", "u1"),
        ("cookie_slot", "<u4"),
    ]
)
CAPTURE = np.dtype([("slot", "<u4"), ("rule", "<u4")])

TRANSPORTS = {"http": 0, "unix": 0, "https": 1}
REQUEST, THINK = 0, 1
HEAD, IDEMPOTENT, WANT_BODY, CLOSE, SPANS, POST = 1, 2, 4, 8, 16, 32
THINKS = {"constant": 1, "uniform": 2, "exponential": 3}

SLOT_BYTES = 1024
"""Room of one slot, its length word included; a longer value is CAPTURE_TOO_LONG."""
LONG_SLOT_BYTES = 4096
"""The same where slots hold what servers choose: paths of redirects, cookies."""
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})
ENDPOINTS_MAX = 65_535
HOP_PATH = "path of the next hop"
"""No slot of a plan can have this name."""
HOP_COOKIES = "cookies of the next hop"
LOCATION_BYTES = 2048
SET_COOKIE_BYTES = 8192
"""Kept of one answer's Location, of all its Set-Cookies; of its Content-Encoding CODING_BYTES."""
CODING_BYTES = RESPONSE_TIME_BYTES = 64
SERVER_TIMING_BYTES = 1024
COOKIES, DECODE, VALUES = 1, 2, 4
"""Flags of an extra."""


Row = tuple[str, str | None, bool, tuple[tuple[str, str], ...]]
"""Of an endpoint's row: its scenario, class, whether it is setup, and tags."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A row that figures go under; `kind` is request, hop, iteration or address."""

    id: int
    name: str
    kind: str
    scenario: str | None
    cls: str | None
    setup: bool
    tags: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "kind": self.kind,
            "scenario": self.scenario,
            "cls": self.cls,
            "setup": self.setup,
            **({"tags": list(self.tags)} if self.tags else {}),
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
    """All that workers need of the flows. `rules` are the JSON paths of the captures; `files` the
    paths that spans refer to, as 1, 2, …

    `origins`: scheme, host and port of every place that may be connected to, the target first.
    `wanted`: the headers of answers that are kept, and room for each. `scopes`: slots of cookies,
    with the origin and path that each is for.
    """

    arrays: dict[str, bytes]
    files: tuple[str, ...]
    scenarios: tuple[Compiled, ...]
    endpoints: tuple[Endpoint, ...]
    rules: tuple[tuple[str | int, ...], ...]
    wanted: tuple[tuple[str, int], ...]
    scopes: tuple[tuple[int, int, str], ...]
    origins: tuple[Origin, ...]
    sources_v4: int
    slots: int
    user_slot: int | None
    slot_bytes: int
    render_bytes: int


@dataclass
class _Writer:
    """Collects the arrays while the scenarios are compiled one by one."""

    plan: Plan
    targets: tuple[Target, ...]
    parts: Parts = field(default_factory=Parts)
    steps: list[tuple[Any, ...]] = field(default_factory=list)
    captures: list[tuple[int, int]] = field(default_factory=list)
    expects: list[bytes] = field(default_factory=list)
    rules: list[tuple[str | int, ...]] = field(default_factory=list)
    endpoints: list[Endpoint] = field(default_factory=list)
    extras: list[list[int]] = field(default_factory=list)
    redirected: list[tuple[Request, int, int, int]] = field(default_factory=list)
    scopes: dict[str, int] = field(default_factory=dict)
    longest: int = 1

    @property
    def wanted(self) -> tuple[tuple[str, int], ...]:
        """The headers of answers that are kept, and room for each."""
        found = [("location", LOCATION_BYTES)] if self.redirected else []
        if self.plan.cookies:
            found.append(("set-cookie", SET_COOKIE_BYTES))
        if self.plan.server_timing:
            found.append(("server-timing", SERVER_TIMING_BYTES))
            found.append(("x-response-time", RESPONSE_TIME_BYTES))
        if any(extra[4] & DECODE for extra in self.extras):
            found.append(("content-encoding", CODING_BYTES))
        return tuple(found)

    @property
    def slot_bytes(self) -> int:
        """Room of each slot of this plan."""
        if self.plan.cookies:
            return LONG_SLOT_BYTES
        requests = (r for s in self.plan.scenarios for r in (*s.setup, *s.flow))
        long = any(isinstance(r, Request) and r.redirects for r in requests)
        return LONG_SLOT_BYTES if long else SLOT_BYTES

    def endpoint(
        self,
        name: str,
        kind: str,
        scenario: str,
        cls: str | None,
        setup: bool,
        tags: tuple[tuple[str, str], ...] = (),
    ) -> int:
        """The row of this name in this scenario, new at its first use."""
        for row in self.endpoints:
            if (row.name, row.kind, row.scenario, row.setup) == (name, kind, scenario, setup):
                return row.id
        if len(self.endpoints) == ENDPOINTS_MAX:
            raise ConfigError(f"more than {ENDPOINTS_MAX} endpoints")
        words = tuple(f"{tag}={value}" for tag, value in tags)
        row = Endpoint(len(self.endpoints), name, kind, scenario, cls, setup, words)
        self.endpoints.append(row)
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

    def request(self, scenario: Scenario, request: Request, setup: bool) -> None:
        names = (scenario.name, request.cls, setup, request.tags)
        endpoint = self.endpoint(request.endpoint, "request", *names)
        captures = len(self.captures)
        for capture in request.captures:
            self.captures.append((self.parts.slot(capture.slot), len(self.rules)))
            self.rules.append(capture.path)
        extra = self.extra(request, names)
        if request.redirects:
            self.redirected.append((request, endpoint, captures, extra))
        self.step(request, endpoint, captures, extra)

    def extra(self, request: Request, names: Row) -> int:
        """The number of a row of what the request asks for beside its answer, 0 for nothing."""
        path = hops = cookies = 0
        if request.redirects:
            path = self.parts.slot(HOP_PATH)
            hops = self.endpoint(f"{request.endpoint} (redirects)", "hop", *names)
        if self.plan.cookies:
            cookies = self.parts.slot(HOP_COOKIES)
        flags = COOKIES if self.plan.cookies else 0
        if request.compressed and request.captures:
            flags |= DECODE
        if self.plan.server_timing:
            flags |= VALUES
        if not (request.redirects or flags):
            return 0
        self.extras.append([0, path, hops, request.redirects, flags, cookies])
        return len(self.extras)

    def step(
        self, request: Request, endpoint: int, captures: int, extra: int, hop_to: int | None = None
    ) -> None:
        """Write a request step; one to an origin `hop_to` takes its path from a slot."""
        target = self.targets[hop_to or 0]
        plan = self.plan
        if hop_to:
            plan = replace(plan, headers=without_credentials(plan.headers))
        first = self.parts.begin()
        body = None if request.body is None else encode(request.body, plan.seed)
        self.parts.text(f"{request.method} ".encode())
        if hop_to is None:
            self.parts.text((target.path.rstrip("/") + request.path).encode())
        else:
            self.parts.place(HOP_PATH)
        self.parts.text(header_lines(plan, target, request, body))
        if plan.cookies:
            self.parts.place(HOP_COOKIES if hop_to is not None else self.scope(request))
        if body is None and request.method in BODY_METHODS:
            body = Encoded((Raw(b""),))
        body_first = self.parts.body(body, request.stream)
        flags = request_flags(plan, request) | (SPANS if self.parts.end() else 0)
        self.measure(first)
        self.steps.append(
            (
                REQUEST,
                flags,
                endpoint,
                self.expect(request.expect),
                0,
                hop_to or 0,
                first,
                len(self.parts.rows) - first,
                captures,
                len(request.captures),
                request.timeout_ns or plan.timeouts.request_ns,
                0.0,
                0.0,
                1.0,
                body_first,
                extra,
            )
        )

    def scope(self, request: Request) -> str:
        """The name of the slot that holds the cookies for the request's path, up to what of it is
        only known when it is sent."""
        path = self.targets[0].path.rstrip("/") + request.path
        path = path.partition("?")[0].partition("${")[0]
        name = f"cookies for {path}"
        self.scopes[path] = self.parts.slot(name)
        return name

    def hops(self) -> None:
        """Write the steps that redirects exchange a request for: per origin it as it is, and as a
        GET. Behind all others, since a flow's steps are neighbours."""
        for request, endpoint, captures, extra in self.redirected:
            self.extras[extra - 1][0] = len(self.steps)
            for origin in range(len(self.targets)):
                there = request
                if origin:
                    there = replace(request, headers=without_credentials(request.headers))
                for hop in (there, as_get(there)):
                    self.step(hop, endpoint, captures, extra, origin)

    def measure(self, first: int) -> None:
        """Keep the length of the longest request, its slots full; spans are never rendered."""
        length = 0
        for kind, _, _, size in self.parts.rows[first:]:
            length += {LITERAL: size, SLOT: self.slot_bytes - 4, LENGTH: 20}.get(kind, 0)
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
            elif isinstance(step, Request):
                self.request(scenario, step, setup)
            else:
                raise NotImplementedError(type(step).__name__)  # refuse_unbuilt() comes first
        return first, len(self.steps) - first

    def scenario(self, scenario: Scenario) -> Compiled:
        setup = self.section(scenario, setup=True)
        flow = self.section(scenario, setup=False)
        pause = scenario.load.think
        row = None
        if len(scenario.flow) > 1:  # with one step the request is the iteration
            row = self.endpoint("iteration", "iteration", scenario.name, None, False)
        return Compiled(setup, flow, None if pause is None else self.think(pause), row)


def request_flags(plan: Plan, request: Request) -> int:
    flags = 0 if plan.connecting.keep_alive else CLOSE
    if request.method == "HEAD":
        flags |= HEAD
    if request.method in IDEMPOTENT_METHODS and plan.connecting.retry:
        flags |= IDEMPOTENT
    if request.captures:
        flags |= WANT_BODY
    if request.method == "POST":
        flags |= POST
    for name, value in headers_of(plan, request):
        if name.lower() == "connection" and "close" in value.lower():
            flags |= CLOSE
    return flags


def compile_program(
    plan: Plan, target: Target, addresses: bytes, others: Sequence[tuple[Target, bytes]] = ()
) -> Program:
    """Compile every scenario of the plan. `addresses` are the target's packed rows (pack_address),
    `others` where redirects may lead beside it, with theirs."""
    places = ((target, addresses), *others)
    writer = _Writer(plan, tuple(target for target, _ in places))
    scenarios = tuple(writer.scenario(scenario) for scenario in plan.scenarios)
    writer.hops()
    sources, sources_v4 = pack_sources(plan.connecting.sources)
    arrays = {
        "steps": np.array(writer.steps, dtype=STEP).tobytes(),
        "parts": np.array(writer.parts.rows, dtype=PART).tobytes(),
        "captures": np.array(writer.captures, dtype=CAPTURE).tobytes(),
        "expects": b"".join(writer.expects),
        "literals": bytes(writer.parts.literals),
        "extras": np.array([tuple(row) for row in writer.extras], EXTRA).tobytes(),
        **origins_of(places),
        "sources": sources,
    }
    return Program(
        arrays=arrays,
        files=tuple(writer.parts.files),
        scenarios=scenarios,
        endpoints=tuple(writer.endpoints),
        rules=tuple(writer.rules),
        wanted=writer.wanted,
        scopes=tuple((slot, 0, path) for path, slot in writer.scopes.items()),
        origins=tuple(origin_of(target) for target, _ in places),
        sources_v4=sources_v4,
        slots=len(writer.parts.slots),
        user_slot=writer.parts.slots.get(BUILT_IN_SLOTS[0]),
        slot_bytes=writer.slot_bytes,
        render_bytes=writer.longest,
    )


def origins_of(places: Sequence[tuple[Target, bytes]]) -> dict[str, bytes]:
    """The arrays of origins and addresses."""
    rows, addresses = [], b""
    for target, packed in places:
        first, count = len(addresses) // ADDRESS_BYTES, len(packed) // ADDRESS_BYTES
        rows.append((first, count, TRANSPORTS[target.scheme], b""))
        addresses += packed
    return {"origins": np.array(rows, ORIGIN).tobytes(), "addresses": addresses}
