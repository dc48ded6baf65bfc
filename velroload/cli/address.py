"""A target's URL, read strictly: scheme, host, port and what is asked for.

A unix socket is written unix:/run/app.sock, or unix:/run/app.sock:/path?query.
"""

from typing import NamedTuple

from velroload.cli.values import refusal

SCHEMES = {"http": 80, "https": 443}
"""Scheme → default port."""

UNIX = "unix:"
SOCKET_BYTES_MAX = 107
"""Of a socket's path (unix(7): sun_path)."""


class Address(NamedTuple):
    """scheme://host:port and path; `base` is the URL's first part, as the plan holds it.

    A unix socket has scheme "unix", its path as host and port 0.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def base(self) -> str:
        """The URL without its path."""
        return self.place if self.scheme == "unix" else f"{self.scheme}://{self.place}"

    @property
    def place(self) -> str:
        """host:port as it is written in a URL; the port left out where it is the scheme's own."""
        if self.scheme == "unix":
            return f"{UNIX}{self.host}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == SCHEMES[self.scheme] else f"{host}:{self.port}"


def read_url(text: str, noun: str) -> Address:
    """ "http://host:8080/path?query" → Address. ConfigError says what is wrong and how to mend it.

    urllib alone would drop line breaks and accept what it does not understand.
    """
    from urllib.parse import urlsplit

    if not text.isascii() or not text.isprintable() or " " in text:
        raise refusal(noun, text, "only visible ASCII can stand in a URL; %-encode the rest")
    if text.startswith(UNIX):
        return read_socket(text, noun)
    scheme, separator, rest = text.partition("://")
    if not separator:
        raise refusal(noun, text, without_scheme(text))
    if scheme.lower() not in SCHEMES:
        known = " or ".join(f"{name}://" for name in SCHEMES)
        raise refusal(noun, text, f"{scheme}:// is not spoken here; write {known}")
    malformed = refusal(noun, text, "its host or port is malformed; write http://host:8080/")
    try:
        parts = urlsplit(f"http://{rest}")
        port = parts.port
    except ValueError:
        raise malformed from None
    if not parts.hostname:
        raise refusal(noun, text, "the host is missing; write http://host:8080/")
    if parts.username is not None or parts.password is not None:
        raise refusal(noun, "http://…@" + rest.rpartition("@")[2], "credentials do not belong in "
                      "a URL; send them with -H 'Authorization: …'")  # fmt: skip
    if "#" in rest:
        raise refusal(noun, text, "a fragment (#…) is never sent; leave it out")
    if "%" in parts.netloc or parts.netloc.endswith(":") or port == 0:
        raise malformed
    scheme = scheme.lower()
    path = (parts.path or "/") + (f"?{parts.query}" if "?" in rest else "")
    return Address(scheme, parts.hostname, SCHEMES[scheme] if port is None else port, path)


def read_socket(text: str, noun: str) -> Address:
    """ "unix:/run/app.sock" or "unix:/run/app.sock:/path"."""
    place, colon, path = text.removeprefix(UNIX).partition(":/")
    if not place or place.startswith("//") or place.endswith(":"):
        raise refusal(noun, text, "write unix:/run/app.sock, or unix:/run/app.sock:/path")
    if "#" in path:
        raise refusal(noun, text, "a fragment (#…) is never sent; leave it out")
    if len(place) > SOCKET_BYTES_MAX:
        raise refusal(noun, text, f"a socket's path has at most {SOCKET_BYTES_MAX} bytes")
    return Address("unix", place, 0, f"/{path}" if colon else "/")


def without_scheme(text: str) -> str:
    """What to say of a target that is no URL."""
    return f"not a URL; write http://{text.lstrip('/') or 'host:8080/'}"
