"""/admin/accounts: accounts in bulk, for the service role only."""

import secrets

import orjson

from velroload.target.accounts import DEFAULT_PASSWORD
from velroload.target.api.reading import amount, read_object, text
from velroload.target.failure import Failure
from velroload.target.router import Call, Route
from velroload.target.service.accounts import COUNT_MAX, GENERATIONS_MAX, Accounts, Batch
from velroload.target.service.identity import Identity
from velroload.target.store.rows import CREDITS

NAME_BYTES = 6


class AccountsApi:
    """Make and remove."""

    def __init__(self, identity: Identity, accounts: Accounts) -> None:
        self._identity = identity
        self._accounts = accounts

    def routes(self, base: str) -> list[Route]:
        """The operations."""
        return [
            Route("POST", f"{base}/admin/accounts", self.make),
            Route("DELETE", f"{base}/admin/accounts", self.remove),
        ]

    async def make(self, call: Call) -> bytes:
        """{count, credits?, generations?, password?, name?} against as many sessions."""
        self._identity.service(call.authorization, call.spent)
        body = await read_object(call.request)
        name = text(body, "name", (1, 50)) if "name" in body else secrets.token_hex(NAME_BYTES)
        batch = Batch(
            name=name.lower(),
            count=amount(body, "count", 1, (1, COUNT_MAX)),
            credits_balance=amount(body, "credits", CREDITS, (0, 10**9)),
            generations_each=amount(body, "generations", 1, (0, GENERATIONS_MAX)),
            password=text({"password": DEFAULT_PASSWORD, **body}, "password", (8, 1024)),
        )
        made = await self._accounts.make(batch, call.spent)
        return orjson.dumps({"name": batch.name, "accounts": made})

    async def remove(self, call: Call) -> bytes:
        """{ids: […]}: these accounts and all that is theirs."""
        self._identity.service(call.authorization, call.spent)
        ids = (await read_object(call.request)).get("ids")
        if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
            raise Failure(422, "ids: a list of account ids is needed")
        if len(ids) > COUNT_MAX:
            raise Failure(422, f"ids: at most {COUNT_MAX} at once")
        await self._accounts.remove(ids, call.spent)
        return orjson.dumps({"removed": len(ids)})
