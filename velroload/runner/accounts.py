"""Accounts for a run: made in bulk for the service role, tokens signed here, removed again."""

import base64
import contextlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from velroload.errors import PreflightError
from velroload.plan.mask import Mask
from velroload.plan.model import Plan
from velroload.plan.session import ACCOUNTS, Accounts
from velroload.protocol.table import Table
from velroload.runner.service import CallError, Service

BULK = "/admin/accounts"
BATCH = 500
"""Accounts asked for at a time: an answer of half a megabyte."""
REMOVE_S = 30.0
COST = 50
"""Credits of one generation, where the target does not tell."""
AUDIENCE = "authenticated"
SERVICE_LIFE_S = 3600
EXPIRED_AGO_S = 3600
"""No clock is so wrong that a token which ended then may pass."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Keys:
    """The embedded target's own, which nobody can know before; empty for any other."""

    secret: str | None = field(default=None, repr=False)
    service_key: str | None = field(default=None, repr=False)
    fault_token: str = field(default="", repr=False)

    def into(self, accounts: Accounts | None) -> Accounts | None:
        """The same accounts, with these keys instead of the plan's."""
        if accounts is None or self.service_key is None:
            return accounts
        secret = self.secret if accounts.token == "minted" else None
        return replace(accounts, secret=secret, service_key=self.service_key)


@dataclass(frozen=True, slots=True)
class Account:
    """One that the target has made. token, refresh: of the session that it gave with it."""

    id: str
    email: str
    token: str = field(repr=False)
    refresh: str = field(repr=False)
    generation: str


@contextlib.contextmanager
def made_accounts(plan: Plan, service: Service, say: Say) -> Iterator[Table]:
    """The data set of new accounts; removed at the end where the plan says so."""
    accounts = plan.accounts
    assert accounts is not None
    maker = Maker(service, service_key_of(accounts), plan.secrets)
    begun_s = time.monotonic()
    try:
        with contextlib.closing(service):
            found = maker.make(accounts)
            table = table_of(accounts, found, maker.password)
            took_s = time.monotonic() - begun_s
            say(f"accounts: {len(found):,} made in {took_s:.1f} s ({found[0].email}, …)")
            yield table
    finally:
        if accounts.remove_after and maker.ids:
            maker.remove(say)


def service_key_of(accounts: Accounts) -> str:
    """The plan's service key, or one signed with its secret."""
    if accounts.service_key is not None:
        return accounts.service_key
    if accounts.secret is None:
        raise PreflightError("accounts: making them needs service_key, the key of the service role")
    users = [("service", "service@example.com")]
    return sign(accounts.secret, users, SERVICE_LIFE_S, "service_role")[0]


def sign(
    secret: str,
    users: Sequence[tuple[str, str]],
    life_s: int,
    role: str = AUDIENCE,
    *,
    ago_s: int = 0,
) -> list[str]:
    """A token per (id, email), HS256 with the claims that the service checks (RFC 7515, 7519), as
    they were signed so long ago.

    Signed by hand: 15,000 take 0.2 s of CPU; PyJWT looks at the key each time and takes 1.1 s.
    """
    now_s = int(time.time()) - ago_s
    key, head = secret.encode(), encoded({"alg": "HS256", "typ": "JWT"})
    claims = {"role": role, "aud": AUDIENCE, "iat": now_s, "exp": now_s + life_s}
    tokens = []
    for id_, email in users:
        own = {"sub": id_, "email": email, **claims, "jti": secrets.token_hex(16)}
        text = head + b"." + encoded(own)
        tokens.append((text + b"." + base64url(hmac.digest(key, text, "sha256"))).decode())
    return tokens


def encoded(part: dict[str, Any]) -> bytes:
    return base64url(json.dumps(part, separators=(",", ":")).encode())


def base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def table_of(accounts: Accounts, found: Sequence[Account], password: str) -> Table:
    """The rows in the order of the accounts' columns."""
    minted = [[each.token] for each in found]
    if accounts.token == "minted":
        assert accounts.secret is not None  # Plan has looked
        users, life_s = [(each.id, each.email) for each in found], accounts.life_s
        good = sign(accounts.secret, users, life_s)
        late = sign(accounts.secret, users, life_s, ago_s=life_s + EXPIRED_AGO_S)
        minted = [list(pair) for pair in zip(good, late, strict=True)]
    rows = (
        (each.id, each.email, password, token, each.refresh, each.generation, *expired)
        for each, (token, *expired) in zip(found, minted, strict=True)
    )
    return Table.of(ACCOUNTS, accounts.columns, rows)


