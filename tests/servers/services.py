"""Private PostgreSQL and Redis on loopback: free ports, a temporary folder, ended with their user.

    make services    # install them where that can be done, start them, say where, wait for Ctrl-C

Never the system's own. PostgreSQL refuses to run as root; then it runs as `postgres`.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

HOW = "PostgreSQL and Redis are missing: apt-get install postgresql redis-server (make services)"
PACKAGES = {"postgres": "postgresql", "redis-server": "redis-server"}
START_TIMEOUT_S = 30.0
CONNECTIONS_MAX = 300
STOP = {"postgres": signal.SIGINT, "redis-server": signal.SIGTERM}  # INT: cut the sessions

FORKER = ThreadPoolExecutor(1)
"""Its thread starts the servers: they end with the thread that did, and this one outlives all."""


def find(program: str) -> str | None:
    """A program on the path, or in Debian's own folder for PostgreSQL's."""
    found = shutil.which(program)
    if found is not None and program != "postgres":
        return found
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    return str(places[-1]) if places else found


def missing() -> list[str]:
    """Debian packages of what is not there."""
    programs = {"initdb": "postgresql", **PACKAGES}
    return sorted({package for program, package in programs.items() if find(program) is None})


def install() -> None:
    """Install what is missing, if this is root and there is apt."""
    packages = missing()
    if packages and os.geteuid() == 0 and shutil.which("apt-get"):
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends"]):
            tail = packages if command[0] == "install" else []
            subprocess.run(["apt-get", *command, *tail], env=env, check=True)


def plain_environment() -> dict[str, str]:
    """Ours, without the sanitizers that are preloaded into tests of a checked core."""
    return {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


class Server:
    """One server process on a port of its own; it can be stopped and started again."""

    def __init__(self, command: Sequence[str], port: int, name: str) -> None:
        self.port = port
        self._command = command
        self._name = name
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        process = FORKER.submit(
            subprocess.Popen[bytes],
            [*_unprivileged(), *self._command],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, env=plain_environment(),
        ).result()  # fmt: skip
        self._process = process
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            assert process.poll() is None, f"{self._name} ended: {process.returncode}"
            assert time.monotonic() < deadline_s, f"{self._name} does not answer"
            time.sleep(0.02)

    def stop(self) -> None:
        """Cut its sessions and end it. May be repeated."""
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(STOP[self._name])
            process.wait(START_TIMEOUT_S)


class Services:
    """Both servers: `with Services() as services:`."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="velroload-services-"))
        self._password = secrets.token_hex(8)
        user = _unprivileged_user()
        if user is not None:
            os.chown(self._folder, user.pw_uid, user.pw_gid)
        self.postgres = self._make_postgres(free_port())
        self.redis = self._make_redis(free_port())

    @property
    def database_url(self) -> str:
        """Of the database `postgres`, password included."""
        return f"postgresql://velro:{self._password}@127.0.0.1:{self.postgres.port}/postgres"

    @property
    def redis_url(self) -> str:
        """Of Redis's database 0, password included."""
        return f"redis://:{self._password}@127.0.0.1:{self.redis.port}/0"

    def __enter__(self) -> Self:
        try:
            self.postgres.start()
            self.redis.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End both and remove their data."""
        self.postgres.stop()
        self.redis.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _make_postgres(self, port: int) -> Server:
        data, secret = self._folder / "postgres", self._folder / "password"
        secret.write_text(self._password)
        user = _unprivileged_user()
        if user is not None:
            os.chown(secret, user.pw_uid, user.pw_gid)
        subprocess.run(
            [*_unprivileged(), str(find("initdb")), "-D", str(data), "-U", "velro", "--no-sync",
             "--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--locale=C"],
            check=True, capture_output=True, cwd=self._folder, env=plain_environment(),
        )  # fmt: skip
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": CONNECTIONS_MAX,
            "shared_buffers": "32MB",
            "fsync": "off",
            "logging_collector": "off",
        }
        flags = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [str(find("postgres")), "-D", str(data), "-p", str(port), *flags]
        return Server(command, port, "postgres")

    def _make_redis(self, port: int) -> Server:
        command = [
            str(find("redis-server")), "--port", str(port), "--bind", "127.0.0.1", "--save", "",
            "--appendonly", "no", "--dir", str(self._folder), "--requirepass", self._password,
        ]  # fmt: skip
        return Server(command, port, "redis-server")


def _unprivileged_user() -> pwd.struct_passwd | None:
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else None


def _unprivileged() -> list[str]:
    """Run as nobody special, and end with this process."""
    death = ["setpriv", "--pdeathsig", "INT"]
    if os.geteuid() == 0:
        return [*death, "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    return death


def main() -> int:
    """Start both and wait."""
    install()
    if missing():
        print(HOW, file=sys.stderr)
        return 3
    with Services() as services:
        print(f"--database {services.database_url} --redis {services.redis_url}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            signal.pause()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
