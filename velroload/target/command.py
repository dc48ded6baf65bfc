"""`velroload target`: from flags to a service that runs, the ready line, exit codes.

Top-level imports are standard library (and errors): `--help` and the man page need no service.
"""

import argparse
import ctypes
import importlib.util
import json
import os
import resource
import secrets
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from velroload.errors import ConfigError, Exit, PreflightError, VelroloadError
from velroload.target.accounts import SECRET_VARIABLE
from velroload.target.flags import Parser, add_arguments, fault_words, rate_limit

if TYPE_CHECKING:
    from velroload.target.settings import Settings

SECRET_LENGTH = 32
FAULT_TOKEN_LENGTH = 16
PR_SET_PDEATHSIG = 1


def tie_to(parent: int) -> None:
    """Have the kernel send SIGTERM when the parent dies; PreflightError when it is gone already."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        raise PreflightError(f"--parent {parent}: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        raise PreflightError(f"--parent {parent}: not the parent of this process, or gone already")


def pin(cpus: frozenset[int]) -> None:
    """Run on `cpus` and no other; PreflightError when the kernel grants fewer."""
    written = ",".join(map(str, sorted(cpus)))
    try:
        os.sched_setaffinity(0, cpus)
    except OSError as error:
        raise PreflightError(f"--cpus {written}: cannot run there: {error.strerror}") from None
    if os.sched_getaffinity(0) != cpus:
        raise PreflightError(f"--cpus {written}: some of them are not to be had here")


def signing_secret() -> str:
    """From the environment, or a new one."""
    secret = os.environ.get(SECRET_VARIABLE)
    if secret is None:
        return secrets.token_hex(SECRET_LENGTH)
    if len(secret.encode()) < SECRET_LENGTH:
        raise ConfigError(f"{SECRET_VARIABLE}: too short; HS256 needs {SECRET_LENGTH} bytes")
    return secret


def settings_of(options: argparse.Namespace, folder: Path) -> "Settings":
    """Every value checked, and the services asked for once; `folder` is for SQLite."""
    from velroload.target import faults
    from velroload.target.ratelimit import WINDOWS_S, Limit
    from velroload.target.settings import Settings
    from velroload.units import parse_duration

    if (options.tls_cert is None) != (options.tls_key is None):
        raise ConfigError("--tls-cert and --tls-key: both or neither are needed")
    database, redis = options.database, options.redis
    log = None if options.service_log is None else Path(options.service_log)
    tls = None if options.tls_cert is None else (Path(options.tls_cert), Path(options.tls_key))
    if database is not None and not database.startswith(("postgresql://", "postgres://")):
        raise ConfigError(
            f"--database {database}: write it like postgresql://USER:PASSWORD@HOST/NAME"
        )
    needs("--database", database, "asyncpg")
    needs("--redis", redis, "redis")
    recovery = options.breaker_recovery
    recovery_ns = None if recovery is None else parse_duration(recovery, "--breaker-recovery")
    limit = None
    if options.rate_limit is not None:
        requests, window = rate_limit(options.rate_limit)
        limit = Limit(requests, WINDOWS_S[window])
    words = tuple(map(fault_words, options.fault))
    for each in words:
        faults.read(each)
    if log is not None:
        start_log(log)
    if redis is not None:
        from velroload.target.store import l2

        l2.check(redis)
    return Settings(
        secret=signing_secret(),
        fault_token=secrets.token_hex(FAULT_TOKEN_LENGTH),
        sqlite=folder / "velro.sqlite",
        postgres=database,
        redis=redis,
        scrypt_n=options.scrypt_n,
        keepalive_s=options.keepalive,
        warm=options.warm,
        recovery_s=None if recovery_ns is None else recovery_ns / 1e9,
        limit=limit,
        service_log=log,
        tls=tls,
        faults=words,
    )


def needs(flag: str, given: str | None, module: str) -> None:
    """ConfigError when a flag is given and its package is not there."""
    if given is not None and importlib.util.find_spec(module) is None:
        raise ConfigError(f"{flag}: needs {module}: pip install 'velroload[target]'")


def start_log(path: Path) -> None:
    """An empty file; ConfigError when it cannot be written."""
    try:
        path.write_bytes(b"")
    except OSError as error:
        raise ConfigError(f"--service-log {path}: {error.strerror}") from None


def serve(options: argparse.Namespace) -> None:
    """Run the service until a signal ends it."""
    if options.parent is not None:
        tie_to(options.parent)
    if options.cpus is not None:
        pin(options.cpus)
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))

    from velroload.target.scratch import scratch

    with interruptible(), scratch() as folder:
        settings = settings_of(options, folder)

        from velroload.target.server import listen, tls_context  # heavy, so only now
        from velroload.target.workers import run

        tls_context(settings.tls)
        with ExitStack() as stack:
            sockets = listen(options.host, options.port, options.workers)
            for sock in sockets:
                stack.callback(sock.close)
            port = sockets[0].getsockname()[1]
            seed(options, settings)
            run(settings, sockets, options.cpus, lambda: tell_ready(options, settings, port))


@contextmanager
def interruptible() -> Iterator[None]:
    """A signal before the service has its own handlers ends the process, and cleans up."""

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def seed(options: argparse.Namespace, settings: "Settings") -> None:
    """Make the tables and fill them."""
    from velroload.target.passwords import hash_password
    from velroload.target.store.seed import Size, into_postgres, into_sqlite, make

    secret = hash_password(options.password, settings.scrypt_n)
    data = make(Size(options.users, options.generations, options.seed), secret)
    if settings.postgres is None:
        into_sqlite(settings.sqlite, data)
    else:
        into_postgres(settings.postgres, data)


def tell_ready(options: argparse.Namespace, settings: "Settings", port: int) -> None:
    """One line of JSON; the secret is in it only when it goes to a descriptor of the parent's."""
    from velroload.target.tokens import Tokens

    host = f"[{options.host}]" if ":" in options.host else options.host
    facts: dict[str, object] = {
        "url": f"http{'s' if settings.tls else ''}://{host}:{port}",
        "port": port,
        "pid": os.getpid(),
        "cpus": sorted(os.sched_getaffinity(0)),
        "workers": options.workers,
        "users": options.users,
        "database": settings.database,
        "redis": settings.redis is not None,
        "scrypt_n": options.scrypt_n,
        "fault_token": settings.fault_token,
        "service_key": Tokens(settings.secret).issue_service(),
    }
    if options.ready_fd is None:
        print(json.dumps(facts), flush=True)
        return
    try:
        with open(options.ready_fd, "w", encoding="utf-8") as out:
            out.write(json.dumps({**facts, "secret": settings.secret}) + "\n")
    except OSError as error:
        raise ConfigError(f"--ready-fd {options.ready_fd}: {error.strerror}") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code (0 after a graceful stop)."""
    parser = Parser(
        prog="velroload target", description="Run the reference target.", allow_abbrev=False
    )
    add_arguments(parser)
    try:
        serve(parser.parse_args(arguments))
    except VelroloadError as error:
        print(f"velroload target: {error}", file=sys.stderr)
        return error.exit_code
    return Exit.PASS
