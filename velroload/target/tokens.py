"""Bearer tokens: issued and fully checked JWTs (HS256), with a cache of those that passed."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import jwt

ALGORITHM = "HS256"
ACCESS_AUDIENCE = "authenticated"
REFRESH_AUDIENCE = "refresh"
ROLES = ("authenticated", "service_role")  # a tuple: a claim may be unhashable
ACCESS_LIFE_S = 3600
REFRESH_LIFE_S = 30 * 24 * 3600
CACHE_LIMIT = 65_536
"""Four times the 15,000 users of the largest phase; about 30 MB when full."""


class Refusal(StrEnum):
    """Why a token was refused, as the truth counts it."""

    MISSING = "missing"
    MALFORMED = "malformed"
    SIGNATURE = "signature"
    ALGORITHM = "algorithm"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    CLAIMS = "claims"
    UNKNOWN_USER = "unknown_user"


class TokenRefusedError(Exception):
    """The token proves nothing; `refusal` says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Claims:
    """What a checked token says."""

    subject: str
    role: str
    expires_at_s: float


REFUSALS: tuple[tuple[type[jwt.PyJWTError], Refusal], ...] = (
    (jwt.ExpiredSignatureError, Refusal.EXPIRED),
    (jwt.InvalidAudienceError, Refusal.AUDIENCE),
    (jwt.InvalidAlgorithmError, Refusal.ALGORITHM),
    (jwt.InvalidSignatureError, Refusal.SIGNATURE),
    (jwt.DecodeError, Refusal.MALFORMED),  # parent of InvalidSignatureError: must stand after it
    (jwt.InvalidTokenError, Refusal.CLAIMS),
)


class Tokens:
    """Issues and checks tokens under one secret of at least 32 bytes.

    A token that passed is remembered until it expires, at most CACHE_LIMIT of them (the oldest
    goes first); a remembered token costs one look-up. Refused tokens are never remembered.
    `clock` gives seconds since 1970.
    """

    def __init__(self, secret: str, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._clock = clock
        self._passed: dict[str, Claims] = {}
        self.hits = 0
        self.misses = 0

    def issue(self, user_id: str, email: str, role: str) -> str:
        """A new access token, good for ACCESS_LIFE_S."""
        return self._sign(user_id, email, role, ACCESS_AUDIENCE, ACCESS_LIFE_S)

    def issue_refresh(self, user_id: str, email: str, role: str) -> str:
        """A new refresh token: of another audience, so it opens nothing but /auth/refresh."""
        return self._sign(user_id, email, role, REFRESH_AUDIENCE, REFRESH_LIFE_S)

    def check(self, token: str) -> Claims:
        """The claims of an access token; TokenRefusedError when anything is wrong with it."""
        claims = self._passed.get(token)
        if claims is not None:
            if claims.expires_at_s > self._clock():
                self.hits += 1
                return claims
            del self._passed[token]
        self.misses += 1
        claims = self._decode(token, ACCESS_AUDIENCE)
        if len(self._passed) >= CACHE_LIMIT:
            del self._passed[next(iter(self._passed))]
        self._passed[token] = claims
        return claims

    def check_refresh(self, token: str) -> Claims:
        """The claims of a refresh token; TokenRefusedError when anything is wrong with it."""
        return self._decode(token, REFRESH_AUDIENCE)

    def _sign(self, user_id: str, email: str, role: str, audience: str, life_s: int) -> str:
        now_s = int(self._clock())
        claims = {
            "sub": user_id,
            "email": email,
            "role": role,
            "aud": audience,
            "iat": now_s,
            "exp": now_s + life_s,
            "jti": uuid.uuid4().hex,  # two logins in one second still get two tokens
        }
        return jwt.encode(claims, self._secret, ALGORITHM)

    def _decode(self, token: str, audience: str) -> Claims:
        if not token.isascii():  # header bytes arrive as surrogates, which PyJWT cannot encode
            raise TokenRefusedError(Refusal.MALFORMED)
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                audience=audience,
                options={"require": ["sub", "email", "role", "aud", "iat", "exp"]},
            )
        except RecursionError:  # a header of nested brackets, read before the signature
            raise TokenRefusedError(Refusal.MALFORMED) from None
        except jwt.PyJWTError as error:
            raise TokenRefusedError(_refusal(error)) from None
        if claims["role"] not in ROLES or not isinstance(claims["email"], str):
            raise TokenRefusedError(Refusal.CLAIMS)
        return Claims(claims["sub"], claims["role"], float(claims["exp"]))


def _refusal(error: jwt.PyJWTError) -> Refusal:
    return next((why for kind, why in REFUSALS if isinstance(error, kind)), Refusal.MALFORMED)
