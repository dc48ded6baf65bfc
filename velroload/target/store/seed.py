"""The data that the target starts with, made from one seed, and put into the tables."""

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from velroload.target.accounts import email_of
from velroload.target.passwords import PasswordHash
from velroload.target.store.rows import CREDITS, MODELS, stamp
from velroload.target.store.schema import CREATE, FOREIGN_KEYS, INDEXES, TABLES

START = datetime(2025, 1, 1, tzinfo=UTC)
TEAM_SIZE = 10
HOT_EVERY = 5
"""One generation in five is a favourite: the hot ones, for those who read 80 to 20."""
VISIBILITIES = ("private",) * 8 + ("team", "public")
"""Visibility of the project that a user's n-th generation belongs to, by n modulo 10."""
PARAMETERS = '{"width":1024,"height":1024,"steps":28}'


@dataclass(frozen=True, slots=True)
class Size:
    """How much data: accounts, generations of each, and the seed of their ids."""

    users: int
    generations_each: int
    seed: int


@dataclass(slots=True)
class Data:
    """Rows by table, in the columns' order of schema.TABLES."""

    teams: list[tuple[Any, ...]] = field(default_factory=list)
    users: list[tuple[Any, ...]] = field(default_factory=list)
    projects: list[tuple[Any, ...]] = field(default_factory=list)
    generations: list[tuple[Any, ...]] = field(default_factory=list)

    def tables(self) -> Iterator[tuple[str, Sequence[str], list[tuple[Any, ...]]]]:
        """Name, columns and rows, each table after those it refers to."""
        for name, columns in TABLES.items():
            yield name, columns, getattr(self, name)


def make(size: Size, password: PasswordHash) -> Data:
    """All rows. Equal sizes give equal rows; teams are tens of neighbouring accounts.

    The accounts share one password and salt, because 15,000 hashes would take a minute; each
    login still pays for one whole hash.
    """
    source = random.Random(size.seed)
    data = Data()
    secret = (password.salt, password.digest)
    for index in range(size.users):
        if index % TEAM_SIZE == 0:
            team = _uuid(source.getrandbits(128))
            data.teams.append((team, f"Team {index // TEAM_SIZE}"))
        user = _uuid(source.getrandbits(128))
        made_at = stamp(START + timedelta(seconds=index))
        data.users.append(
            (user, email_of(index), f"User {index}", "authenticated", team, CREDITS,
             made_at, made_at, *secret)
        )  # fmt: skip
        projects = {}
        for visibility in ("private", "team", "public"):
            projects[visibility] = _uuid(source.getrandbits(128))
            data.projects.append((projects[visibility], user, team, visibility))
        for number in range(size.generations_each):
            head, tail = _by_number(number)
            project = projects[VISIBILITIES[number % len(VISIBILITIES)]]
            data.generations.append(
                (_uuid(source.getrandbits(128)), user, project, *head, *tail)
            )  # fmt: skip
    return data


@cache  # at most a thousand numbers; the dates would cost more than all the rest
def _by_number(number: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """What a generation's number alone decides: model_id … cost, is_favorite … completed_at."""
    model = MODELS[number % len(MODELS)]
    done_at = stamp(START + timedelta(minutes=number, seconds=20))
    made_at = stamp(START + timedelta(minutes=number))
    prompt = f"A lighthouse in the rain, take {number}"
    return (
        (model["id"], prompt, PARAMETERS, "completed", model["credits_cost"]),
        (int(number % HOT_EVERY == 0), made_at, done_at, done_at),
    )


def into_sqlite(path: Path, data: Data) -> None:
    """Create and fill a new file."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("BEGIN")
        for statement in CREATE:
            connection.execute(statement.format(bytes="BLOB"))
        for name, columns, rows in data.tables():
            marks = ", ".join("?" * len(columns))
            connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
        for statement in INDEXES:
            connection.execute(statement)
        connection.execute("COMMIT")


def into_postgres(url: str, data: Data) -> None:
    """Drop the target's own schema, create it again and fill it; errors are one clear line."""
    asyncio.run(_into_postgres(url, data))


async def _into_postgres(url: str, data: Data) -> None:
    from velroload.target.store.postgres import SCHEMA, first_connection

    connection = await first_connection(url)
    await connection.rows(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE", ())
    await connection.rows(f"CREATE SCHEMA {SCHEMA}", ())
    for statement in CREATE:
        await connection.rows(statement.format(bytes="BYTEA"), ())
    for name, columns, rows in data.tables():
        await connection.copy(name, columns, rows)
    for statement in (*INDEXES, *FOREIGN_KEYS):
        await connection.rows(statement, ())
    for name in TABLES:
        await connection.rows(f"ANALYZE {name}", ())
    await connection.close()


def _uuid(bits: int) -> str:
    """A version 4 UUID; uuid.UUID takes three times as long."""
    text = f"{bits & ~(0xF << 76) & ~(0b11 << 62) | 4 << 76 | 0b10 << 62:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
