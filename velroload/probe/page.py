"""One page by HTTP/1.1, for probes: GET, a kept connection, our own strict parser, bounded."""

import asyncio
import ssl
from base64 import b64encode
from urllib.parse import unquote, urlsplit

from velroload import __version__
from velroload._core import Http1Parser
from velroload.probe.source import MissingError
from velroload.sample import ErrorKind

BODY_LIMIT_BYTES = 4 << 20
READ_BYTES = 65_536
NEED_MORE, DONE, BAD = range(3)


class Page:
    """GETs one URL again and again. Not for two readers at a time.

    `default_path` stands where the URL has none; `token` goes as a bearer token, credentials of the
    URL as Basic. Redirects are not followed. `context` is for https.
    """

    def __init__(
        self,
        url: str,
        accept: str,
        *,
        token: str | None = None,
        default_path: str = "/",
        context: ssl.SSLContext | None = None,
    ) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._tls = parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        self._context = context
        path = parts.path if parts.path not in ("", "/") else default_path
        query = f"?{parts.query}" if parts.query else ""
        lines = [
            f"GET {path}{query} HTTP/1.1",
            f"Host: {parts.netloc.rpartition('@')[2]}",
            f"User-Agent: velroload-probe/{__version__}",
            f"Accept: {accept}",
        ]
        if token is not None:
            lines.append(f"Authorization: Bearer {token}")
        elif parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            lines.append(f"Authorization: Basic {b64encode(pair.encode()).decode()}")
        self._request = "".join(f"{line}\r\n" for line in (*lines, "")).encode()
        self._parser = Http1Parser()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def get(self) -> bytes:
        """The body of a 200. MissingError or OSError for anything else."""
        try:
            while True:
                used = self._writer is not None
                if not used:
                    await self._open()
                body = await self._ask(used)
                if body is not None:
                    return body
                self._drop()  # it was closed while nobody looked: once more
        except BaseException:
            self._drop()
            raise

    async def _open(self) -> None:
        context = self._context
        if self._tls and context is None:
            context = self._context = ssl.create_default_context()
        self._reader, self._writer = await asyncio.open_connection(
            self._host, self._port, ssl=context if self._tls else None
        )

    async def _ask(self, used: bool) -> bytes | None:
        """None where a connection that was used before turns out closed."""
        assert self._reader is not None
        assert self._writer is not None
        parser = self._parser
        parser.reset(want_body=True)
        code, taken = NEED_MORE, 0
        try:
            self._writer.write(self._request)
            await self._writer.drain()
            while code == NEED_MORE:
                data = await self._reader.read(READ_BYTES)
                taken += len(data)
                if used and not taken:
                    return None
                code = parser.feed(data)[0] if data else parser.eof()
                if parser.body_bytes > BODY_LIMIT_BYTES:
                    raise MissingError(f"its answer is longer than {BODY_LIMIT_BYTES >> 20} MiB")
        except (ConnectionResetError, BrokenPipeError):
            if used and not taken:
                return None
            raise
        if code == BAD:
            why = ErrorKind(parser.error).name.lower().replace("_", " ")
            raise MissingError(f"no valid HTTP answer ({why})")
        if parser.status != 200:
            raise MissingError(f"it answers with status {parser.status}")
        if not parser.keep_alive:
            self._drop()
        return parser.body

    def _drop(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None

    async def close(self) -> None:
        """Close the connection; may be called twice."""
        self._drop()
        await asyncio.sleep(0)  # for its transport to hear of it
