"""Generations: ordered, listed, read and removed."""

import uuid
from dataclasses import dataclass
from typing import Any

from velroload.target.breakers import Breaker
from velroload.target.failure import Failure
from velroload.target.service.progress import Progress
from velroload.target.service.provider import Provider
from velroload.target.service.rights import Rights, permission_key
from velroload.target.spent import Spent
from velroload.target.store.cache import GENERATION, USER, Cache
from velroload.target.store.database import Database
from velroload.target.store.generations import Generations
from velroload.target.store.rows import MODEL_BY_ID, Generation, User, now


@dataclass(frozen=True, slots=True)
class Order:
    """What a user asks for; `parameters` is a JSON object as text."""

    model_id: str
    prompt: str
    parameters: str


class Gallery:
    """The operations on generations."""

    def __init__(
        self, generations: Generations, database: Database, cache: Cache, rights: Rights,
        provider: Provider, progress: Progress, breaker: Breaker,
    ) -> None:  # fmt: skip
        self._generations = generations
        self._database = database
        self._cache = cache
        self._rights = rights
        self._provider = provider
        self._progress = progress
        self._breaker = breaker
        self._shelf = cache.shelf(GENERATION)
        self._users = cache.shelf(USER)

    async def page(self, user: User, skip: int, limit: int, spent: Spent) -> list[Generation]:
        """A page of one's own, newest first; always from the database."""
        return await self._generations.page(user.id, skip, limit, spent)

    async def read(self, user: User, generation_id: str, spent: Spent) -> Generation:
        """One generation, if the reader may see it; 403 or 404 otherwise."""
        await self._rights.to_read(user, generation_id, spent)
        found = await self._shelf.look_up(
            f"gen:{generation_id}",
            lambda spent: self._generations.by_id(generation_id, spent),
            spent,
        )
        if found is None:  # removed since the permission was remembered
            raise Failure(404, "Generation not found")
        return found

    async def order(self, user: User, order: Order, spent: Spent) -> Generation:
        """Pay for a generation and have it made; 400, 402 or 503 otherwise."""
        model = MODEL_BY_ID.get(order.model_id)
        if model is None:
            raise Failure(400, "Unknown model")
        at = now()
        made = Generation(
            str(uuid.uuid4()), user.id, None, order.model_id, order.prompt, order.parameters,
            "pending", model["credits_cost"], 0, at, at, None,
        )  # fmt: skip
        with self._breaker.guard():
            async with self._database.transaction("write", spent) as connection:
                left = await self._generations.add_paid(connection, made)
                self._provider.submit(made.id)
        self._progress.add(made.id)
        await self._remember_credits(user, left, at)
        return made

    async def remove(self, user: User, generation_id: str, spent: Spent) -> None:
        """Remove one's own; 403 for others', 404 for none."""
        if await self._rights.to_read(user, generation_id, spent) != "owner":
            raise Failure(403, "Only the owner may delete a generation")
        await self._generations.remove(generation_id, spent)
        await self._cache.drop(f"gen:{generation_id}", permission_key(user.id, generation_id))

    async def stats(self, user: User, spent: Spent) -> dict[str, Any]:
        """Numbers over all of one's own."""
        rows = await self._generations.stats(user.id, spent)
        return {
            "total_generations": sum(count for _, count, _, _ in rows),
            "by_status": {status: count for status, count, _, _ in sorted(rows)},
            "credits_used": sum(credits for _, _, credits, _ in rows),
            "favorites": sum(favorites for _, _, _, favorites in rows),
        }

    async def _remember_credits(self, user: User, left: int, at: str) -> None:
        """Balances only fall: of two orders that end in the wrong order the lower one is right."""
        key = f"user:{user.id}"
        known = self._users.peek(key) or user
        newest = known._replace(
            credits_balance=min(left, known.credits_balance), updated_at=max(at, known.updated_at)
        )
        await self._cache.drop(key)
        await self._users.put(key, newest)
