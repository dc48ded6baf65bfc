"""Statements, transactions and their price, on SQLite."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.target.parts import Stores, user
from velroload.target.breakers import State
from velroload.target.failure import DuplicateError, Failure, UnavailableError
from velroload.target.spent import Spent
from velroload.target.store.generations import Generations
from velroload.target.store.users import Users


def run(folder: Path, test: Callable[[Stores], Awaitable[None]]) -> None:
    async def main() -> None:
        stores = Stores(folder)
        await stores.pools.open()
        try:
            await test(stores)
        finally:
            await stores.pools.close()

    asyncio.run(main())


def test_rows_have_their_price(tmp_path: Path) -> None:
    async def test(stores: Stores) -> None:
        spent = Spent()
        first = stores.data.users[0]
        found = await Users(stores.database).by_id(first[0], spent)
        assert found is not None
        assert tuple(found) == first[:8]
        assert spent.db_ns > 0
        assert await Users(stores.database).by_id("nobody", spent) is None

    run(tmp_path, test)


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    async def test(stores: Stores) -> None:
        users = Users(stores.database)
        taken = user("new")._replace(email="user0@example.com")
        with pytest.raises(DuplicateError):
            await users.add_all([user("fresh"), taken], b"s", b"d", Spent())
        assert await users.by_id("fresh", Spent()) is None
        with pytest.raises(DuplicateError):
            await users.add(taken, b"s", b"d", Spent())
        await users.add_all([user("fresh")], b"s", b"d", Spent())
        assert await users.by_id("fresh", Spent()) == user("fresh")
        assert len(await users.all(Spent())) == 13

    run(tmp_path, test)


def test_an_order_that_cannot_be_paid_leaves_no_trace(tmp_path: Path) -> None:
    async def test(stores: Stores) -> None:
        generations = Generations(stores.database)
        (row,) = await generations.page(stores.data.users[0][0], 0, 1, Spent())
        with pytest.raises(Failure, match=r"^Insufficient credits$"):
            async with stores.database.transaction("write", Spent()) as connection:
                await generations.add_paid(connection, row._replace(id="dear", cost=1001))
        assert await generations.by_id("dear", Spent()) is None
        async with stores.database.transaction("write", Spent()) as connection:
            assert await generations.add_paid(connection, row._replace(id="fair", cost=400)) == 600
        assert await generations.by_id("fair", Spent()) == row._replace(id="fair", cost=400)

    run(tmp_path, test)


def test_a_refusal_is_no_failure_of_the_database(tmp_path: Path) -> None:
    async def test(stores: Stores) -> None:
        for _ in range(20):
            with pytest.raises(Failure):
                async with stores.database.transaction("write", Spent()):
                    raise UnavailableError("generation", "gone")
        assert stores.breakers["database"].state is State.CLOSED

    run(tmp_path, test)


def test_down_and_up(tmp_path: Path) -> None:
    async def test(stores: Stores) -> None:
        generations = Generations(stores.database)

        async def cut() -> None:
            async with stores.database.transaction("write", Spent()) as connection:
                await stores.database.go_down()
                await connection.rows("SELECT 1", ())

        with pytest.raises(UnavailableError, match=r"^the database is down$"):
            await cut()
        with pytest.raises(UnavailableError):
            await generations.stats("x", Spent())
        await stores.database.come_up()
        assert await generations.stats("x", Spent()) == []

    run(tmp_path, test)


def test_what_the_database_refuses_to_run_is_unavailable(tmp_path: Path) -> None:
    async def test(stores: Stores) -> None:
        with pytest.raises(UnavailableError, match=r"^database: no such table: nowhere$"):
            await stores.database.rows("read", "SELECT * FROM nowhere", (), Spent())

    run(tmp_path, test)