class Maker:
    """Makes accounts and removes them. `ids`: those that are there now."""

    def __init__(self, service: Service, key: str, known_secrets: tuple[str, ...]) -> None:
        self.service = service
        self.name = f"velroload-{secrets.token_hex(4)}"
        self.password = secrets.token_urlsafe(18)
        self.ids: list[str] = []
        self._key = key
        self._mask = Mask((*known_secrets, key, self.password))

    def make(self, accounts: Accounts) -> list[Account]:
        """PreflightError when the target cannot, or will not."""
        credits_each = accounts.creations * self.cost() if accounts.creations else 0
        found: list[Account] = []
        for first in range(0, accounts.count, BATCH):
            body = {
                "name": f"{self.name}-{first // BATCH}",
                "count": min(BATCH, accounts.count - first),
                "credits": credits_each,
                "generations": accounts.hot_each,
                "password": self.password,
            }
            found += self._batch(body)
        return found

    def cost(self) -> int:
        """Credits of the dearest model."""
        try:
            status, said = self.service.call("GET", "/models")
        except CallError:
            return COST
        models = said.get("models") if status == 200 and isinstance(said, dict) else None
        costs = [m.get("credits_cost") for m in models or () if isinstance(m, dict)]
        return max((cost for cost in costs if isinstance(cost, int)), default=COST)

    def _batch(self, body: dict[str, Any]) -> list[Account]:
        where = f"accounts: POST {self.service.url(BULK)}"
        try:
            status, said = self.service.call("POST", BULK, body, self._key)
        except CallError as error:
            raise PreflightError(f"{where}: {error}") from None
        if status in (404, 405, 501):
            raise PreflightError(
                f"{where} got status {status}: the target has no bulk endpoint for accounts; "
                "do without: write accounts into a file, data: {accounts: {csv: accounts.csv, "
                "pick: unique}}, and let users log in (session)"
            )
        if status in (401, 403):
            raise PreflightError(f"{where} got status {status}: the target refuses the service key")
        rows = said.get("accounts") if isinstance(said, dict) else None
        if status not in (200, 201) or not isinstance(rows, list):
            raise PreflightError(f"{where} got status {status}{self._said(said)}")
        made = [account for row in rows if (account := read_account(row)) is not None]
        self.ids += [account.id for account in made]
        if len(made) != body["count"]:
            raise PreflightError(
                f"{where}: {len(made)} of {body['count']} accounts came back with id, email and "
                "tokens"
            )
        return made

    def _said(self, said: object) -> str:
        detail = said.get("detail") if isinstance(said, dict) else None
        return f": {self._mask.text(str(detail))[:200]}" if detail else ""

    def remove(self, say: Say) -> None:
        """Bounded in time; what is left is said."""
        until_s = time.monotonic() + REMOVE_S
        with contextlib.closing(self.service):
            while self.ids:
                batch = self.ids[:BATCH]
                try:
                    status, _ = self.service.call("DELETE", BULK, {"ids": batch}, self._key)
                except CallError as error:
                    return say(f"{self._left()}: {error}")
                if status not in (200, 204):
                    return say(f"{self._left()}: got status {status}")
                del self.ids[: len(batch)]
                if time.monotonic() > until_s and self.ids:
                    return say(f"{self._left()}: not over after {REMOVE_S:g} s")
        return None

    def _left(self) -> str:
        return f"accounts: {len(self.ids):,} of {self.name}-… are not removed"


def read_account(row: object) -> Account | None:
    """One of the answer's; None for anything else."""
    if not isinstance(row, dict) or not isinstance(user := row.get("user"), dict):
        return None
    texts = [user.get("id"), user.get("email"), row.get("access_token"), row.get("refresh_token")]
    hot = row.get("generation_ids")
    first = hot[0] if isinstance(hot, list) and hot else ""
    if not all(isinstance(text, str) for text in (*texts, first)):
        return None
    id_, email, token, refresh = map(str, texts)
    return Account(id_, email, token, refresh, first)
