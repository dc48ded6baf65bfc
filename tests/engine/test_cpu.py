"""Cores shared out: every way of asking, on machines of every size."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velroload.engine.cpu import Cores, cgroup_quota, choose, is_virtual, usable
from velroload.errors import ConfigError

HINT = "write auto, a number of workers, or a list of CPUs such as cpus:1,3-5"


@pytest.mark.parametrize(
    ("cpus", "alone", "embedded"),
    [
        (1, ((0,), (), ()), ((0,), (), ())),
        (2, ((0, 1), (), ()), ((1,), (0,), (0,))),
        (3, ((1, 2), (), (0,)), ((1, 2), (0,), (0,))),
        (4, ((1, 2, 3), (), (0,)), ((2, 3), (0,), (1,))),
        (5, ((1, 2, 3, 4), (), (0,)), ((2, 3, 4), (0,), (1,))),
        (6, ((1, 2, 3, 4, 5), (), (0,)), ((2, 3, 4, 5), (0,), (1,))),
        (7, ((1, 2, 3, 4, 5, 6), (), (0,)), ((2, 3, 4, 5, 6), (0,), (1,))),
        (8, ((1, 2, 3, 4, 5, 6, 7), (), (0,)), ((2, 3, 4, 5, 6, 7), (0,), (1,))),
    ],
)
def test_auto(
    cpus: int, alone: tuple[tuple[int, ...], ...], embedded: tuple[tuple[int, ...], ...]
) -> None:
    """The target's CPU first; one for the coordinator when three are left; a worker each."""
    assert choose("auto", list(range(cpus)), embedded=False) == Cores(*alone)
    assert choose("auto", list(range(cpus)), embedded=True) == Cores(*embedded)


def test_auto_follows_the_order_it_is_given() -> None:
    """Physical cores come first: their second threads are the last that get a worker."""
    assert choose("auto", [0, 2, 1, 3], embedded=True) == Cores((1, 3), (0,), (2,))


@pytest.mark.parametrize(
    ("asked", "cpus", "embedded", "cores"),
    [
        ("1", 1, False, Cores((0,), (), ())),
        ("1", 2, False, Cores((0,), (), (1,))),
        ("1", 2, True, Cores((1,), (0,), (0,))),
        ("2", 2, True, Cores((1, 0), (), ())),
        ("3", 2, False, Cores((0, 1, 0), (), ())),
        ("2", 4, True, Cores((1, 2), (0,), (3,))),
        ("cpus:1", 2, False, Cores((1,), (), (0,))),
        ("cpus:1,3-5", 8, True, Cores((1, 3, 4, 5), (0,), (2, 6, 7))),
        ("cpus:1,1", 2, False, Cores((1, 1), (), (0,))),
    ],
)
def test_asked_for(asked: str, cpus: int, embedded: bool, cores: Cores) -> None:
    assert choose(asked, list(range(cpus)), embedded) == cores


@given(
    st.integers(1, 8),
    st.booleans(),
    st.one_of(st.just("auto"), st.integers(1, 12).map(str)),
)
def test_always(cpus: int, embedded: bool, asked: str) -> None:
    """Workers are as many as asked for, on CPUs that there are; nobody else sits on those."""
    cores = choose(asked, list(range(cpus)), embedded)
    assert len(cores.workers) == (len(set(cores.workers)) if asked == "auto" else int(asked))
    assert cores.workers
    assert set(cores.workers) <= set(range(cpus))
    assert not set(cores.workers) & {*cores.target, *cores.coordinator}
    assert len(cores.target) <= embedded


@pytest.mark.parametrize("asked", ["0", "-1", "", "5x", "1.5", "two", " 1", "99999", "all"])
def test_neither_number_nor_list(asked: str) -> None:
    with pytest.raises(ConfigError) as caught:
        choose(asked, [0, 1], embedded=False)
    assert str(caught.value) == f"workers {asked!r}: {HINT}"


@pytest.mark.parametrize("text", ["", "1,", ",1", "3-1", "1-", "a", "1 2", "-1", "1-2-3", "99999"])
def test_bad_lists(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        choose(f"cpus:{text}", [0, 1], embedded=False)
    assert str(caught.value) == f"workers 'cpus:{text}': {HINT}"


def test_a_cpu_that_is_not_ours() -> None:
    with pytest.raises(ConfigError) as caught:
        choose("cpus:0,2", [0, 1], embedded=False)
    assert str(caught.value) == (
        "workers 'cpus:0,2': CPU 2 is not one of those this process may use (0,1)"
    )


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight CPUs may be used; cores and quota are written by the tests."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    return tmp_path


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def siblings(root: Path, lists: list[str]) -> None:
    for cpu, text in enumerate(lists):
        write(root, f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list", f"{text}\n")


def test_nothing_known_of_the_machine(machine: Path) -> None:
    assert usable(machine) == list(range(8))


def test_second_threads_come_last(machine: Path) -> None:
    siblings(machine, ["0,4", "1,5", "2,6", "3,7"] * 2)
    assert usable(machine) == list(range(8))
    siblings(machine, ["0-1", "0-1", "2-3", "2-3", "4-5", "4-5", "6-7", "6-7"])
    assert usable(machine) == [0, 2, 4, 6, 1, 3, 5, 7]


def test_a_second_thread_whose_first_is_not_ours(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 2, 3})
    siblings(machine, ["0-1", "0-1", "2-3", "2-3"])
    assert usable(machine) == [1, 2, 3]


@pytest.mark.parametrize(
    ("limit", "quota", "cpus"),
    [
        ("max 100000", None, 8),
        ("200000 100000", 2.0, 2),
        ("350000 100000", 3.5, 3),
        ("50000 100000", 0.5, 1),
        ("9900000 100000", 99.0, 8),
        ("", None, 8),
        ("oops", None, 8),
    ],
)
def test_quota_of_the_control_group(
    machine: Path, limit: str, quota: float | None, cpus: int
) -> None:
    write(machine, "proc/self/cgroup", "0::/ours/here\n")
    write(machine, "sys/fs/cgroup/ours/here/cpu.max", f"{limit}\n")
    assert cgroup_quota(machine) == quota
    assert usable(machine) == list(range(cpus))


@pytest.mark.parametrize("group", ["", "12:cpu:/old\n", "0::/elsewhere\n"])
def test_no_control_group_of_version_2(machine: Path, group: str) -> None:
    write(machine, "proc/self/cgroup", group)
    assert cgroup_quota(machine) is None


def test_the_tightest_group_above_counts(machine: Path) -> None:
    """A limit holds for all that is below it."""
    write(machine, "proc/self/cgroup", "0::/pod/box\n")
    write(machine, "sys/fs/cgroup/pod/box/cpu.max", "max 100000\n")
    write(machine, "sys/fs/cgroup/pod/cpu.max", "300000 100000\n")
    assert cgroup_quota(machine) == 3.0


@pytest.mark.parametrize(
    ("told", "virtual"),
    [("flags\t\t: fpu vme hypervisor lahf_lm\n", True), ("flags\t\t: fpu vme lahf_lm\n", False)],
)
def test_a_hypervisor_is_noticed(tmp_path: Path, told: str, virtual: bool) -> None:
    assert is_virtual(tmp_path) is False
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(f"processor\t: 0\n{told}")
    assert is_virtual(tmp_path) is virtual
