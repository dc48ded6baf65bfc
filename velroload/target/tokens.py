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
SERVICE_SUBJECT = "service"
SERVICE_LIFE_S = 7 * 24 * 3600


class Refusal(StrEnum):
    """Why a token was refused, as the truth counts it."""

    MISSING = "missing"
    MALFORMED = "malformed"
    SIGNATURE = "signature"
    ALGORITHM = "algorithm"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    CLAIMS = "claims"
    REVOKED = "revoked"
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
    goes first); a remembered token costs one look-up. Refused tokens are never remembered, but
    those that were logged out, until they expire. `clock` gives seconds since 1970.
    """

    def __init__(self, secret: str, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._clock = clock
        self._passed: dict[str, Claims] = {}
        self._revoked: dict[str, float] = {}

    def issue(self, user_id: str, email: str, role: str) -> str:
        """A new access token, good for ACCESS_LIFE_S."""
        return self._sign(user_id, email, role, ACCESS_AUDIENCE, ACCESS_LIFE_S)

    def issue_refresh(self, user_id: str, email: str, role: str) -> str:
        """A new refresh token: of another audience, so it opens nothing but /auth/refresh."""
        return self._sign(user_id, email, role, REFRESH_AUDIENCE, REFRESH_LIFE_S)

    def issue_service(self) -> str:
        """A token of the service role, good for SERVICE_LIFE_S."""
        return self._sign(
            SERVICE_SUBJECT, "service@example.com", ROLES[1], ACCESS_AUDIENCE, SERVICE_LIFE_S
        )

    def remembered(self, token: str) -> Claims | None:
        """The claims of an access token that passed before and has not expired since."""
        claims = self._passed.get(token)
        if claims is None:
            return None
        if claims.expires_at_s > self._clock():
            return claims
        del self._passed[token]
        return None

    def check(self, token: str) -> Claims:
        """The claims of an access token; TokenRefusedError when anything is wrong with it."""
        claims = self._decode(token, ACCESS_AUDIENCE)
        if token in self._revoked:
            raise TokenRefusedError(Refusal.REVOKED)
        if len(self._passed) >= CACHE_LIMIT:
            del self._passed[next(iter(self._passed))]
        self._passed[token] = claims
        return claims

    def revoke(self, token: str, until_s: float) -> None:
        """Refuse a token from now on; `until_s` is when it expires anyway."""
        self._passed.pop(token, None)
        now_s = self._clock()
        if len(self._revoked) >= CACHE_LIMIT:
            self._revoked = {t: s for t, s in self._revoked.items() if s > now_s}
        self._revoked[token] = until_s

    def forget(self) -> None:
        """Remember no token that passed; those that were logged out stay refused."""
        self._passed.clear()

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
