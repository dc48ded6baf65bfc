"""The operations: one method each, in the order of the routes."""

import ipaddress
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import hdrs, web

from velroload.target.envelope import ApiError, Route
from velroload.target.passwords import Hasher
from velroload.target.store import MODELS, Store, User, stamp
from velroload.target.tokens import ACCESS_LIFE_S, Refusal, TokenRefusedError, Tokens
from velroload.target.truth import Truth

BASE = "/api/v1"
TRUTH_PATH = "/__truth"
CHALLENGE: dict[str, str] = {hdrs.WWW_AUTHENTICATE: 'Bearer realm="api"'}
PAGE_DEFAULT = 50
PAGE_LIMIT = 100
PASSWORD_LENGTHS = (8, 1024)
EMAIL_LENGTHS = (3, 320)


class Api:
    """Handlers over one store; they raise ApiError for what is refused."""

    def __init__(self, store: Store, hasher: Hasher, tokens: Tokens, truth: Truth) -> None:
        self.store = store
        self.hasher = hasher
        self.tokens = tokens
        self.truth = truth

    def routes(self) -> list[Route]:
        """Every operation."""
        return [
            Route("GET", "/health", self.health),
            Route("GET", f"{BASE}/health", self.health),
            Route("POST", f"{BASE}/auth/login", self.login),
            Route("POST", f"{BASE}/auth/register", self.register),
            Route("POST", f"{BASE}/auth/refresh", self.refresh),
            Route("GET", f"{BASE}/auth/me", self.me),
            Route("GET", f"{BASE}/generations", self.list_generations),
            Route("GET", f"{BASE}/generations/{{id}}", self.read_generation),
            Route("GET", f"{BASE}/models", self.models),
            Route("GET", TRUTH_PATH, self.tell_truth),
        ]

    async def health(self, request: web.BaseRequest, item: str) -> bytes:
        """Public: alive, and the time."""
        return orjson.dumps({"status": "healthy", "timestamp": stamp(datetime.now(UTC))})

    async def login(self, request: web.BaseRequest, item: str) -> bytes:
        """E-mail and password against a session."""
        body = await read_object(request)
        email = text(body, "email", EMAIL_LENGTHS).lower()
        password = text(body, "password", (1, PASSWORD_LENGTHS[1]))
        user = self.store.by_email.get(email)
        matches = await self.hasher.matches(password, user.password if user else None)
        if user is None or not matches:
            self.truth.logins["refused"] += 1
            raise ApiError(401, "Invalid email or password", CHALLENGE)
        self.truth.logins["ok"] += 1
        return orjson.dumps(self._session(user))

    async def register(self, request: web.BaseRequest, item: str) -> bytes:
        """A new account and its first session."""
        body = await read_object(request)
        email = text(body, "email", EMAIL_LENGTHS).lower()
        password = text(body, "password", PASSWORD_LENGTHS)
        full_name = text(body, "full_name", (0, 200)) if body.get("full_name") else None
        if "@" not in email[1:-1]:
            raise ApiError(422, "email: not an e-mail address")
        try:
            if email in self.store.by_email:  # spares the hash; register() decides
                raise KeyError(email)
            user = self.store.register(email, full_name, await self.hasher.hash(password))
        except KeyError:
            self.truth.registrations["refused"] += 1
            raise ApiError(409, "Email already registered") from None
        self.truth.registrations["ok"] += 1
        return orjson.dumps(self._session(user))

    async def refresh(self, request: web.BaseRequest, item: str) -> bytes:
        """A refresh token against a new session."""
        token = text(await read_object(request), "refresh_token", (1, 8192))
        try:
            claims = self.tokens.check_refresh(token)
        except TokenRefusedError as error:
            raise self._refuse(error.refusal) from None
        user = self.store.users.get(claims.subject)
        if user is None:
            raise self._refuse(Refusal.UNKNOWN_USER)
        return orjson.dumps(self._session(user))

    async def me(self, request: web.BaseRequest, item: str) -> bytes:
        """The account behind the token."""
        return orjson.dumps(self._user(request).as_json())

    async def list_generations(self, request: web.BaseRequest, item: str) -> bytes:
        """A page of one's own generations, newest first."""
        user = self._user(request)
        skip = whole(request, "skip", 0, (0, 2**31 - 1))
        limit = whole(request, "limit", PAGE_DEFAULT, (1, PAGE_LIMIT))
        return orjson.dumps([each.as_json() for each in user.generations[skip : skip + limit]])

    async def read_generation(self, request: web.BaseRequest, item: str) -> bytes:
        """One generation, if the reader may see it."""
        user = self._user(request)
        generation = self.store.generations.get(item)
        if generation is None:
            raise ApiError(404, "Generation not found")
        if not generation.readable_by(user):
            raise ApiError(403, "Access to this generation is denied")
        return orjson.dumps(generation.as_json())

    async def models(self, request: web.BaseRequest, item: str) -> bytes:
        """Public: the models there are."""
        return orjson.dumps({"models": MODELS})

    async def tell_truth(self, request: web.BaseRequest, item: str) -> bytes:
        """The counters, to this machine only; to others there is nothing here."""
        if not is_loopback(request.remote):
            raise ApiError(404, "Not Found")
        return orjson.dumps(self.truth.as_json(self.tokens.hits, self.tokens.misses))

    def _user(self, request: web.BaseRequest) -> User:
        scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise self._refuse(Refusal.MISSING)
        try:
            claims = self.tokens.check(token)
        except TokenRefusedError as error:
            raise self._refuse(error.refusal) from None
        user = self.store.users.get(claims.subject)
        if user is None:
            raise self._refuse(Refusal.UNKNOWN_USER)
        return user

    def _refuse(self, refusal: Refusal) -> ApiError:
        self.truth.tokens_refused[refusal.value] += 1
        if refusal is Refusal.MISSING:
            return ApiError(401, "Not authenticated", CHALLENGE)
        if refusal is Refusal.EXPIRED:
            return ApiError(401, "Token has expired", CHALLENGE)
        return ApiError(401, "Invalid token", CHALLENGE)

    def _session(self, user: User) -> dict[str, Any]:
        return {
            "access_token": self.tokens.issue(user.id, user.email, user.role),
            "refresh_token": self.tokens.issue_refresh(user.id, user.email, user.role),
            "token_type": "bearer",
            "expires_in": ACCESS_LIFE_S,
            "user": user.as_json(),
        }


