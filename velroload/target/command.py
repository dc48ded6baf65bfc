"""The target's command line: flags, the process's own set-up, the ready line, exit codes.

Top-level imports are standard library (and errors): `--help` and the man page need no service.
"""

import argparse
import ctypes
import json
import os
import resource
import secrets
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from velroload.errors import ConfigError, Exit, PreflightError, VelroloadError
from velroload.target.accounts import DEFAULT_PASSWORD

SECRET_VARIABLE = "VELROLOAD_TARGET_SECRET"
SECRET_LENGTH = 32
PR_SET_PDEATHSIG = 1


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        """Turn argparse's complaint into ours."""
        raise ConfigError(message)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The target's flags."""
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    add(
        "--port",
        type=whole("--port", 0, 65_535),
        default=0,
        metavar="N",
        help="port to listen on; 0 takes a free one (default)",
    )
    add("--cpus", type=cpu_list, metavar="LIST", help="CPUs to run on, such as 0 or 0,2-3")
    add(
        "--workers",
        type=whole("--workers", 1, 1),
        default=1,
        metavar="1",
        help="processes; the data in memory lives in one",
    )
    add(
        "--users",
        type=whole("--users", 0, 100_000),
        default=200,
        metavar="N",
        help="accounts to start with: user0@example.com, user1@… (default %(default)s)",
    )
    add(
        "--password",
        default=DEFAULT_PASSWORD,
        metavar="TEXT",
        help="password of these accounts (default %(default)s)",
    )
    add(
        "--generations",
        type=whole("--generations", 0, 1000),
        default=20,
        metavar="N",
        help="generations of each of these accounts (default %(default)s)",
    )
    add(
        "--seed",
        type=whole("--seed", 0, 2**63 - 1),
        default=1,
        metavar="N",
        help="seed of the data (default %(default)s)",
    )
    add(
        "--scrypt-n",
        type=scrypt_cost,
        default=1024,
        metavar="N",
        help="cost of a password hash, a power of two (default %(default)s)",
    )
    add(
        "--keepalive",
        type=whole("--keepalive", 0, 86_400),
        default=75,
        metavar="S",
        help="seconds after which an idle connection is closed (default %(default)s)",
    )
    add(
        "--ready-fd",
        type=whole("--ready-fd", 0, 2**31 - 1),
        metavar="FD",
        help="write the ready line to this descriptor, the signing secret included",
    )
    add(
        "--parent",
        type=whole("--parent", 1, 2**31 - 1),
        metavar="PID",
        help="stop when this process, which must be the parent, dies",
    )


def whole(flag: str, least: int, most: int) -> Callable[[str], int]:
    """A parser of whole numbers from `least` to `most`."""

    def parse(given: str) -> int:
        if given.isascii() and given.isdecimal() and least <= int(given[:20]) <= most:
            return int(given)
        wanted = f"{least} to {most:,}" if least < most else f"{least}"
        raise ConfigError(f"{flag} {given}: a whole number is needed, {wanted}")

    return parse


def scrypt_cost(given: str) -> int:
    """scrypt's n: a power of two from 2 to 131,072 (128 MiB)."""
    value = whole("--scrypt-n", 2, 1 << 17)(given)
    if value & (value - 1):
        raise ConfigError(f"--scrypt-n {given}: a power of two is needed, such as 1024")
    return value


def cpu_list(given: str) -> frozenset[int]:
    """CPU numbers from a list such as 0,2-3."""
    cpus: set[int] = set()
    for part in given.split(","):
        first, dash, last = part.partition("-")
        ends = (first, last if dash else first)
        if not all(end.isascii() and end.isdecimal() and len(end) <= 4 for end in ends):
            raise ConfigError(f"--cpus {given}: not a list of CPUs; write it like 0 or 0,2-3")
        cpus.update(range(int(ends[0]), int(ends[1]) + 1))
    if not cpus:
        raise ConfigError(f"--cpus {given}: not a list of CPUs; write it like 0 or 0,2-3")
    return frozenset(cpus)


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


def serve(options: argparse.Namespace) -> None:
    """Run the service until a signal ends it."""
    if options.parent is not None:
        tie_to(options.parent)
    if options.cpus is not None:
        pin(options.cpus)
    secret = signing_secret()
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))

    import uvloop  # here and below: heavy, so only now

    from velroload.target.api import Api
    from velroload.target.passwords import Hasher
    from velroload.target.server import listen
    from velroload.target.server import serve as serve_http
    from velroload.target.store import Store
    from velroload.target.tokens import Tokens
    from velroload.target.truth import Truth

    sock = listen(options.host, options.port)
    hasher = Hasher(options.scrypt_n)
    store = Store()
    store.seed(options.users, options.generations, hasher.hash_now(options.password), options.seed)
    api = Api(store, hasher, Tokens(secret), Truth())
    port = sock.getsockname()[1]

    def ready() -> None:
        tell_ready(options, port, secret)

    try:
        uvloop.run(serve_http(api, sock, options.keepalive, ready))
    finally:
        sock.close()
        hasher.close()


def tell_ready(options: argparse.Namespace, port: int, secret: str) -> None:
    """One line of JSON; the secret is in it only when it goes to a descriptor of the parent's."""
    host = f"[{options.host}]" if ":" in options.host else options.host
    facts: dict[str, object] = {
        "url": f"http://{host}:{port}",
        "port": port,
        "pid": os.getpid(),
        "cpus": sorted(os.sched_getaffinity(0)),
        "users": options.users,
        "scrypt_n": options.scrypt_n,
    }
    if options.ready_fd is None:
        print(json.dumps(facts), flush=True)
        return
    try:
        with open(options.ready_fd, "w", encoding="utf-8") as out:
            out.write(json.dumps({**facts, "secret": secret}) + "\n")
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
