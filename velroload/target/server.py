"""The HTTP side: the listening socket, start and stop."""

import asyncio
import errno
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from velroload.errors import ConfigError, PreflightError
from velroload.target.acceptor import Acceptor
from velroload.target.assembly import Assembly
from velroload.target.bus import Bus
from velroload.target.counters import Counters
from velroload.target.envelope import Connection, StampedConnection
from velroload.target.garbage import Collector
from velroload.target.settings import Settings

BACKLOG = 65_535
"""Asked of the kernel, which cuts it to net.core.somaxconn: a ramp of thousands must not wait."""
SHUTDOWN_S = 2.0
SWITCH_S = 0.001
"""How long the loop keeps the interpreter when a hash has ended and wants to say so."""


def listen(host: str, port: int, count: int = 1) -> list[socket.socket]:
    """As many listening sockets on one address, among which the kernel shares connections out.

    Port 0 takes a free one. ConfigError for a host that is no address here, PreflightError for a
    port that is not to be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError):
        raise ConfigError(f"--host {host}: no such host; 127.0.0.1 is this machine") from None
    sockets: list[socket.socket] = []
    try:
        if count > 1:  # SO_REUSEPORT would share with another target where we must refuse
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
                address = probe.getsockname()
        for _ in range(count):
            sock = socket.socket(family, kind, protocol)
            sockets.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if count > 1:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock.bind(address)
            sock.setblocking(False)
        for sock in sockets:
            sock.listen(BACKLOG)
    except OSError as error:
        for sock in sockets:
            sock.close()
        raise _refused(host, port, error) from None
    return sockets


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


def tls_context(files: tuple[Path, Path] | None) -> ssl.SSLContext | None:
    """From certificate and key; ConfigError when they cannot be used."""
    if files is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(*files)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"--tls-cert {files[0]}, --tls-key {files[1]}: cannot be used: {error}"
        ) from None
    return context


async def serve(
    settings: Settings,
    counters: Counters,
    bus: Bus,
    sock: socket.socket,
    ready: Callable[[], None],
) -> None:
    """Serve on `sock` until SIGTERM or SIGINT; then let what is under way end (≤ 2 s).

    `ready` is called once, when connections are accepted.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tls = tls_context(settings.tls)
    assembly = Assembly(settings, counters, bus)
    server = web.Server(assembly.envelope)
    runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    make = Connection if settings.service_log is None else StampedConnection

    def accept() -> Connection:
        return make(
            server, assembly.envelope, assembly.truth, loop=loop,
            keepalive_timeout=settings.keepalive_s, access_log=None,
        )  # fmt: skip

    try:
        await assembly.open()
        acceptor = Acceptor(sock, accept, tls)
        acceptor.start()
        sys.setswitchinterval(SWITCH_S)
        with Collector() as collector:
            collecting = asyncio.create_task(collector.run())
            try:
                if counters.worker == 0:
                    for words in settings.faults:
                        await assembly.faults.start(words)
                ready()
                await stop.wait()
            finally:
                collecting.cancel()
                acceptor.close()
                await runner.cleanup()
    finally:
        await assembly.close()
