"""Around every answer: the request's id, its time, its cache layer, its place in the truth."""

import asyncio
import logging
import re
import secrets
import socket
import struct
from collections.abc import Mapping
from time import monotonic_ns, perf_counter_ns
from typing import Any, cast

import orjson
from aiohttp import hdrs, web
from multidict import CIMultiDict

from velroload.target.failure import Failure
from velroload.target.ratelimit import RateLimit
from velroload.target.router import HIDDEN, Call, Router
from velroload.target.servicelog import ServiceLog
from velroload.target.spent import LAYERS, Spent
from velroload.target.toxics import CutError, Toxics, trickle
from velroload.target.truth import MALFORMED, UNMATCHED, Row, Truth

logger = logging.getLogger("velroload.target")

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class Envelope:
    """The handler that aiohttp calls: it answers every request, whatever happens."""

    def __init__(
        self,
        router: Router,
        truth: Truth,
        toxics: Toxics,
        limit: RateLimit | None = None,
        log: ServiceLog | None = None,
    ) -> None:
        self._router = router
        self._truth = truth
        self._toxics = toxics
        self._on_request = toxics.faults.on_request
        self._limit = limit
        self._log = log
        self._names = secrets.token_hex(8)
        self._named = 0
        self._unmatched = truth.rows[UNMATCHED]

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        started_ns = perf_counter_ns()
        path = path_of(request)
        counted = not path.startswith(HIDDEN)
        request_id = self.name(request)
        call = Call(request)
        if not counted:
            _, status, body, extra, _ = await self._answer(call, path, request_id, counted)
            return respond(call, status, body, request_id, perf_counter_ns() - started_ns, extra)
        truth = self._truth
        truth.counters.mine[truth.received] += 1
        try:
            row, status, body, extra, rate = await self._answer(call, path, request_id, counted)
        except CutError as error:
            truth.count("reset" if error.reset else "aborted")
            if error.reset:
                connection_of(request).cut()
            return respond(call, 400, b"", request_id, 0)
        except ConnectionError:  # the client left before its body was complete
            truth.count("aborted")
            return respond(call, 400, b"", request_id, 0)  # goes nowhere
        except asyncio.CancelledError:
            truth.count("aborted")
            raise
        spent_ns = perf_counter_ns() - started_ns
        truth.answer(row, status, call.spent.layer, spent_ns)
        if rate:
            headers = headers_of(call, request_id, spent_ns, extra)
            return await trickle(request, status, headers, body, rate)
        response = respond(call, status, body, request_id, spent_ns, extra)
        if self._log is not None:
            await self._sent(request, response, row, call.spent)
        return response

    async def _answer(
        self, call: Call, path: str, request_id: str, counted: bool
    ) -> tuple[Row, int, bytes, Mapping[str, str] | None, int]:
        """Row, status, body, further headers, and bytes per second of the body (0: at once)."""
        row, extra, rate = self._unmatched, None, 0
        try:
            route, call.item = self._router.find(call.request.method, path)
            if counted:
                row = self._truth.rows[route.name]
                if self._limit is not None:
                    extra = self._take(call)
                if self._on_request:
                    rate = await self._toxics.before(route.name, call.request.protocol)
            return row, 200, await route.handler(call), extra, rate
        except Failure as error:
            status, extra = error.status, {**(extra or {}), **error.headers}
            body = error_body(status, error.detail, request_id)
        except web.HTTPException as error:  # aiohttp's own, while the body was read
            status = error.status
            body = error_body(status, error.reason, request_id)
        except (ConnectionError, CutError):
            raise
        except Exception:
            logger.exception("%s %s failed", call.request.method, call.request.path)
            status = 500
            body = error_body(status, "Internal Server Error", request_id)
        return row, status, body, extra, rate

    def malformed(self, request: web.BaseRequest, status: int) -> web.Response:
        """The answer to what could not be read as a request."""
        truth = self._truth
        truth.count("received")
        truth.answer(truth.rows[MALFORMED], status, 0, 0)
        request_id = self.name(request)
        body = error_body(status, "Malformed request", request_id)
        return respond(Call(request), status, body, request_id, 0)

    def name(self, request: web.BaseRequest) -> str:
        """The id that the request came with, if it is a decent one, or a new one."""
        given = request.headers.get("X-Request-ID")
        if given is not None and REQUEST_ID.fullmatch(given):
            return given
        self._named += 1
        return f"{self._names}{self._named:016x}"

    def _take(self, call: Call) -> Mapping[str, str]:
        assert self._limit is not None
        try:
            return self._limit.take(call.authorization or str(call.request.remote))
        except Failure:
            self._truth.count("rate_limited")
            raise

    async def _sent(
        self, request: web.BaseRequest, response: web.Response, row: Row, spent: Spent
    ) -> None:
        """Send the answer here and now, and note when that was done."""
        received_ns = connection_of(request).received_ns
        await response.prepare(request)
        await response.write_eof()
        assert self._log is not None
        self._log.write(received_ns, monotonic_ns(), row.number, response.status, spent.layer)


