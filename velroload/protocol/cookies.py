"""Cookies of virtual users. Imported by workers, called only when a Set-Cookie arrives or expires.

Parser, domains, paths and expiry are http.cookiejar's (RFC 6265 as browsers had it, without a list
of public suffixes); what a server can make a user keep is bounded here.
"""

import time
from collections.abc import Sequence
from email.message import Message
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, NamedTuple, cast
from urllib.request import Request

from velroload.protocol.redirect import Origin, bracketed

COOKIES_MAX = 50
"""Of one user; RFC 6265 §6.1 asks for 50 per domain at least."""
COOKIE_BYTES_MAX = 4096
Lines = list[tuple[int, bytes]]
"""(slot, "Cookie: …" with its line end, or nothing)."""


class Scope(NamedTuple):
    """A slot, and the origin and path that its cookies are for."""

    slot: int
    origin: int
    path: str


class Answer(NamedTuple):
    """The part of a response that http.cookiejar looks at."""

    headers: Message

    def info(self) -> Message:
        return self.headers


class Cookies:
    """A jar for each user who was ever given a cookie.

    `room`: bytes of a slot's value; cookies that do not fit into a line stay out of it. `ignored`
    counts what was not kept: too many, too long, malformed or not for that host.
    """

    def __init__(self, origins: Sequence[Origin], scopes: Sequence[Scope], room: int) -> None:
        self.bases = [f"{scheme}://{bracketed(host)}:{port}" for scheme, host, port in origins]
        self.scopes = list(scopes)
        self.room = room
        self.ignored = 0
        self._policy = DefaultCookiePolicy(rfc2965=False, hide_cookie2=True)
        self._jars: dict[int, CookieJar] = {}
        self._last: dict[int, tuple[int, bytes, bytes]] = {}

    def take(
        self, user: int, origin: int, path: bytes, text: bytes, truncated: bool
    ) -> tuple[Lines, int | None] | None:
        """Keep what an answer to `path` set, one Set-Cookie a line. Returns the user's lines and in
        how many ns the first of his cookies expires; None when nothing has changed."""
        lines = text.split(b"\n")
        if truncated:
            lines.pop()
            self.ignored += 1
        said = (origin, path, text)
        if self._last.get(user) == said and b"=" in text and not expires(text):
            return None
        self._last[user] = said
        jar = self._jars.setdefault(user, CookieJar(self._policy))
        request = Request(self.bases[origin] + path.decode("ascii"))
        for line in lines:
            self._keep(jar, request, line)
        return self._lines(user, jar)

    def expire(self, user: int) -> tuple[Lines, int | None]:
        """The user's lines without what has expired."""
        jar = self._jars[user]
        self._last.pop(user, None)
        jar.clear_expired_cookies()
        return self._lines(user, jar)

    def line(self, user: int, origin: int, path: bytes) -> bytes:
        """The line of a request that was not foreseen: the next hop of a redirect."""
        jar = self._jars.get(user)
        return b"" if jar is None else self._line(jar, origin, path.decode("ascii"))

    def _keep(self, jar: CookieJar, request: Request, line: bytes) -> None:
        headers = Message()
        headers["Set-Cookie"] = line.decode("latin-1")
        known = {(c.domain, c.path, c.name) for c in jar}
        bad = len(line) > COOKIE_BYTES_MAX or any(byte < 32 or byte == 127 for byte in line)
        made = [] if bad else jar.make_cookies(cast(Any, Answer(headers)), request)
        if not made and len(known) == len(jar) and not expires(line):  # else it was let go of
            self.ignored += 1
        for cookie in made:
            new = (cookie.domain, cookie.path, cookie.name) not in known
            fits = not new or len(known) < COOKIES_MAX
            if fits and self._policy.set_ok(cookie, request):
                jar.set_cookie(cookie)
            else:
                self.ignored += 1

    def _lines(self, user: int, jar: CookieJar) -> tuple[Lines, int | None]:
        lines = [(scope.slot, self._line(jar, scope.origin, scope.path)) for scope in self.scopes]
        ends = [cookie.expires for cookie in jar if cookie.expires is not None]
        left_s = max(min(ends) - time.time(), 0.0) + 0.001 if ends else None
        return lines, None if left_s is None else int(min(left_s, 1e9) * 1e9)

    def _line(self, jar: CookieJar, origin: int, path: str) -> bytes:
        request = Request(self.bases[origin] + (path or "/"))
        jar.add_cookie_header(request)
        value = str(request.get_header("Cookie", ""))
        line = f"Cookie: {value}\r\n".encode("latin-1")
        while len(line) > self.room:
            self.ignored += 1
            value = value.rpartition("; ")[0]
            line = f"Cookie: {value}\r\n".encode("latin-1")
        return line if value else b""


def expires(text: bytes) -> bool:
    """True when a Set-Cookie may change what is kept although it says what it said before."""
    lower = text.lower()
    return b"max-age" in lower or b"expires" in lower
