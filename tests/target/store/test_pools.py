"""Pools: opened, shared out, waited for, stood in for, cut and opened again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from velroload.target.counters import Counters
from velroload.target.failure import UnavailableError
from velroload.target.store.pools import (
    IDLE_S,
    POSTGRES_RULES,
    SQLITE_RULES,
    Connection,
    Pool,
    Pools,
    Rule,
)


class Fake:
    """A connection that only remembers how it ended."""

    def __init__(self) -> None:
        self.broken = False
        self.closed = False

    async def rows(self, sql: str, arguments: Sequence[Any]) -> Sequence[Sequence[Any]]:
        return []

    async def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        return None

    async def close(self) -> None:
        self.closed = True

    def terminate(self) -> None:
        self.broken = True


class Bench:
    """Pools over fakes; `refusing` is a database that does not answer."""

    def __init__(self, *rules: Rule, workers: int = 1, worker: int = 0) -> None:
        self.made: list[Fake] = []
        self.refusing = False
        self.now_s = 0.0
        self.counters = Counters(workers)
        self.counters.attach(worker)
        self.pools = Pools(rules, self.connect, self.counters)
        self.pool = Pool(rules[0], self.connect, Counters(), lambda: self.now_s)

    async def connect(self) -> Connection:
        await asyncio.sleep(0)
        if self.refusing:
            raise UnavailableError("database", "refused")
        self.made.append(Fake())
        return self.made[-1]


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await test()

    asyncio.run(main())


def test_the_rules_are_the_documented_ones() -> None:
    assert sum(rule.least for rule in POSTGRES_RULES) == 47
    assert sum(rule.most for rule in POSTGRES_RULES) == 210


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_the_workers_parts_make_the_whole(workers: int) -> None:
    for rule in POSTGRES_RULES:
        parts = [rule.share(worker, workers) for worker in range(workers)]
        assert sum(part.least for part in parts) == rule.least
        assert sum(part.most for part in parts) == rule.most


def test_it_opens_the_least_and_grows_to_the_most() -> None:
    async def test() -> None:
        bench = Bench(Rule("read", 2, 3))
        await bench.pool.open()
        assert len(bench.made) == 2
        taken = [await bench.pool.acquire() for _ in range(3)]
        assert (len(bench.made), bench.pool.free) == (3, False)
        with pytest.raises(
            UnavailableError, match=r"^pool read: no connection became free in time$"
        ):
            await bench.pool.acquire(0.0)
        for each in taken:
            await bench.pool.release(each)
        assert bench.pool.free

    run(test)


def test_those_who_wait_are_served_in_turn() -> None:
    async def test() -> None:
        bench = Bench(Rule("read", 1, 1))
        first = await bench.pool.acquire()
        order: list[int] = []

        async def want(number: int) -> None:
            connection = await bench.pool.acquire()
            order.append(number)
            await asyncio.sleep(0)
            await bench.pool.release(connection)

        tasks = []
        for number in range(4):
            tasks.append(asyncio.create_task(want(number)))
            await asyncio.sleep(0)
        tasks[1].cancel()
        await bench.pool.release(first)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (order, len(bench.made)) == ([0, 2, 3], 1)

    run(test)


def test_a_turn_that_nobody_takes_goes_to_the_next() -> None:
    async def test() -> None:
        bench = Bench(Rule("read", 1, 1))
        first = await bench.pool.acquire()
        tasks = [asyncio.create_task(bench.pool.acquire()) for _ in range(2)]
        await asyncio.sleep(0)
        await bench.pool.release(first)
        tasks[0].cancel()  # it has been woken, and has not run yet
        assert await tasks[1] is first

    run(test)


def test_broken_connections_are_replaced() -> None:
    async def test() -> None:
        bench = Bench(Rule("read", 1, 1))
        connection = await bench.pool.acquire()
        bench.made[0].broken = True
        await bench.pool.release(connection)
        assert bench.made[0].closed
        second = await bench.pool.acquire()
        await bench.pool.release(second)
        bench.made[1].broken = True  # while it lay idle
        assert await bench.pool.acquire() is bench.made[2]

    run(test)


def test_one_that_cannot_be_opened_leaves_its_place() -> None:
    async def test() -> None:
        bench = Bench(Rule("read", 0, 1))
        bench.refusing = True
        for _ in range(2):
            with pytest.raises(UnavailableError, match=r"^refused$"):
                await bench.pool.acquire()
        bench.refusing = False
        await bench.pool.acquire()

    run(test)


def test_idle_ones_beyond_the_least_are_closed_after_a_while() -> None:
    async def test() -> None:
        bench = Bench(Rule("read", 1, 3))
        taken = [await bench.pool.acquire() for _ in range(3)]
        for each in taken:
            await bench.pool.release(each)
        await bench.pool.tidy()
        assert not any(each.closed for each in bench.made)
        bench.now_s = IDLE_S + 1
        await bench.pool.tidy()
        assert [each.closed for each in bench.made] == [True, True, False]

    run(test)


def test_down_and_up() -> None:
    async def test() -> None:
        bench = Bench(Rule("read", 2, 2))
        await bench.pool.open()
        used = await bench.pool.acquire()
        other = await bench.pool.acquire()
        waiting = asyncio.create_task(bench.pool.acquire())
        await asyncio.sleep(0)
        await bench.pool.go_down()
        assert used.broken
        for each in (used, other):
            await bench.pool.release(each)
        assert all(each.closed for each in bench.made)
        for wanted in (waiting, bench.pool.acquire()):
            with pytest.raises(UnavailableError, match=r"^the database is down$"):
                await wanted
        await bench.pool.come_up()
        assert len(bench.made) == 4
        assert not (await bench.pool.acquire()).broken

    run(test)


def test_exhausted_and_relieved() -> None:
    async def test() -> None:
        bench = Bench(Rule("read", 1, 3))
        used = await bench.pool.acquire()
        exhausting = asyncio.create_task(bench.pool.exhaust())
        while bench.pool.free:
            await asyncio.sleep(0)
        await bench.pool.release(used)
        await exhausting
        with pytest.raises(UnavailableError):
            await bench.pool.acquire(0.0)
        await bench.pool.relieve()
        assert bench.pool.free

    run(test)


def test_another_pool_stands_in() -> None:
    async def test() -> None:
        bench = Bench(Rule("auth", 1, 1, "read"), Rule("read", 1, 1, "auth"))
        await bench.pools.open()
        first, _ = await bench.pools.acquire("auth")
        second, connection = await bench.pools.acquire("auth")
        assert (first.rule.name, second.rule.name) == ("auth", "read")
        told = bench.pools.as_json()
        assert told["pools"]["auth"]["failovers"] == 1
        assert told["pools"]["auth"]["state"] == "exhausted"
        assert told["total"] == {
            "size": 2, "in_use": 2, "idle": 0, "waiting": 0, "min": 2, "max": 2, "failovers": 1,
        }  # fmt: skip
        third = asyncio.create_task(bench.pools.acquire("auth"))
        await asyncio.sleep(0)
        assert bench.pools.as_json()["pools"]["auth"]["waiting"] == 1
        third.cancel()
        await second.release(connection)

    run(test)


def test_sqlite_has_two_pools_for_all_purposes() -> None:
    pools = Bench(*SQLITE_RULES).pools
    names = {
        purpose: pools.named(purpose).rule.name
        for purpose in ("auth", "read", "write", "analytics", "admin", "batch")
    }
    assert names == {
        "auth": "read", "read": "read", "write": "write", "analytics": "read", "admin": "write",
        "batch": "write",
    }  # fmt: skip


def test_closing_closes_what_is_in_use_too() -> None:
    async def test() -> None:
        bench = Bench(Rule("read", 2, 2))
        await bench.pool.open()
        used = await bench.pool.acquire()
        await bench.pool.close()
        await bench.pool.release(used)
        assert all(each.closed for each in bench.made)

    run(test)
