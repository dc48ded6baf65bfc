"""The target's collections: the young go, what stays is left alone until memory has doubled."""

import asyncio
import gc
import weakref

from velroload.target import garbage
from velroload.target.garbage import Collector, resident_pages


class Knot:
    """Refers to itself: only the garbage collector gets rid of it."""

    def __init__(self) -> None:
        self.me = self


def knots() -> list[Knot]:
    """So many that they are worth a look."""
    return [Knot() for _ in range(garbage.NEW_LEAST)]


def test_young_garbage_goes_and_what_stays_is_not_looked_at_again() -> None:
    with Collector() as collector:
        lost, kept = weakref.ref(knots()[0]), Knot()
        collector.young()
        assert lost() is None
        old = weakref.ref(kept)
        del kept
        collector.young()
        assert old() is not None
        collector.whole()
        assert old() is None


def test_a_few_new_objects_are_not_worth_a_look() -> None:
    with Collector() as collector:
        few = weakref.ref(Knot())
        collector.young()
        assert few() is not None
        knots()
        collector.young()
        assert few() is not None
        collector.whole()
        assert few() is None


def test_everything_is_collected_when_memory_has_doubled() -> None:
    pages = [100]
    with Collector(lambda: pages[0]) as collector:
        kept = Knot()
        collector.young()
        old = weakref.ref(kept)
        del kept
        pages[0] = 199
        collector.look()
        assert old() is not None
        pages[0] = 200
        collector.look()
        assert old() is None
        kept = Knot()
        collector.young()
        old = weakref.ref(kept)
        del kept
        pages[0] = 399  # 200 counts now
        collector.look()
        assert old() is not None


def test_it_goes_on_by_itself_until_cancelled() -> None:
    async def lives() -> bool:
        with Collector() as collector:
            task = asyncio.create_task(collector.run())
            lost = weakref.ref(knots()[0])
            async with asyncio.timeout(60):
                while lost() is not None:
                    await asyncio.sleep(garbage.TICK_S)
            task.cancel()
            return not gc.isenabled()

    assert asyncio.run(lives())


def test_the_process_is_left_as_it_was() -> None:
    with Collector():
        assert not gc.isenabled()
        assert gc.get_freeze_count() > 0
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_memory_in_use() -> None:
    assert resident_pages() > 1000
