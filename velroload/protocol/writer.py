"""Writes request steps: their parts, flags, endpoints, and what their answers are asked for.

Even a bare URL becomes a flow of one step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np

from velroload.errors import ConfigError
from velroload.plan.model import Plan, Scenario
from velroload.plan.probe import cache_headers
from velroload.plan.slots import BUILT_IN_SLOTS
from velroload.plan.steps import Ranges, Request
from velroload.protocol.address import Target
from velroload.protocol.ask import Asked, ask
from velroload.protocol.body import Encoded, Raw, encode
from velroload.protocol.fill import Fills
from velroload.protocol.head import as_get, header_lines, headers_of, joined, without_credentials
from velroload.protocol.layout import (
    CACHE,
    CLOSE,
    COOKIES,
    DECODE,
    END_ON_ERROR,
    HEAD,
    IDEMPOTENT,
    ON_ERROR_LOGIN,
    POST,
    REQUEST,
    SPANS,
    VALUES,
    WANT_BODY,
    WANT_HEADERS,
)
from velroload.protocol.parts import LENGTH, LITERAL, SLOT, Parts
from velroload.protocol.rooms import CELL, LENGTH_BYTES, NUMBER_ROOM, SITE_ROOM, Rooms
from velroload.protocol.tables import Tables

Row = dict[str, float]
"""A step; what it does not name is 0."""
Names = tuple[str, str | None, bool, tuple[tuple[str, str], ...]]
"""Of an endpoint's row: its scenario, class, whether it is setup, and tags."""

IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})
WRITES = BODY_METHODS | {"DELETE"}
"""Methods whose answers say nothing of a cache's use."""
ENDPOINTS_MAX = 65_535
HOP_PATH = "path of the next hop"
"""No slot of a plan can have this name."""
HOP_COOKIES = "cookies of the next hop"
LOCATION_BYTES = 2048
SET_COOKIE_BYTES = 8192
"""Kept of one answer's Location, of all its Set-Cookies; of its Content-Encoding CODING_BYTES."""
CODING_BYTES = RESPONSE_TIME_BYTES = CACHE_BYTES = 64
SERVER_TIMING_BYTES = KEPT_BYTES = 1024
HEADERS_MAX = 32
"""Names of headers that all steps of a plan together may read."""
LENGTH_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A row that figures go under; `kind` is request, hop, group, iteration or address."""

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


@dataclass
class Writer:
    """Collects the arrays while the scenarios are compiled one by one."""

    plan: Plan
    targets: tuple[Target, ...]
    tables: Tables
    parts: Parts = field(default_factory=Parts)
    steps: list[Row] = field(default_factory=list)
    expects: list[bytes] = field(default_factory=list)
    judges: list[dict[str, Any]] = field(default_factory=list)
    headers: dict[str, int] = field(default_factory=dict)
    endpoints: list[Endpoint] = field(default_factory=list)
    extras: list[Row] = field(default_factory=list)
    redirected: list[tuple[Request, Row]] = field(default_factory=list)
    scopes: dict[str, int] = field(default_factory=dict)
    mixes: list[tuple[str, Fraction]] = field(default_factory=list)
    rooms: Rooms = field(default_factory=Rooms)

    def __post_init__(self) -> None:
        requests = (request for each in self.plan.scenarios for request in each.every_request)
        redirects = any(request.redirects for request in requests)
        self.mixed = frozenset(name for phase in self.plan.phases for name, _ in phase.mix)
        self.fills = Fills(self.parts, self.rooms)
        self.rooms.need(BUILT_IN_SLOTS[0], NUMBER_ROOM)
        if redirects:
            self.header("location", LOCATION_BYTES)
        if self.plan.cookies:
            self.header("set-cookie", SET_COOKIE_BYTES)
        if self.plan.server_timing:
            self.header("server-timing", SERVER_TIMING_BYTES)
            self.header("x-response-time", RESPONSE_TIME_BYTES)
        for name in cache_headers(self.plan.probes):
            self.header(name, CACHE_BYTES)

    def header(self, name: str, room: int) -> int:
        """The number of a header of answers that is kept, with room for so much of it."""
        if name not in self.headers and len(self.headers) == HEADERS_MAX:
            raise ConfigError(f"more than {HEADERS_MAX} different headers are read")
        self.headers[name] = max(self.headers.get(name, 0), room)
        return list(self.headers).index(name)

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
        """Write a request step. Those of the flow have the session's headers."""
        if scenario.session is not None and not setup:
            request = replace(request, headers=joined(request.headers, scenario.session.headers))
        names = (scenario.name, request.cls, setup, request.tags)
        for capture in request.captures:
            self.rooms.capture(capture)
            if capture.kind == "header":
                self.header(capture.source.lower(), 4 + (capture.max_length or 0))
        asked = ask(request, self.parts, self.kept_header)
        row: Row = {
            "op": REQUEST,
            "flags": request_flags(self.plan, request, asked),
            "endpoint": self.endpoint(request.endpoint, "request", *names),
            "expect": self.expect(request.expect),
            "capture_first": len(self.judges),
            "capture_count": asked is not None,
            "timeout_ns": request.timeout_ns or self.plan.timeouts.request_ns,
            "extra": self.extra(request, asked, names),
            "think": ON_ERROR_LOGIN if request.on_error == "login" else 0,
        }
        if asked is not None:
            self.judges.append(asked.to_json())
        if request.redirects:
            self.redirected.append((request, row))
        self.step(request, row)

    def kept_header(self, name: str) -> int:
        """The number of a header that a judge reads."""
        if name == "set-cookie":
            return self.header(name, SET_COOKIE_BYTES)
        return self.header(name, KEPT_BYTES)

    def extra(self, request: Request, asked: Asked | None, names: Names) -> int:
        """The number of a row of what the request asks for beside its answer, 0 for nothing."""
        flags = COOKIES if self.plan.cookies else 0
        if request.compressed and asked is not None and asked.body:
            self.header("content-encoding", CODING_BYTES)
            flags |= DECODE
        if self.plan.server_timing:
            flags |= VALUES
        if cache_headers(self.plan.probes) and request.method not in WRITES:
            flags |= CACHE
        row: Row = {"redirects": request.redirects, "flags": flags}
        if not any(row.values()):
            return 0
        if request.redirects:
            row["path_slot"] = self.site_slot(HOP_PATH)
            row["hop_endpoint"] = self.endpoint(f"{request.endpoint} (redirects)", "hop", *names)
        if self.plan.cookies:
            row["cookie_slot"] = self.site_slot(HOP_COOKIES)
        self.extras.append(row)
        return len(self.extras)

    def site_slot(self, name: str) -> int:
        """The number of a slot for what servers choose: paths of redirects, cookies."""
        self.rooms.need(name, SITE_ROOM)
        return self.parts.slot(name)

    def step(self, request: Request, known: Mapping[str, float], hop_to: int | None = None) -> None:
        """Write the parts of a request step, and the step; one to an origin `hop_to` takes its path
        from a slot."""
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
        row: Row = {**known, "origin": hop_to or 0, "part_first": first}
        row["body_first"] = self.parts.body(body, request.stream)
        row["flags"] = int(row["flags"]) | (SPANS if self.parts.end() else 0)
        row["part_count"] = len(self.parts.rows) - first
        self.steps.append(row)

    def scope(self, request: Request) -> str:
        """The name of the slot that holds the cookies for the request's path, up to what of it is
        only known when it is sent."""
        path = self.targets[0].path.rstrip("/") + request.path
        path = path.partition("?")[0].partition("${")[0]
        name = f"cookies for {path}"
        self.scopes[path] = self.site_slot(name)
        return name

    def hops(self) -> None:
        """Write the steps that redirects exchange a request for: per origin it as it is, and as a
        GET. Behind all others, since a flow's steps are neighbours."""
        for request, row in self.redirected:
            self.extras[int(row["extra"]) - 1]["hop_first"] = len(self.steps)
            asked = int(row["flags"]) & (WANT_BODY | WANT_HEADERS)
            for origin in range(len(self.targets)):
                there = request
                if origin:
                    there = replace(request, headers=without_credentials(request.headers))
                for hop in (there, as_get(there)):
                    flags = request_flags(self.plan, hop, None) | asked
                    self.step(hop, {**row, "flags": flags}, origin)

    def slots(self) -> tuple[list[Row], int]:
        """A row per slot, and the bytes that a user's take: the numbers of its rows of data sets,
        then its own slots. When all else is written."""
        self.rooms.settle(self.tables.widths)
        rows: list[Row] = []
        at = 4 * len(self.tables)
        for name in self.parts.slots:
            if CELL.fullmatch(name):
                rows.append(self.tables.cell(name))
                continue
            room = self.rooms.of(name)
            rows.append({"at": at, "room": room})
            at += LENGTH_BYTES + room + -room % 4
        return rows, at

    def longest(self, slots: Sequence[Row]) -> int:
        """Of the requests whose slots are full; spans are never rendered."""
        most = 1
        for step in self.steps:
            if step["op"] == REQUEST:
                first = int(step["part_first"])
                parts = self.parts.rows[first : first + int(step["part_count"])]
                most = max(most, sum(_length(part, slots) for part in parts))
        return most


def _length(part: tuple[int, int, int, int], slots: Sequence[Row]) -> int:
    kind, slot, _, size = part
    if kind == SLOT:
        return int(slots[slot]["room"])
    return {LITERAL: size, LENGTH: LENGTH_DIGITS}.get(kind, 0)


def request_flags(plan: Plan, request: Request, asked: Asked | None) -> int:
    """What the core has to know of the request and its answer."""
    flags = 0 if plan.connecting.keep_alive else CLOSE
    if request.method == "HEAD":
        flags |= HEAD
    if request.method in IDEMPOTENT_METHODS and plan.connecting.retry:
        flags |= IDEMPOTENT
    if asked is not None:
        flags |= (WANT_BODY if asked.body else 0) | (WANT_HEADERS if asked.wanted else 0)
    if request.method == "POST":
        flags |= POST
    if request.on_error in ("end", "login"):
        flags |= END_ON_ERROR
    for name, value in headers_of(plan, request):
        if name.lower() == "connection" and "close" in value.lower():
            flags |= CLOSE
    return flags
