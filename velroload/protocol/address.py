"""Where requests go: the target's URL taken apart, and addresses as the core wants them.

An address is an IP address and a port, or a unix socket: ("unix:/path", 0).
"""

import ipaddress
import os
import socket
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

ADDRESS_BYTES = 128
UNIX = "unix:"
UNIX_BYTES_MAX = 107
"""Of a socket's path: sun_path has room for so many and a NUL."""
UNIX_AUTHORITY = "localhost"
"""What the Host header says where the target is a unix socket."""
ADDRESSES_MAX = 256
"""A sample carries the number of its address in 8 bits."""
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """A base URL taken apart: `authority` is what the Host header says, `path` what stands before
    each request's own."""

    scheme: str
    host: str
    port: int
    authority: str
    path: str

    @classmethod
    def of(cls, url: str) -> "Target":
        """From a URL that the command line or the loader has accepted."""
        if url.startswith(UNIX):
            return cls("unix", url.removeprefix(UNIX), 0, UNIX_AUTHORITY, "")
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS[parts.scheme]
        return cls(parts.scheme, parts.hostname or "", port, parts.netloc, parts.path)


def pack_address(address: str, port: int) -> bytes:
    """An address as the core's row: family, length, struct sockaddr_in, sockaddr_in6 or _un.

    An IPv6 address may carry a scope ("fe80::1%2", "fe80::1%eth0"). ValueError for anything but an
    IP address or a unix socket, for a path that is too long and an interface that is not there.
    """
    if address.startswith(UNIX):
        path = os.fsencode(address.removeprefix(UNIX))
        if not 0 < len(path) <= UNIX_BYTES_MAX:
            raise ValueError(f"{address}: a socket's path has 1 to {UNIX_BYTES_MAX} bytes")
        return row(socket.AF_UNIX, struct.pack("=H", socket.AF_UNIX) + path + b"\0")
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv4Address):
        raw = struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + ip.packed + bytes(8)
        return row(socket.AF_INET, raw)
    raw = (
        struct.pack("=H", socket.AF_INET6)
        + struct.pack("!HI", port, 0)
        + ip.packed
        + struct.pack("=I", scope_of(ip))
    )
    return row(socket.AF_INET6, raw)


def pack_all(addresses: Iterable[tuple[str, int]]) -> bytes:
    """Addresses as the core wants them, row by row."""
    return b"".join(pack_address(host, port) for host, port in addresses)


def row(family: int, raw: bytes) -> bytes:
    """The core's vl_address: family, length, struct sockaddr_*."""
    return struct.pack(f"=HH{ADDRESS_BYTES - 4}s", family, len(raw), raw)


def pack_sources(sources: Sequence[str]) -> tuple[bytes, int]:
    """Local addresses as rows, IPv4 first, and how many of them are IPv4."""
    v6 = [source for source in sources if ":" in source]
    v4 = [source for source in sources if ":" not in source]
    return b"".join(pack_address(source, 0) for source in [*v4, *v6]), len(v4)


def scope_of(ip: ipaddress.IPv6Address) -> int:
    """The number of the interface that an address is bound to, 0 for any."""
    scope = ip.scope_id or "0"
    try:
        return int(scope) if scope.isdecimal() else socket.if_nametoindex(scope)
    except OSError:
        raise ValueError(f"{ip}: no interface {scope}") from None