async def read_object(request: web.BaseRequest) -> dict[str, Any]:
    """The body as a JSON object; 422 when it is none."""
    if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        body = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        raise ApiError(422, "body: not valid JSON") from None
    if not isinstance(body, dict):
        raise ApiError(422, "body: a JSON object is needed")
    return body


def text(body: dict[str, Any], key: str, lengths: tuple[int, int]) -> str:
    """A string of the body with a length in `lengths` (both included); 422 otherwise."""
    value = body.get(key)
    if not isinstance(value, str):
        raise ApiError(422, f"{key}: a string is needed")
    if not lengths[0] <= len(value) <= lengths[1]:
        raise ApiError(422, f"{key}: {lengths[0]} to {lengths[1]} characters are needed")
    return value


def whole(request: web.BaseRequest, key: str, default: int, limits: tuple[int, int]) -> int:
    """A whole number of the query within `limits` (both included); 422 otherwise."""
    given = request.query.get(key)
    if given is None:
        return default
    # isdecimal admits other scripts' digits, and int() refuses 4,300 of them
    if given.isascii() and given.isdecimal() and len(given) <= 10:
        value = int(given)
        if limits[0] <= value <= limits[1]:
            return value
    raise ApiError(422, f"{key}: a whole number from {limits[0]} to {limits[1]} is needed")


def is_loopback(address: str | None) -> bool:
    """True for the addresses of this machine's loopback, IPv4 written as IPv6 included."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback
