"""The tables of generations and projects."""

import asyncio
from collections.abc import Sequence

from velroload.target.failure import Failure
from velroload.target.spent import Spent
from velroload.target.store.database import Database
from velroload.target.store.pools import Connection
from velroload.target.store.rows import Generation, Project

COLUMNS = ", ".join(Generation._fields)
BY_ID = f"SELECT {COLUMNS} FROM generations WHERE id = $1"
PIECE = 1000
PAGE = (
    f"SELECT {COLUMNS} FROM generations WHERE user_id = $1"
    " ORDER BY created_at DESC, id LIMIT $2 OFFSET $3"
)
OWNER = "SELECT user_id, project_id FROM generations WHERE id = $1"
PROJECT = "SELECT id, owner_id, team_id, visibility FROM projects WHERE id = $1"
STATS = (
    "SELECT status, count(*), sum(cost), sum(is_favorite) FROM generations"
    " WHERE user_id = $1 GROUP BY status"
)
PAY = (
    "UPDATE users SET credits_balance = credits_balance - $1, updated_at = $2"
    " WHERE id = $3 AND credits_balance >= $1 RETURNING credits_balance"
)
INSERT = (
    f"INSERT INTO generations ({COLUMNS})"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
)
MOVE = "UPDATE generations SET status = $1, updated_at = $2, completed_at = $3 WHERE id = $4"
DELETE = "DELETE FROM generations WHERE id = $1"
HOT = f"SELECT {COLUMNS} FROM generations WHERE is_favorite = 1"


class Generations:
    """Reads and writes generations and what decides on their visibility."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_id(self, generation_id: str, spent: Spent) -> Generation | None:
        """The generation of that id."""
        rows = await self._database.rows("read", BY_ID, (generation_id,), spent)
        return Generation._make(rows[0]) if rows else None

    async def page(self, user_id: str, skip: int, limit: int, spent: Spent) -> list[Generation]:
        """A page of a user's own, newest first."""
        rows = await self._database.rows("read", PAGE, (user_id, limit, skip), spent)
        return [Generation._make(row) for row in rows]

    async def owner(self, generation_id: str, spent: Spent) -> tuple[str, str | None] | None:
        """Owner and project of a generation."""
        rows = await self._database.rows("auth", OWNER, (generation_id,), spent)
        return (str(rows[0][0]), rows[0][1]) if rows else None

    async def project(self, project_id: str, spent: Spent) -> Project | None:
        """The project of that id."""
        rows = await self._database.rows("auth", PROJECT, (project_id,), spent)
        return Project._make(rows[0]) if rows else None

    async def stats(self, user_id: str, spent: Spent) -> list[tuple[str, int, int, int]]:
        """Status, number, credits and favourites of a user's generations."""
        rows = await self._database.rows("analytics", STATS, (user_id,), spent)
        return [(str(row[0]), int(row[1]), int(row[2]), int(row[3])) for row in rows]

    async def add_paid(self, connection: Connection, made: Generation) -> int:
        """Pay for and enter a generation; credits left. 402 when there are too few."""
        paid = await connection.rows(PAY, (made.cost, made.created_at, made.user_id))
        if not paid:
            raise Failure(402, "Insufficient credits")
        await connection.rows(INSERT, tuple(made))
        return int(paid[0][0])

    async def add_all(self, made: Sequence[Generation], spent: Spent) -> None:
        """Enter many, free of charge, in pieces that nobody has to wait long for."""
        for at in range(0, len(made), PIECE):
            async with self._database.transaction("batch", spent) as connection:
                await connection.many(INSERT, made[at : at + PIECE])
            await asyncio.sleep(0)

    async def move_all(
        self, moves: Sequence[tuple[str, str, str | None, str]], spent: Spent
    ) -> None:
        """Set status, updated_at and completed_at of many: (status, updated, completed, id)."""
        async with self._database.transaction("batch", spent) as connection:
            await connection.many(MOVE, moves)

    async def remove(self, generation_id: str, spent: Spent) -> None:
        """Remove one."""
        await self._database.rows("write", DELETE, (generation_id,), spent)

    async def hot(self, spent: Spent) -> list[Generation]:
        """Everybody's favourites, for the warm-up."""
        rows = await self._database.rows("batch", HOT, (), spent)
        return [Generation._make(row) for row in rows]
