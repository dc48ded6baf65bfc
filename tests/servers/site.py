"""An independent HTTP server (aiohttp) in a thread of its own, which remembers what it was sent."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Seen:
    """One request as the server understood it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Site:
    """Serves `handler` on a free port of `host`; `seen` is every request, in order of arrival.

    The body is read before the handler runs, so that a handler need not; read=False leaves it.
    """

    def __init__(self, handler: Handler, host: str = "127.0.0.1", read: bool = True) -> None:
        self.handler = handler
        self.host = host
        self.read = read
        self.port = 0
        self.seen: list[Seen] = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def paths(self) -> list[str]:
        return [one.path for one in self.seen]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read() if self.read else b""
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(Seen(request.method, request.raw_path, headers, body))
        return await self.handler(request)

    async def _serve(self) -> web.AppRunner:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{tail:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        place = web.TCPSite(runner, self.host, 0)
        await place.start()
        self.port = int(runner.addresses[0][1])
        return runner

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        runner = self._loop.run_until_complete(self._serve())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


async def ok(request: web.Request) -> web.StreamResponse:
    """The handler that is content with everything."""
    return web.Response(text="ok")
