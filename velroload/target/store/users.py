"""The table of users."""

from collections.abc import Sequence

from velroload.target.spent import Spent
from velroload.target.store.database import Database
from velroload.target.store.rows import Credentials, User

COLUMNS = ", ".join(User._fields)
BY_ID = f"SELECT {COLUMNS} FROM users WHERE id = $1"
CREDENTIALS = "SELECT id, salt, digest FROM users WHERE email = $1"
INSERT = (
    f"INSERT INTO users ({COLUMNS}, salt, digest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
)
DELETE = "DELETE FROM users WHERE id = $1"
ALL = f"SELECT {COLUMNS} FROM users"


class Users:
    """Reads and writes users."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_id(self, user_id: str, spent: Spent) -> User | None:
        """The user of that id."""
        rows = await self._database.rows("auth", BY_ID, (user_id,), spent)
        return User._make(rows[0]) if rows else None

    async def credentials(self, email: str, spent: Spent) -> Credentials | None:
        """What a login with that address is checked against."""
        rows = await self._database.rows("auth", CREDENTIALS, (email,), spent)
        return Credentials._make(rows[0]) if rows else None

    async def add(self, user: User, salt: bytes, digest: bytes, spent: Spent) -> None:
        """Enter a user; DuplicateError when the address is taken."""
        await self._database.rows("write", INSERT, (*user, salt, digest), spent)

    async def add_all(
        self, users: Sequence[User], salt: bytes, digest: bytes, spent: Spent
    ) -> None:
        """Enter many users with one password, all or none."""
        async with self._database.transaction("admin", spent) as connection:
            await connection.many(INSERT, [(*user, salt, digest) for user in users])

    async def remove_all(self, user_ids: Sequence[str], spent: Spent) -> None:
        """Remove users with all that is theirs."""
        keys = [(user_id,) for user_id in user_ids]
        async with self._database.transaction("batch", spent) as connection:
            await connection.many("DELETE FROM generations WHERE user_id = $1", keys)
            await connection.many("DELETE FROM projects WHERE owner_id = $1", keys)
            await connection.many(DELETE, keys)

    async def all(self, spent: Spent) -> list[User]:
        """Every account, for the warm-up."""
        rows = await self._database.rows("admin", ALL, (), spent)
        return [User._make(row) for row in rows]
