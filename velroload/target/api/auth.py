"""/auth: sessions."""

import orjson

from velroload.target.api.reading import read_object, text
from velroload.target.audit import Audit
from velroload.target.failure import Failure
from velroload.target.router import Call, Route
from velroload.target.service.identity import Identity

PASSWORD_LENGTHS = (8, 1024)
EMAIL_LENGTHS = (3, 320)


class AuthApi:
    """Log-in, registration, renewal, who am I, log-out."""

    def __init__(self, identity: Identity, audit: Audit) -> None:
        self._identity = identity
        self._audit = audit

    def routes(self, base: str) -> list[Route]:
        """The operations."""
        return [
            Route("POST", f"{base}/auth/login", self.login),
            Route("POST", f"{base}/auth/register", self.register),
            Route("POST", f"{base}/auth/refresh", self.refresh),
            Route("POST", f"{base}/auth/logout", self.logout),
            Route("GET", f"{base}/auth/me", self.me),
        ]

    async def login(self, call: Call) -> bytes:
        """E-mail and password against a session."""
        body = await read_object(call.request)
        email = text(body, "email", EMAIL_LENGTHS).lower()
        password = text(body, "password", (1, PASSWORD_LENGTHS[1]))
        return orjson.dumps(await self._identity.login(email, password, call.spent))

    async def register(self, call: Call) -> bytes:
        """A new account and its first session."""
        body = await read_object(call.request)
        email = text(body, "email", EMAIL_LENGTHS).lower()
        password = text(body, "password", PASSWORD_LENGTHS)
        full_name = text(body, "full_name", (0, 200)) if body.get("full_name") else None
        if "@" not in email[1:-1]:
            raise Failure(422, "email: not an e-mail address")
        return orjson.dumps(await self._identity.register(email, password, full_name, call.spent))

    async def refresh(self, call: Call) -> bytes:
        """A refresh token against a new session."""
        token = text(await read_object(call.request), "refresh_token", (1, 8192))
        return orjson.dumps(await self._identity.refresh(token, call.spent))

    async def logout(self, call: Call) -> bytes:
        """The end of the session that the token belongs to."""
        await self._identity.logout(call.authorization, call.spent)
        return b'{"message":"Logged out"}'

    async def me(self, call: Call) -> bytes:
        """The account behind the token."""
        header = call.authorization
        user = await self._identity.user(header, call.spent)
        self._audit.user(header, user)
        return orjson.dumps(user.as_json())
