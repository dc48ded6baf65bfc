"""Rows and parts for tests of single parts."""

from pathlib import Path

from velroload.target.breakers import Breakers
from velroload.target.bus import Bus
from velroload.target.counters import Counters
from velroload.target.passwords import hash_password
from velroload.target.store import sqlite
from velroload.target.store.cache import Cache
from velroload.target.store.database import Database
from velroload.target.store.l1 import L1
from velroload.target.store.l2 import L2
from velroload.target.store.pools import SQLITE_RULES, Pools
from velroload.target.store.rows import Generation, User
from velroload.target.store.seed import Data, Size, into_sqlite, make

AT = "2025-01-01T00:00:00.000000Z"


def user(name: str, team: str | None = None) -> User:
    """An account."""
    return User(name, f"{name}@example.com", name, "authenticated", team, 1000, AT, AT)


def row(generation_id: str, owner: str, project: str | None = "p") -> Generation:
    """A finished generation."""
    return Generation(
        generation_id, owner, project, "sdxl", "a cat", "{}", "completed", 50, 0, AT, AT, AT
    )


class Stores:
    """Stores on a seeded SQLite file, without L2."""

    def __init__(self, folder: Path, users: int = 12, generations: int = 11) -> None:
        self.data: Data = make(Size(users, generations, 1), hash_password("p", 2))
        into_sqlite(folder / "db", self.data)
        self.counters = Counters()
        self.bus = Bus(self.counters)
        self.breakers = Breakers(self.counters)
        self.pools = Pools(SQLITE_RULES, lambda: sqlite.connect(folder / "db"), self.counters)
        self.database = Database(self.pools, self.breakers["database"])
        self.l2 = L2(None, self.breakers["redis"])
        self.cache = Cache(L1(), self.l2, self.counters, self.bus)
