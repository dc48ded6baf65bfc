"""Accounts in bulk, for the service role: thousands of hashed log-ins in a ramp are impossible."""

import asyncio
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from velroload.target.failure import DuplicateError, Failure
from velroload.target.passwords import Hasher
from velroload.target.service.identity import Identity
from velroload.target.spent import Spent
from velroload.target.store.cache import Cache
from velroload.target.store.generations import Generations
from velroload.target.store.rows import MODELS, Generation, User, now, stamp
from velroload.target.store.seed import PARAMETERS
from velroload.target.store.users import Users

COUNT_MAX = 5000
GENERATIONS_MAX = 100
BREATH = 100
"""Accounts between two turns of the loop: signing two tokens takes 30 µs."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is asked for; `name` is part of every address, so that batches do not meet."""

    name: str
    count: int
    credits_balance: int
    generations_each: int
    password: str


class Accounts:
    """Makes and removes accounts, each with a session and completed generations."""

    def __init__(
        self, users: Users, generations: Generations, identity: Identity, hasher: Hasher,
        cache: Cache,
    ) -> None:  # fmt: skip
        self._users = users
        self._generations = generations
        self._identity = identity
        self._hasher = hasher
        self._cache = cache

    async def make(self, batch: Batch, spent: Spent) -> list[dict[str, Any]]:
        """All of the batch or none; 409 when an address of it is taken."""
        secret = await self._hasher.hash(batch.password)
        at = now()
        users = [
            User(
                str(uuid.uuid4()), f"{batch.name}-{index}@example.com", f"{batch.name} {index}",
                "authenticated", None, batch.credits_balance, at, at,
            )
            for index in range(batch.count)
        ]  # fmt: skip
        made = [completed(user, number) for user in users for number in _each(batch)]
        try:
            await self._users.add_all(users, secret.salt, secret.digest, spent)
        except DuplicateError:
            raise Failure(409, f"{batch.name}: a batch of this name is there already") from None
        if made:
            await self._generations.add_all(made, spent)
        answer = []
        for index, user in enumerate(users):
            if index % BREATH == BREATH - 1:
                await asyncio.sleep(0)
            first = index * batch.generations_each
            own = made[first : first + batch.generations_each]
            session = self._identity.session(user)
            answer.append({**session, "generation_ids": [each.id for each in own]})
        return answer

    async def remove(self, user_ids: list[str], spent: Spent) -> None:
        """Remove accounts with all that is theirs."""
        await self._users.remove_all(user_ids, spent)
        await self._cache.drop(*(f"user:{user_id}" for user_id in user_ids))


def completed(user: User, number: int) -> Generation:
    """A finished generation of a new account; lists show the first one first."""
    model = MODELS[number % len(MODELS)]
    at = stamp(datetime.now(UTC) - timedelta(minutes=number))
    return Generation(
        str(uuid.uuid4()), user.id, None, model["id"], f"A bridge in fog, take {number}",
        PARAMETERS, "completed", model["credits_cost"], 1, at, at, at,
    )  # fmt: skip


def _each(batch: Batch) -> range:
    return range(batch.generations_each)