class Connection(web.RequestHandler):
    """One accepted connection: counted, and its unreadable requests answered like all others."""

    __slots__ = ("_envelope", "_gone", "_truth", "received_ns")

    def __init__(
        self, server: web.Server, envelope: Envelope, truth: Truth, **options: Any
    ) -> None:
        super().__init__(server, **options)
        self._envelope = envelope
        self._truth = truth
        self._gone: asyncio.Event | None = None
        self.received_ns = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it in."""
        self._truth.count("connections_accepted")
        self._truth.count("connections_open")
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Count it out."""
        self._truth.count("connections_open", -1)
        if self._gone is not None:
            self._gone.set()
        super().connection_lost(exc)

    async def left(self) -> None:
        """Wait until the client has gone."""
        if self.transport is not None:
            self._gone = asyncio.Event()
            await self._gone.wait()

    def cut(self) -> None:
        """Reset the connection."""
        if self.transport is not None:
            reset(self.transport)

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


class StampedConnection(Connection):
    """A connection that knows when it last read something: for the service-time log."""

    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        """Note the time first."""
        self.received_ns = monotonic_ns()
        super().data_received(data)


def reset(transport: asyncio.Transport) -> None:
    """Close with RST: nothing that is under way arrives."""
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def connection_of(request: web.BaseRequest) -> Connection:
    """The connection that a request came on: all of ours are of our own class."""
    return cast(Connection, request.protocol)


def path_of(request: web.BaseRequest) -> str:
    """The path without its query; decoded only where there is something to decode."""
    raw = request.raw_path
    if "%" in raw or not raw.startswith("/"):
        return request.path
    return raw.partition("?")[0]


def error_body(status: int, detail: str, request_id: str) -> bytes:
    """An error in the one shape that all of them have."""
    return orjson.dumps({"detail": detail, "request_id": request_id, "status_code": status})


def headers_of(
    call: Call, request_id: str, spent_ns: int, extra: Mapping[str, str] | None
) -> CIMultiDict[str]:
    """The headers that every answer bears, and `extra` ones."""
    spent_ms = f"{spent_ns / 1e6:.2f}"
    spent = call.spent
    headers: CIMultiDict[str] = CIMultiDict(
        {
            hdrs.CONTENT_TYPE: call.content_type,
            "X-Request-ID": request_id,
            "X-Response-Time": f"{spent_ms}ms",
            "Server-Timing": spent.header(spent_ms),
            hdrs.SERVER: "velroload-target",
        }
    )
    if spent.layer:
        headers["X-Cache-Status"] = "MISS" if spent.layer == 3 else "HIT"
        headers["X-Cache-Layer"] = LAYERS[spent.layer]
    if extra:
        headers.update(extra)
    return headers


def respond(
    call: Call,
    status: int,
    body: bytes,
    request_id: str,
    spent_ns: int,
    extra: Mapping[str, str] | None = None,
) -> web.Response:
    """An answer with all its headers."""
    headers = headers_of(call, request_id, spent_ns, extra)
    return web.Response(body=body, status=status, headers=headers)
