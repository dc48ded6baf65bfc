"""Where requests go: the target's URL taken apart, and addresses as the core wants them."""

import ipaddress
import socket
import struct
from dataclasses import dataclass
from urllib.parse import urlsplit

ADDRESS_BYTES = 32
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
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS[parts.scheme]
        return cls(parts.scheme, parts.hostname or "", port, parts.netloc, parts.path)


def pack_address(address: str, port: int) -> bytes:
    """An IP address and a port as the core's 32-byte row: family, length, struct sockaddr_in[6].

    An IPv6 address may carry a scope ("fe80::1%2", "fe80::1%eth0"). ValueError for anything but an
    IP address, and for an interface that is not there.
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv4Address):
        raw = struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + ip.packed + bytes(8)
        family = socket.AF_INET
    else:
        raw = (
            struct.pack("=H", socket.AF_INET6)
            + struct.pack("!HI", port, 0)
            + ip.packed
            + struct.pack("=I", scope_of(ip))
        )
        family = socket.AF_INET6
    return struct.pack("=HH28s", family, len(raw), raw)


def scope_of(ip: ipaddress.IPv6Address) -> int:
    """The number of the interface that an address is bound to, 0 for any."""
    scope = ip.scope_id or "0"
    try:
        return int(scope) if scope.isdecimal() else socket.if_nametoindex(scope)
    except OSError:
        raise ValueError(f"{ip}: no interface {scope}") from None
