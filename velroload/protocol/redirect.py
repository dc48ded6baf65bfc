"""Where a redirect leads, and whether a request may follow it there. Imported by workers.

A run connects to the origins that were resolved before it began, and to nothing else: the target,
and the hosts of the allow-list.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from urllib.parse import quote, urljoin, urlsplit

from velroload.protocol.address import DEFAULT_PORTS, UNIX_AUTHORITY, Target
from velroload.sample import ErrorKind

HOSTS_NAMED = 32
"""Refused hosts that a worker names; more are only counted."""
PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
Origin = tuple[str, str, int]
"""Scheme, host in lower case, port."""


def origin_of(target: Target) -> Origin:
    """As redirects are compared with. A unix socket speaks http for the host of its Host header."""
    if target.scheme == "unix":
        return "http", UNIX_AUTHORITY, DEFAULT_PORTS["http"]
    return target.scheme, folded(target.host), target.port


def base_url(target: Target) -> str:
    """A target's URL without its path."""
    place = bracketed(target.host)
    if target.port != DEFAULT_PORTS[target.scheme]:
        place += f":{target.port}"
    return f"{target.scheme}://{place}"


def folded(host: str) -> str:
    """A host as it is compared: case and a last dot do not matter."""
    return host.rstrip(".").lower()


def other_targets(target: Target, allow_hosts: Sequence[str]) -> Iterator[Target]:
    """Where redirects may lead beside the target itself: its own host by https, and the hosts of
    the allow-list (HOST, HOST:PORT or SCHEME://HOST:PORT), each origin once."""
    known = {origin_of(target)}
    urls = [f"https://{bracketed(target.host)}"] if target.scheme == "http" else []
    for entry in allow_hosts:
        urls += urls_of(entry, "https" if target.scheme == "https" else "http")
    for url in urls:
        other = Target.of(url)
        if origin_of(other) not in known:
            known.add(origin_of(other))
            yield other


def urls_of(entry: str, scheme: str) -> list[str]:
    """The base URLs that an entry of the allow-list stands for."""
    if "://" in entry:
        return [entry.rstrip("/")]
    if entry.count(":") > 1 and not entry.startswith("["):
        entry = f"[{entry}]"
    if urlsplit(f"//{entry}").port is not None:
        return [f"{scheme}://{entry}"]
    return [f"{name}://{entry}" for name in DEFAULT_PORTS]


def bracketed(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


class Redirects:
    """Resolves Location headers (RFC 3986 §5) against the origins of a run.

    Called with what a server sent: it never raises on bad input. `refused` counts what was
    refused, by place.
    """

    def __init__(self, origins: Sequence[Origin]) -> None:
        self.origins = list(origins)
        self.refused: dict[str, int] = {}
        self._resolve = lru_cache(4096)(self.resolve)

    def __call__(self, origin: int, path: bytes, location: bytes) -> tuple[int, bytes] | int:
        """(origin, path) to ask for next, or an ErrorKind."""
        found = self._resolve(origin, path, location)
        if not isinstance(found, str):
            return found
        if found in self.refused or len(self.refused) < HOSTS_NAMED:
            self.refused[found] = self.refused.get(found, 0) + 1
        return ErrorKind.REDIRECT_REFUSED

    def resolve(self, origin: int, path: bytes, location: bytes) -> tuple[int, bytes] | int | str:
        """Like a call, but a refusal is the name of the place that was refused."""
        scheme, host, port = self.origins[origin]
        base = f"{scheme}://{bracketed(host)}:{port}"
        try:
            text = quote(location.strip(), safe=PRINTABLE)
            there = urlsplit(urljoin(base + path.decode("ascii"), text))
            name = folded(there.hostname or "")
            to_port = there.port or DEFAULT_PORTS[there.scheme]
        except (ValueError, KeyError):
            return ErrorKind.BAD_REDIRECT
        if not name:
            return ErrorKind.BAD_REDIRECT
        if scheme == "https" and there.scheme == "http":
            return f"http://{bracketed(name)}:{to_port}"
        asked = (there.path or "/") + (f"?{there.query}" if there.query else "")
        wanted = (there.scheme, name, to_port)
        if wanted not in self.origins:
            return f"{there.scheme}://{bracketed(name)}:{to_port}"
        return self.origins.index(wanted), asked.encode("ascii")
