"""Where requests go: the target's URL taken apart, and addresses as the core wants them."""

import ipaddress
import socket
import struct
from dataclasses import dataclass
from urllib.parse import urlsplit

from velroload.errors import ConfigError

DEFAULT_PORTS = {"http": 80}
ADDRESSES_MAX = 256
"""A sample carries the number of its address in 8 bits."""


@dataclass(frozen=True, slots=True)
class Target:
    """A base URL: `authority` is what the Host header says, `path` what stands before each path."""

    scheme: str
    host: str
    port: int
    authority: str
    path: str


def parse_target(url: str) -> Target:
    """Take a URL apart. ConfigError when it is none that can be loaded."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"URL {url!r}: {error}") from None
    if parts.scheme not in DEFAULT_PORTS:
        raise ConfigError(
            f"URL {url!r}: the scheme must be {' or '.join(DEFAULT_PORTS)}, "
            "as in http://127.0.0.1:8080/"
        )
    if not parts.hostname:
        raise ConfigError(f"URL {url!r}: no host; write it as in http://127.0.0.1:8080/")
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            "URL with a user name or password: give them in a header, as in "
            "-H 'Authorization: Basic …'"
        )
    if any(not "!" <= character <= "~" for character in parts.netloc):
        raise ConfigError(f"URL {url!r}: the host has characters outside ASCII; write it as xn--…")
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return Target(
        parts.scheme, parts.hostname, port or DEFAULT_PORTS[parts.scheme], parts.netloc, path
    )


def pack_address(address: str, port: int) -> bytes:
    """An IP address and a port as the core's 32-byte row: family, length, struct sockaddr_in[6].

    An IPv6 address may carry a scope ("fe80::1%2"). ValueError for anything but an IP address.
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv4Address):
        raw = struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + ip.packed + bytes(8)
        family = socket.AF_INET
    else:
        scope = int(ip.scope_id) if ip.scope_id and ip.scope_id.isdigit() else 0
        raw = (
            struct.pack("=H", socket.AF_INET6)
            + struct.pack("!HI", port, 0)
            + ip.packed
            + struct.pack("=I", scope)
        )
        family = socket.AF_INET6
    return struct.pack("=HH28s", family, len(raw), raw)
