"""Messages between workers, here in one process with a bus for each."""

import asyncio
from typing import Any

import pytest

from velroload.target import bus as module
from velroload.target.bus import Bus
from velroload.target.counters import Counters


def test_alone_it_is_silent() -> None:
    async def main() -> None:
        bus = Bus(Counters())
        bus.attach()
        await bus.listen()
        bus.tell("topic", "anything")
        await bus.heard()
        await bus.close()

    asyncio.run(main())


class Crowd:
    """As many buses as workers; each with counters of its own row in shared memory."""

    def __init__(self, workers: int) -> None:
        self.heard: list[list[Any]] = [[] for _ in range(workers)]
        shared = Counters(workers)
        pattern = Bus(shared)
        self.buses = []
        for worker in range(workers):
            counters = Counters(workers)
            counters._all, counters._memory = shared._all, shared._memory
            counters.attach(worker)
            bus = Bus(counters)
            for pair in bus._pairs.values():
                for end in pair:
                    end.close()
            bus._pairs = {
                key: (low.dup(), high.dup()) for key, (low, high) in pattern._pairs.items()
            }
            bus.attach()
            bus.on("topic", self.heard[worker].append)
            self.buses.append(bus)
        for pair in pattern._pairs.values():
            for end in pair:
                end.close()


def test_all_others_hear_in_order() -> None:
    async def main() -> list[list[Any]]:
        crowd = Crowd(3)
        for bus in crowd.buses:
            await bus.listen()
        for number in range(50):
            crowd.buses[0].tell("topic", number)
        crowd.buses[2].tell("topic", {"from": 2})
        await crowd.buses[0].heard()
        for bus in crowd.buses:
            await bus.close()
        return crowd.heard

    first, second, third = asyncio.run(main())
    assert first == [{"from": 2}]
    assert third == list(range(50))
    assert sorted(second, key=str) == sorted([*range(50), {"from": 2}], key=str)


def test_one_that_does_not_listen_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "HEARD_LIMIT_S", 0.02)

    async def main() -> None:
        crowd = Crowd(2)
        await crowd.buses[0].listen()
        crowd.buses[0].tell("topic", "x" * 1_000_000)
        await crowd.buses[0].heard()
        await crowd.buses[0].close()
        await crowd.buses[1].close()

    asyncio.run(main())
