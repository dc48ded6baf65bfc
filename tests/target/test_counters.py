"""Counters: rows of their own, sums over all, shared with forks."""

import os

import pytest

from velroload.target.counters import CAPACITY, Counters


def test_each_worker_writes_its_row_and_reads_all() -> None:
    counters = Counters(3)
    place = counters.place("a")
    wide = counters.place("b", 2)
    for worker in range(3):
        counters.attach(worker)
        counters.mine[place] += worker + 1
        counters.mine[wide + 1] -= 1
    assert counters.each(place) == [1, 2, 3]
    assert counters.total(place) == 6
    assert counters.totals(wide, 2) == [0, -3]
    assert counters.place("a") == place


def test_a_fork_counts_in_the_same_memory() -> None:
    counters = Counters(2)
    place = counters.place("a")
    child = os.fork()
    if child == 0:
        counters.attach(1)
        counters.mine[place] = 41
        os._exit(0)
    os.waitpid(child, 0)
    counters.mine[place] = 1
    assert counters.total(place) == 42


def test_sealed_counters_take_no_new_names() -> None:
    counters = Counters()
    counters.place("a")
    counters.seal()
    assert counters.place("a") == 1
    with pytest.raises(AssertionError, match=r"^b: counters are sealed$"):
        counters.place("b")


def test_workers_with_other_places_are_found_out() -> None:
    counters = Counters(2)
    counters.place("a")
    counters.seal()
    counters.attach(1)
    counters._sealed = False
    counters.place("b")
    with pytest.raises(AssertionError, match=r"^the workers' counters differ$"):
        counters.seal()


def test_there_is_an_end_to_them() -> None:
    with pytest.raises(AssertionError, match=r"^a: no room for more counters$"):
        Counters().place("a", CAPACITY)
