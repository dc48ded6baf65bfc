"""The look-up chain without Redis: counted, joined, invalidated (with Redis: test_l2)."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.target.parts import Stores, user
from velroload.target.failure import UnavailableError
from velroload.target.spent import Spent
from velroload.target.store.cache import USER, Shelf
from velroload.target.store.rows import User

BOB = user("bob")


class Source:
    """Loads one user, when it is let."""

    def __init__(self, value: User | None = BOB) -> None:
        self.value = value
        self.loads = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def load(self, spent: Spent) -> User | None:
        self.loads += 1
        await self.gate.wait()
        return self.value


def with_shelf(
    folder: Path, test: Callable[[Stores, Shelf[User], Source], Awaitable[None]]
) -> None:
    async def main() -> None:
        stores = Stores(folder, 0, 0)
        await test(stores, stores.cache.shelf(USER), Source())

    asyncio.run(main())


def test_first_the_source_then_l1(tmp_path: Path) -> None:
    async def test(stores: Stores, shelf: Shelf[User], source: Source) -> None:
        first, second = Spent(), Spent()
        assert await shelf.look_up("user:bob", source.load, first) == BOB
        assert await shelf.look_up("user:bob", source.load, second) == BOB
        assert (first.layer, second.layer, source.loads) == (3, 1, 1)
        assert min(first.cache_ns, second.cache_ns) > 0
        assert stores.cache.outcomes("user") == {
            "L1 hits": 1, "L1 misses": 1, "L2 hits": 0, "L2 misses": 0, "L3 hits": 1,
            "L3 misses": 0, "joined": 0,
        }  # fmt: skip

    with_shelf(tmp_path, test)


def test_what_is_nowhere_is_not_remembered(tmp_path: Path) -> None:
    async def test(stores: Stores, shelf: Shelf[User], source: Source) -> None:
        source.value = None
        for _ in range(2):
            assert await shelf.look_up("user:bob", source.load, Spent()) is None
        assert source.loads == 2
        assert stores.cache.outcomes("user")["L3 misses"] == 2

    with_shelf(tmp_path, test)


def test_equal_look_ups_share_one_flight(tmp_path: Path) -> None:
    async def test(stores: Stores, shelf: Shelf[User], source: Source) -> None:
        source.gate.clear()
        spent = [Spent() for _ in range(5)]
        tasks = [
            asyncio.create_task(shelf.look_up("user:bob", source.load, each)) for each in spent
        ]
        while source.loads == 0:
            await asyncio.sleep(0)
        source.gate.set()
        assert await asyncio.gather(*tasks) == [BOB] * 5
        assert [each.layer for each in spent] == [3] * 5
        assert (source.loads, stores.cache.outcomes("user")["joined"]) == (1, 4)

    with_shelf(tmp_path, test)


def test_what_was_invalidated_on_its_way_is_not_kept(tmp_path: Path) -> None:
    async def test(stores: Stores, shelf: Shelf[User], source: Source) -> None:
        source.gate.clear()
        task = asyncio.create_task(shelf.look_up("user:bob", source.load, Spent()))
        while source.loads == 0:
            await asyncio.sleep(0)
        await stores.cache.drop("user:bob")
        source.gate.set()
        assert await task == BOB
        assert shelf.peek("user:bob") is None

    with_shelf(tmp_path, test)


def test_those_who_joined_a_failure_fail_too(tmp_path: Path) -> None:
    async def test(stores: Stores, shelf: Shelf[User], source: Source) -> None:
        async def fail(spent: Spent) -> User | None:
            await asyncio.sleep(0)
            raise UnavailableError("database", "gone")

        tasks = [asyncio.create_task(shelf.look_up("k", fail, Spent())) for _ in range(2)]
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert [str(end) for end in ends] == ["gone", "gone"]
        given_up = asyncio.create_task(shelf.look_up("k", source.load, Spent()))
        source.gate.clear()
        joined = asyncio.create_task(shelf.look_up("k", source.load, Spent()))
        await asyncio.sleep(0)
        given_up.cancel()
        with pytest.raises(UnavailableError, match=r"^look-up given up$"):
            await joined

    with_shelf(tmp_path, test)


def test_flush_and_put(tmp_path: Path) -> None:
    async def test(stores: Stores, shelf: Shelf[User], source: Source) -> None:
        await shelf.put("user:bob", BOB)
        assert shelf.peek("user:bob") == BOB
        await stores.cache.flush("L2")
        assert shelf.peek("user:bob") == BOB
        await stores.cache.flush()
        assert shelf.peek("user:bob") is None

    with_shelf(tmp_path, test)
