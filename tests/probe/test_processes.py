"""A process and its children as a source, by pid and by port."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import IO

import psutil
import pytest

from tests.probe.asking import ask, outcomes, refusal
from tests.servers.services import free_port
from velroload.plan.probe import Probe
from velroload.probe import processes
from velroload.probe.processes import FIGURES, ROLES, ProcessSource
from velroload.probe.source import Reading

CHILD = "import os, sys; pid = os.fork(); os.write(1, b'%d ' % pid); sys.stdin.read()"


def source(where: str) -> ProcessSource:
    return ProcessSource(Probe("box", "process", where, timeout_ns=20 * 10**9))


def words(pipe: IO[str], n: int) -> list[str]:
    """The first n words, each with a blank behind it."""
    text = ""
    while text.count(" ") < n:
        text += pipe.read(1)
    return text.split()


@pytest.fixture
def family() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process with a child."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", CHILD], stdin=pipe, stdout=pipe, text=True) as it:
        assert it.stdout is not None
        pids = {int(word) for word in words(it.stdout, 2)} - {0}
        yield it, pids.pop()
        it.kill()


def burn() -> None:
    """Some tenths of a second of CPU time: the kernel counts in hundredths."""
    until = sum(os.times()[:2]) + 0.2
    while sum(os.times()[:2]) < until:
        pass


def test_ourselves() -> None:
    before, after = ask(source(f"pid:{os.getpid()}"), 2, burn)
    assert "cpu_share" not in before.values, "there is no reading before"
    assert set(after.values) <= set(FIGURES)
    assert after.values["cpu_s"] - before.values["cpu_s"] >= 0.15
    assert 0 < after.values["cpu_share"] <= 1.05
    assert after.values["memory_bytes"] > 1 << 20
    assert 0 < after.values["memory_share"] < 1
    assert after.values["threads"] >= 1
    assert set(ROLES.values()) <= set(FIGURES)


def test_children_are_counted(family: tuple[subprocess.Popen[str], int]) -> None:
    process, child = family
    watched = source(f"pid:{process.pid}")
    both, one = outcomes(watched, lambda: ended(child))
    assert isinstance(both, Reading)
    assert isinstance(one, Reading)
    assert (both.values["processes"], one.values["processes"]) == (2, 1)
    assert one.values["cpu_s"] >= both.values["cpu_s"]


def ended(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    while psutil.Process(pid).status() != "zombie":
        pass


def test_one_that_ends(family: tuple[subprocess.Popen[str], int]) -> None:
    process, child = family

    def end() -> None:
        os.kill(child, signal.SIGKILL)
        process.kill()
        process.wait()

    first, gone = outcomes(source(f"pid:{process.pid}"), end)
    assert isinstance(first, Reading)
    assert gone == f"there is no process {process.pid}"


def test_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    said = f"nobody listens on port {port}, or it is another user's process"
    assert refusal(source(f"port:{port}")) == said
    first, second = outcomes(source(f"port:{port}"), lambda: None)
    assert (first, second) == (said, f"nobody listens on port {port}")
    assert refusal(source("pid:4194305")) == "there is no process 4194305"


def test_whoever_listens_on_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LOOK_AGAIN_S", 0.0)
    port = free_port()
    held: list[socket.socket] = []

    def open_it() -> None:
        held.append(socket.create_server(("127.0.0.1", port)))

    nobody, somebody = outcomes(source(f"port:{port}"), open_it)
    held[0].close()
    assert isinstance(nobody, str)
    assert isinstance(somebody, Reading)
    assert somebody.values["memory_bytes"] > 0
