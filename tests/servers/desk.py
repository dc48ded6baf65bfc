"""A service whose users must log in: tokens that end, are revoked, or are none."""

import base64
import json
import time
from dataclasses import dataclass, field

from aiohttp import web

from tests.servers.site import Site


def jwt_of(claims: object, *, signature: str = "c2ln") -> str:
    """A JWT with this payload; nobody here looks at its signature."""

    def part(value: object) -> str:
        text = json.dumps(value).encode()
        return base64.urlsafe_b64encode(text).rstrip(b"=").decode()

    return f"{part({'alg': 'HS256'})}.{part(claims)}.{signature}"


@dataclass
class Desk:
    """POST /login and /refresh give a token, everything else wants a good one.

    `life`: what expires_in says; tokens are JWTs that live so long. Answered with 401 are so many
    as `refuse_logins` and `refuse_refresh` say, and the log-ins whose numbers, from 1, are in
    `refused`. `uses`: a token is good for so many requests.
    """

    life: object = 3600
    refuse_logins: int = 0
    refuse_refresh: int = 0
    uses: int | None = None
    refused: tuple[int, ...] = ()
    good: dict[str, int] = field(default_factory=dict)
    logins_s: list[float] = field(default_factory=list)
    refreshes: int = 0
    broken_token: bool = False

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/login":
            self.logins_s.append(time.monotonic())
            if self.refuse_logins or len(self.logins_s) in self.refused:
                self.refuse_logins -= self.refuse_logins > 0
                return web.Response(status=401)
            return self.session()
        if request.path == "/refresh":
            self.refreshes += 1
            if self.refuse_refresh:
                self.refuse_refresh -= 1
                return web.Response(status=401)
            return self.session()
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        left = self.good.get(token, 0)
        if left < 1:
            return web.Response(status=401)
        self.good[token] = left - 1
        return web.Response(text="ok")

    def session(self) -> web.Response:
        """A token of its own for whoever asks."""
        now = time.time()
        life = self.life if isinstance(self.life, int | float) else 3600
        token = jwt_of({"iat": now, "exp": now + life, "n": len(self.good)})
        if self.broken_token:
            token = f"x{len(self.good)}"
        self.good[token] = 1 << 60 if self.uses is None else self.uses
        return web.json_response({"token": token, "life": self.life})

    def site(self) -> Site:
        return Site(self)
