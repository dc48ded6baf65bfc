"""The HTTP side: the listening socket, start and stop."""

import asyncio
import errno
import gc
import signal
import socket
from collections.abc import Callable

from aiohttp import web

from velroload.errors import ConfigError, PreflightError
from velroload.target.api import Api
from velroload.target.envelope import Connection, Envelope, Router

BACKLOG = 65_535
"""Asked of the kernel, which cuts it to net.core.somaxconn: a ramp of thousands must not wait."""
SHUTDOWN_S = 2.0


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    ConfigError for a host that is no address here, PreflightError for a port that is not to be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError):
        raise ConfigError(f"--host {host}: no such host; 127.0.0.1 is this machine") from None
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise _refused(host, port, error) from None
    sock.setblocking(False)
    return sock


def _refused(host: str, port: int, error: OSError) -> ConfigError | PreflightError:
    match error.errno:
        case errno.EADDRINUSE:
            return PreflightError(
                f"--port {port}: already in use on {host}; stop what listens there, choose "
                "another port, or let --port 0 find a free one"
            )
        case errno.EADDRNOTAVAIL:
            return ConfigError(
                f"--host {host}: not an address of this machine; 127.0.0.1 always is"
            )
        case errno.EACCES:
            return PreflightError(
                f"--port {port}: this user may not listen on it; choose one above 1023"
            )
    return PreflightError(f"cannot listen on {host} port {port}: {error.strerror}")


async def serve(
    api: Api, sock: socket.socket, keepalive_s: float, ready: Callable[[], None]
) -> None:
    """Serve on `sock` until SIGTERM or SIGINT; then let what is under way end (≤ 2 s).

    `ready` is called once, when connections are accepted.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    envelope = Envelope(Router(api.routes()), api.truth)
    server = web.Server(envelope)
    runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()

    def accept() -> Connection:
        return Connection(
            server, envelope, api.truth, loop=loop, keepalive_timeout=keepalive_s, access_log=None
        )

    listener = await loop.create_server(accept, sock=sock, backlog=BACKLOG)
    gc.collect()
    gc.freeze()  # the seeded data is never garbage: no collection shall walk it
    try:
        ready()
        await stop.wait()
    finally:
        listener.close()
        await runner.cleanup()
