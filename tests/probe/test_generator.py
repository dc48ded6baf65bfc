"""The generator's seconds, from trees of files that the test writes."""

import os
import time
from pathlib import Path

import pytest

from velroload.probe.generator import GeneratorProbe, Second, share, stolen_share

SECOND_NS = 10**9


class Machine:
    """A /proc and a control group, and a clock that the test turns."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now_ns = 5 * SECOND_NS

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def schedstat(self, pid: int, run_ns: int, waited_ns: int) -> None:
        self.write(f"proc/{pid}/schedstat", f"{run_ns} {waited_ns} 99\n")

    def stat(self, *lines: str) -> None:
        self.write("proc/stat", "\n".join(lines) + "\n")

    def throttled(self, n: int) -> None:
        self.write("proc/self/cgroup", "0::/ours\n")
        self.write("sys/fs/cgroup/ours/cpu.stat", f"usage_usec 1\nnr_periods 9\nnr_throttled {n}\n")

    def probe(self, *pids: int, cpus: tuple[int, ...] = (0, 1)) -> GeneratorProbe:
        return GeneratorProbe(list(pids), list(cpus), self.root)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    monkeypatch.setattr(time, "monotonic_ns", lambda: made.now_ns)
    return made


def test_nothing_can_be_read(machine: Machine) -> None:
    """None, never 0."""
    probe = machine.probe(7, 8)
    assert probe.second() == Second([None, None], [None, None], None, False)


def test_shares_of_the_time_since_the_reading_before(machine: Machine) -> None:
    machine.schedstat(7, 1_000, 500)
    machine.schedstat(8, 0, 0)
    probe = machine.probe(7, 8)
    machine.now_ns += 2 * SECOND_NS
    machine.schedstat(7, 1_000 + SECOND_NS, 500)
    machine.schedstat(8, 2 * SECOND_NS, SECOND_NS // 2)
    assert probe.second() == Second([0.5, 1.0], [0.0, 0.25], None, False)
    machine.now_ns += SECOND_NS
    assert probe.second() == Second([0.0, 0.0], [0.0, 0.0], None, False)


def test_a_worker_that_is_gone(machine: Machine) -> None:
    machine.schedstat(7, 0, 0)
    probe = machine.probe(7)
    (machine.root / "proc/7/schedstat").unlink()
    assert probe.second().worker_cpu == [None]
    machine.schedstat(7, 0, 0)
    assert probe.second().worker_cpu == [None], "there is no reading before"
    machine.now_ns += SECOND_NS
    assert probe.second().worker_cpu == [0.0]


@pytest.mark.parametrize("text", ["", "1 2", "a b c", "1 2 3 4"])
def test_a_schedstat_of_another_shape(machine: Machine, text: str) -> None:
    machine.write("proc/7/schedstat", text)
    assert machine.probe(7).second().run_delay == [None]


def test_steal_is_that_of_the_workers_cpus(machine: Machine) -> None:
    """user nice system idle iowait irq softirq steal; guest time is in user already."""
    machine.stat("cpu  9 9 9 9 9 9 9 9 9 9", "cpu0 0 0 0 0 0 0 0 0 5 5", "cpu1 1 1 1 1 1 1 1 1 9 9")
    probe = machine.probe(cpus=(1,))
    machine.stat(
        "cpu  9 9 9 9 9 9 9 9 9 9", "cpu0 0 0 0 0 0 0 0 99 0 0", "cpu1 11 1 21 31 1 1 16 26 70 0"
    )
    assert probe.second().steal == 0.25


@pytest.mark.parametrize(
    "lines",
    [
        ("cpu 1 2 3 4 5 6 7 8",),
        ("cpu9 1 2 3 4 5 6 7 8",),
        ("cpu0 1 2 3",),
        ("cpu0 1 2 3 4 5 6 7 x",),
        ("",),
    ],
)
def test_no_steal_can_be_told(machine: Machine, lines: tuple[str, ...]) -> None:
    machine.stat(*lines)
    probe = machine.probe()
    if lines[0]:
        machine.stat(*lines)
        assert probe.second().steal is None


def test_throttling(machine: Machine) -> None:
    machine.throttled(3)
    probe = machine.probe()
    assert not probe.second().throttled
    machine.throttled(4)
    assert probe.second().throttled
    assert not probe.second().throttled


def test_a_group_without_quota_is_never_throttled(machine: Machine) -> None:
    machine.write("proc/self/cgroup", "0::/ours\n")
    machine.write("sys/fs/cgroup/ours/cpu.stat", "usage_usec 1\n")
    probe = machine.probe()
    machine.throttled(9)
    assert not probe.second().throttled


def test_shares() -> None:
    assert share((1, 2), (4, 8), 1, 12) == 0.5
    assert share(None, (4, 8), 1, 12) is None
    assert share((4, 8), None, 1, 12) is None
    assert stolen_share((5, 100), (6, 104)) == 0.25
    assert stolen_share((5, 100), (5, 100)) is None, "no tick has passed"
    assert stolen_share(None, (1, 1)) is None


def test_this_very_machine() -> None:
    """The real files: this process's own second."""

    probe = GeneratorProbe([os.getpid()], sorted(os.sched_getaffinity(0)))
    sum(range(200_000))
    (cpu,), (delay,) = probe.second().worker_cpu, probe.second().run_delay
    assert cpu is None or cpu >= 0
    assert delay is None or delay >= 0
