"""The target's flags and how each value is read. Standard library only: --help is to be fast."""

import argparse
from collections.abc import Callable
from typing import NoReturn

from velroload.errors import ConfigError
from velroload.target.accounts import DEFAULT_PASSWORD

USERS_MAX = 100_000
GENERATIONS_MAX = 1000
WORKERS_MAX = 64


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        """Turn argparse's complaint into ours."""
        raise ConfigError(message)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The target's flags."""
    _add_place(parser)
    _add_data(parser)
    _add_behaviour(parser)
    _add_child(parser)


def _add_place(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    add("--port", type=whole("--port", 0, 65_535), default=0, metavar="N",
        help="port to listen on; 0 takes a free one (default)")  # fmt: skip
    add("--cpus", type=cpu_list, metavar="LIST",
        help="CPUs to run on, such as 0 or 0,2-3; several workers share them out")  # fmt: skip
    add("--workers", type=whole("--workers", 1, WORKERS_MAX), default=1, metavar="N",
        help="processes that share the port (default %(default)s)")  # fmt: skip
    add("--tls-cert", metavar="FILE", help="serve HTTPS with this certificate chain …")
    add("--tls-key", metavar="FILE", help="… and this private key")


def _add_data(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--database", metavar="URL",
        help="postgresql://USER:PASSWORD@HOST/NAME; its schema velroload_target is made anew "
        "(default: SQLite, in a temporary folder)")  # fmt: skip
    add("--redis", metavar="URL", help="redis://HOST:PORT/0 as second cache layer (default: none)")
    add("--warm", action="store_true", help="fill the cache with accounts and hot generations")
    add("--users", type=whole("--users", 0, USERS_MAX), default=200, metavar="N",
        help="accounts to start with: user0@example.com, … (default %(default)s)")  # fmt: skip
    add("--password", default=DEFAULT_PASSWORD, metavar="TEXT",
        help="password of these accounts (default %(default)s)")  # fmt: skip
    add("--generations", type=whole("--generations", 0, GENERATIONS_MAX), default=20, metavar="N",
        help="generations of each of these accounts (default %(default)s)")  # fmt: skip
    add("--seed", type=whole("--seed", 0, 2**63 - 1), default=1, metavar="N",
        help="seed of the data (default %(default)s)")  # fmt: skip


def _add_behaviour(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--scrypt-n", type=scrypt_cost, default=1024, metavar="N",
        help="cost of a password hash, a power of two (default %(default)s)")  # fmt: skip
    add("--keepalive", type=whole("--keepalive", 0, 86_400), default=75, metavar="S",
        help="seconds after which an idle connection is closed (default %(default)s)")  # fmt: skip
    add("--rate-limit", metavar="N/s|m|h",
        help="requests per window and caller, such as 600/m (default: none)")  # fmt: skip
    add("--breaker-recovery", metavar="TIME",
        help="how long every circuit breaker stays open (default: its own)")  # fmt: skip
    add("--fault", action="append", default=[], metavar="WORDS",
        help="a fault from the start: latency,latency=20ms,for=30s; repeatable")  # fmt: skip
    add("--service-log", metavar="FILE", help="note the time of every answer in FILE")


def _add_child(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--ready-fd", type=whole("--ready-fd", 0, 2**31 - 1), metavar="FD",
        help="write the ready line to this descriptor, the signing secret included")  # fmt: skip
    add("--parent", type=whole("--parent", 1, 2**31 - 1), metavar="PID",
        help="stop when this process, which must be the parent, dies")  # fmt: skip


def whole(flag: str, least: int, most: int) -> Callable[[str], int]:
    """A parser of whole numbers from `least` to `most`."""

    def parse(given: str) -> int:
        if given.isascii() and given.isdecimal() and least <= int(given[:20]) <= most:
            return int(given)
        raise ConfigError(f"{flag} {given}: a whole number is needed, {least} to {most:,}")

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


def rate_limit(given: str) -> tuple[int, str]:
    """Requests and window (s, m or h) from text such as 600/m."""
    number, slash, window = given.partition("/")
    good = number.isascii() and number.isdecimal() and 0 < len(number) <= 9 and int(number) > 0
    if not (good and slash and window in ("s", "m", "h")):
        raise ConfigError(f"--rate-limit {given}: write it like 100/s, 600/m or 10000/h")
    return int(number), window


def fault_words(given: str) -> dict[str, str]:
    """A fault's words from text such as latency,latency=20ms,for=30s."""
    kind, *settings = given.split(",")
    words = {"fault": kind}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise ConfigError(f"--fault {given}: {setting!r} is no setting; write NAME=VALUE")
        words[key] = value
    return words
