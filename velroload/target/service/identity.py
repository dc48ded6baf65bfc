"""Who is asking: tokens and passwords against accounts."""

import uuid
from time import perf_counter_ns
from typing import Any

from velroload.target.breakers import Breaker
from velroload.target.bus import Bus
from velroload.target.counters import Counters
from velroload.target.failure import DuplicateError, Failure
from velroload.target.passwords import Hasher, PasswordHash
from velroload.target.spent import Spent
from velroload.target.store.cache import (
    L1_HITS,
    L1_MISSES,
    L3_HITS,
    L3_MISSES,
    USER,
    Cache,
)
from velroload.target.store.rows import CREDITS, User, now
from velroload.target.store.users import Users
from velroload.target.tokens import (
    ACCESS_LIFE_S,
    Claims,
    Refusal,
    TokenRefusedError,
    Tokens,
)
from velroload.target.truth import Truth

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="api"'}


class Identity:
    """Log-in, registration, renewal, and the user behind a token."""

    def __init__(
        self, users: Users, cache: Cache, tokens: Tokens, hasher: Hasher, truth: Truth,
        breaker: Breaker, bus: Bus, counters: Counters,
    ) -> None:  # fmt: skip
        self.tokens = tokens
        self._users = users
        self._shelf = cache.shelf(USER)
        self._hasher = hasher
        self._truth = truth
        self._breaker = breaker
        self._bus = bus
        self._mine = counters.mine
        self._place = cache.places["token"]
        self._times = cache.times_place
        bus.on("revoke", lambda message: tokens.revoke(*message))

    async def user(self, header: str, spent: Spent) -> User:
        """The user that an Authorization header proves; 401 when it proves none."""
        claims = self.claims(header, spent)
        key = f"user:{claims.subject}"
        if self._shelf.peek(key) is not None:  # the breaker watches what leaves this process
            user = await self._load(key, claims, spent)
        else:
            with self._breaker.guard():
                user = await self._load(key, claims, spent)
        if user is None:
            raise self._refuse(Refusal.UNKNOWN_USER)
        return user

    def claims(self, header: str, spent: Spent) -> Claims:
        """What the token of an Authorization header says, checked; 401 otherwise."""
        began_ns = perf_counter_ns()
        token = bearer(header)
        if token is None:
            raise self._refuse(Refusal.MISSING)
        claims = self.tokens.remembered(token)
        layer, outcome = 1, L1_HITS
        if claims is None:
            self._mine[self._place + L1_MISSES] += 1
            layer, outcome = 3, L3_HITS
            try:
                claims = self.tokens.check(token)
            except TokenRefusedError as error:
                self._mine[self._place + L3_MISSES] += 1
                raise self._refuse(error.refusal) from None
        self._mine[self._place + outcome] += 1
        spent.looked_up(layer, began_ns)
        self._mine[self._times + layer] += perf_counter_ns() - began_ns
        return claims

    def service(self, header: str, spent: Spent) -> None:
        """Let nobody through but the service role: 401 without a token, 403 for others."""
        if self.claims(header, spent).role != "service_role":
            raise Failure(403, "The service role is needed")

    async def login(self, email: str, password: str, spent: Spent) -> dict[str, Any]:
        """A new session; 401 when address or password are wrong."""
        found = await self._users.credentials(email, spent)
        known = PasswordHash(found.salt, found.digest) if found else None
        matches = await self._hasher.matches(password, known)
        user = await self._users.by_id(found.id, spent) if found and matches else None
        self._truth.login(ok=user is not None)
        if user is None:
            raise Failure(401, "Invalid email or password", CHALLENGE)
        return self.session(user)

    async def register(
        self, email: str, password: str, full_name: str | None, spent: Spent
    ) -> dict[str, Any]:
        """A new account and its first session; 409 when the address is taken."""
        try:
            if await self._users.credentials(email, spent):  # spares the hash; add() decides
                raise DuplicateError(email)
            made = await self._hasher.hash(password)
            at = now()
            user = User(str(uuid.uuid4()), email, full_name, "authenticated", None, CREDITS, at, at)
            await self._users.add(user, made.salt, made.digest, spent)
        except DuplicateError:
            self._truth.registration(ok=False)
            raise Failure(409, "Email already registered") from None
        self._truth.registration(ok=True)
        await self._shelf.put(f"user:{user.id}", user)
        return self.session(user)

    async def refresh(self, token: str, spent: Spent) -> dict[str, Any]:
        """A new session for a refresh token; 401 when it is none."""
        try:
            claims = self.tokens.check_refresh(token)
        except TokenRefusedError as error:
            raise self._refuse(error.refusal) from None
        user = await self._load(f"user:{claims.subject}", claims, spent)
        if user is None:
            raise self._refuse(Refusal.UNKNOWN_USER)
        return self.session(user)

    async def logout(self, header: str, spent: Spent) -> None:
        """End the session: every worker refuses its access token from now on."""
        claims = self.claims(header, spent)
        token = bearer(header)
        assert token is not None
        self.tokens.revoke(token, claims.expires_at_s)
        self._bus.tell("revoke", (token, claims.expires_at_s))

    def session(self, user: User) -> dict[str, Any]:
        """Both tokens of a user, and who he is."""
        return {
            "access_token": self.tokens.issue(user.id, user.email, user.role),
            "refresh_token": self.tokens.issue_refresh(user.id, user.email, user.role),
            "token_type": "bearer",
            "expires_in": ACCESS_LIFE_S,
            "user": user.as_json(),
        }

    async def _load(self, key: str, claims: Claims, spent: Spent) -> User | None:
        return await self._shelf.look_up(
            key, lambda spent: self._users.by_id(claims.subject, spent), spent
        )

    def _refuse(self, refusal: Refusal) -> Failure:
        self._truth.refuse(refusal)
        detail = {Refusal.MISSING: "Not authenticated", Refusal.EXPIRED: "Token has expired"}
        return Failure(401, detail.get(refusal, "Invalid token"), CHALLENGE)


def bearer(header: str) -> str | None:
    """The token of an Authorization header, None when there is none."""
    scheme, _, token = header.partition(" ")
    return token if token and scheme.lower() == "bearer" else None
