"""The seeded data: alike for equal seeds, of the promised shape, in both tables and rows."""

import asyncio
import re
import sqlite3
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.servers.services import Services
from velroload.target.passwords import PasswordHash
from velroload.target.store.postgres import SCHEMA
from velroload.target.store.rows import Generation
from velroload.target.store.seed import Data, Size, into_postgres, into_sqlite, make

HASH = PasswordHash(b"salt", b"digest")


def seeded(seed: int) -> Data:
    return make(Size(12, 11, seed), HASH)


def test_a_seed_decides_everything() -> None:
    assert seeded(1) == seeded(1)
    first, second = seeded(1), seeded(2)
    assert not {row[0] for row in first.users} & {row[0] for row in second.users}


def test_ids_are_uuids() -> None:
    pattern = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    for _, _, rows in seeded(1).tables():
        assert all(pattern.fullmatch(row[0]) for row in rows)
        assert len({row[0] for row in rows}) == len(rows)


def test_sizes_teams_and_visibility() -> None:
    data = seeded(1)
    sizes = {name: len(rows) for name, _, rows in data.tables()}
    assert sizes == {"teams": 2, "users": 12, "projects": 36, "generations": 132}
    assert list(Counter(row[4] for row in data.users).values()) == [10, 2]
    visibility = {row[0]: row[3] for row in data.projects}
    owner = data.users[0][0]
    own = [Generation._make(row) for row in data.generations if row[1] == owner]
    assert [visibility[str(each.project_id)] for each in own] == [
        *["private"] * 8, "team", "public", "private",
    ]  # fmt: skip
    assert [each.is_favorite for each in own] == [1, 0, 0, 0, 0] * 2 + [1]


def test_it_arrives_in_the_tables(tmp_path: Path) -> None:
    data = seeded(1)
    into_sqlite(tmp_path / "db", data)
    connection = sqlite3.connect(tmp_path / "db")
    for name, columns, rows in data.tables():
        found = connection.execute(f"SELECT {', '.join(columns)} FROM {name}").fetchall()
        assert sorted(found) == sorted(rows)
    connection.close()


@pytest.mark.timing
@pytest.mark.parametrize("place", ["sqlite", "postgresql"])
def test_a_hundred_thousand_generations_take_less_than_five_seconds(
    place: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """As the user waits for it: on the clock, PostgreSQL's own work included."""
    url = request.getfixturevalue("services").database_url if place == "postgresql" else ""
    began_s = time.perf_counter()
    data = make(Size(5000, 20, 1), HASH)
    if url:
        into_postgres(url, data)
    else:
        into_sqlite(tmp_path / "db", data)
    assert time.perf_counter() - began_s < 5
    assert len(data.generations) == 100_000


def test_postgresql_keeps_its_references(services: Services) -> None:
    """They are made after the rows, and hold from then on."""
    import asyncpg

    into_postgres(services.database_url, seeded(1))

    async def orphan() -> str:
        connection = await asyncpg.connect(
            services.database_url, server_settings={"search_path": SCHEMA}
        )
        try:
            await connection.execute("INSERT INTO projects VALUES ('p', 'nobody', NULL, 'public')")
        except asyncpg.ForeignKeyViolationError as error:
            return str(error)
        finally:
            await connection.close()
        return ""

    assert "projects_owner_id_fkey" in asyncio.run(orphan())
