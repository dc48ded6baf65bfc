"""`velroload agent`: tells what its machine does, in Prometheus's text. Read-only.

GET /metrics, with a bearer token where one was given; GET /health without. Nothing else is there.
"""

import asyncio
import hmac
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address

from aiohttp import web

from velroload.errors import ConfigError
from velroload.probe.machine import FIGURES, Machine, metric
from velroload.probe.watch import reason

LOOPBACK = "127.0.0.1"
PORT = 9101
EVERY_S = 1.0
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Settings:
    """Where it listens. ConfigError when others could ask it without a token."""

    host: str = LOOPBACK
    port: int = PORT
    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.token is None and not is_loopback(self.host):
            raise ConfigError(
                f"agent: {self.host} can be reached from other machines: give it a token "
                "(--token-file FILE, or VELROLOAD_AGENT_TOKEN)"
            )
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise ConfigError("agent: the token has letters that no header can carry")


def is_loopback(host: str) -> bool:
    """Only this machine can connect to it."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Agent:
    """Reads the machine once a second, and tells the last reading to whoever asks."""

    def __init__(self, settings: Settings, machine: Machine) -> None:
        self._settings = settings
        self._machine = machine
        self._text = b""

    async def watch(self) -> None:
        """Read on and on. Shares are of the second between two readings, whoever asks when."""
        while True:
            await asyncio.sleep(EVERY_S)
            self.look()

    def look(self) -> None:
        """Read once."""
        self._text = exposition(self._machine.read())

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        """Answer one request."""
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        if request.path == "/health":
            return web.json_response({"status": "healthy"})
        if request.path != "/metrics":
            return web.Response(status=404)
        token = self._settings.token
        if token is not None:
            given = request.headers.get("Authorization", "").encode(errors="replace")
            if not hmac.compare_digest(given, f"Bearer {token}".encode()):
                return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})
        return web.Response(body=self._text, headers={"Content-Type": CONTENT_TYPE})


def exposition(values: dict[str, float]) -> bytes:
    """Prometheus's text of a reading."""
    lines = []
    for name, value in values.items():
        if name in FIGURES:
            figure = FIGURES[name]
            kind = "counter" if figure.says.endswith("so far") else "gauge"
            lines.append(f"# HELP {metric(name)} {figure.says} ({figure.unit})")
            lines.append(f"# TYPE {metric(name)} {kind}")
            lines.append(f"{metric(name)} {value!r}")
    return "".join(f"{line}\n" for line in lines).encode()


async def serve(settings: Settings, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM. ConfigError when the address cannot be had."""
    agent = Agent(settings, Machine())
    agent.look()
    runner = web.ServerRunner(web.Server(agent, access_log=None))
    await runner.setup()
    site = web.TCPSite(runner, settings.host, settings.port)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        why = reason(error, 0)
        raise ConfigError(
            f"agent: cannot listen on {settings.host}:{settings.port}: {why}"
        ) from None
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    watching = asyncio.create_task(agent.watch())
    host, port = runner.addresses[0][:2]
    ready(f"http://{f'[{host}]' if ':' in host else host}:{port}/metrics")
    await stop.wait()
    watching.cancel()
    await runner.cleanup()
