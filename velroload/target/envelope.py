"""Around every answer: routing, the request's id, its time, its place in the truth.

A router of our own instead of aiohttp's application: with one core for the service, routing,
middleware and match objects cost a quarter of the whole request.
"""

import asyncio
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any

import orjson
from aiohttp import hdrs, web
from multidict import CIMultiDict

from velroload.target.truth import MALFORMED, UNMATCHED, Truth

logger = logging.getLogger("velroload.target")

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
HIDDEN = "/__"
"""Paths under it belong to the observer and are not counted as traffic."""

Handler = Callable[[web.BaseRequest, str], Awaitable[bytes]]
"""From a request and the item that its path names ("" if none) to a body of JSON, status 200."""


class ApiError(Exception):
    """An answer that is an error: its status, its detail and headers of its own."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}


@dataclass(slots=True)
class Route:
    """An operation. `path` may end in /{id}, which stands for one segment.

    `name` is the truth's row: method and path.
    """

    method: str
    path: str
    handler: Handler
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = f"{self.method} {self.path}"


class Router:
    """Finds the route of a method and path: exact paths first, then those with an item."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._exact: dict[str, dict[str, Route]] = {}
        self._items: dict[str, dict[str, Route]] = {}
        for route in routes:
            parent, is_item, _ = route.path.partition("/{id}")
            table = self._items if is_item else self._exact
            table.setdefault(parent, {})[route.method] = route

    def find(self, method: str, path: str) -> tuple[Route, str]:
        """The route and its item; ApiError 404, or 405 when only the method is wrong."""
        by_method, item = self._exact.get(path), ""
        if by_method is None:
            parent, _, item = path.rpartition("/")
            by_method = self._items.get(parent)
            if by_method is None or not item:
                raise ApiError(404, "Not Found")
        route = by_method.get(method)
        if route is None:
            allowed = ", ".join(sorted(by_method))
            raise ApiError(405, "Method Not Allowed", {hdrs.ALLOW: allowed})
        return route, item


class Envelope:
    """The handler that aiohttp calls: it answers every request, whatever happens."""

    def __init__(self, router: Router, truth: Truth) -> None:
        self._router = router
        self._truth = truth
        self._names = secrets.token_hex(8)
        self._named = 0

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        started_ns = perf_counter_ns()
        truth = self._truth
        path = path_of(request)
        counted = not path.startswith(HIDDEN)
        truth.received += counted
        request_id = self.name(request)
        row, status, extra = UNMATCHED, 200, None
        try:
            route, item = self._router.find(request.method, path)
            row = route.name
            body = await route.handler(request, item)
        except ApiError as error:
            status, extra = error.status, error.headers
            body = error_body(status, error.detail, request_id)
        except web.HTTPException as error:  # aiohttp's own, while the body was read
            status = error.status
            body = error_body(status, error.reason, request_id)
        except ConnectionError:  # the client left before its body was complete
            truth.aborted += counted
            return respond(400, b"", request_id, 0)  # goes nowhere; raising would count twice
        except asyncio.CancelledError:
            truth.aborted += counted
            raise
        except Exception:
            logger.exception("%s %s failed", request.method, request.path)
            status = 500
            body = error_body(status, "Internal Server Error", request_id)
        if counted:
            truth.answer(row, status)
        return respond(status, body, request_id, perf_counter_ns() - started_ns, extra)

    def malformed(self, request: web.BaseRequest, status: int) -> web.Response:
        """The answer to what could not be read as a request."""
        self._truth.received += 1
        self._truth.answer(MALFORMED, status)
        request_id = self.name(request)
        return respond(status, error_body(status, "Malformed request", request_id), request_id, 0)

    def name(self, request: web.BaseRequest) -> str:
        """The id that the request came with, if it is a decent one, or a new one."""
        given = request.headers.get("X-Request-ID")
        if given is not None and REQUEST_ID.fullmatch(given):
            return given
        self._named += 1
        return f"{self._names}{self._named:016x}"


class Connection(web.RequestHandler):
    """One accepted connection: counted, and its unreadable requests answered like all others."""

    __slots__ = ("_envelope", "_truth")

    def __init__(
        self, server: web.Server, envelope: Envelope, truth: Truth, **options: Any
    ) -> None:
        super().__init__(server, **options)
        self._envelope = envelope
        self._truth = truth

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it in."""
        self._truth.connections_accepted += 1
        self._truth.connections_open += 1
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Count it out."""
        self._truth.connections_open -= 1
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What the HTTP parser refused: answered as every error is, then the connection ends."""
        response = self._envelope.malformed(request, status)
        response.force_close()
        return response


def path_of(request: web.BaseRequest) -> str:
    """The path without its query; decoded only where there is something to decode."""
    raw = request.raw_path
    if "%" in raw or not raw.startswith("/"):
        return request.path
    return raw.partition("?")[0]


def error_body(status: int, detail: str, request_id: str) -> bytes:
    """An error in the one shape that all of them have."""
    return orjson.dumps({"detail": detail, "request_id": request_id, "status_code": status})


def respond(
    status: int,
    body: bytes,
    request_id: str,
    spent_ns: int,
    extra: Mapping[str, str] | None = None,
) -> web.Response:
    """An answer with the headers that every answer bears, and `extra` ones."""
    spent_ms = f"{spent_ns / 1e6:.2f}"
    headers: CIMultiDict[str] = CIMultiDict(
        {
            hdrs.CONTENT_TYPE: "application/json",
            "X-Request-ID": request_id,
            "X-Response-Time": f"{spent_ms}ms",
            "Server-Timing": f"app;dur={spent_ms}",
            hdrs.SERVER: "velroload-target",
        }
    )
    if extra:
        headers.update(extra)
    return web.Response(body=body, status=status, headers=headers)
