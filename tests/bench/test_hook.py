"""Allocations and connect() calls of another process, counted from outside."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.hook import Hook
from bench.truthserver import Truth
from velroload.environment import environment_of_child

CONNECTING = """
import os, socket, sys
for _ in range(30):
    socket.create_connection(("127.0.0.1", int(sys.argv[1]))).close()
print(os.getpid())
"""
ALLOCATING = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
malloc, size = libc.malloc, ctypes.c_size_t(1000)
print(os.getpid(), flush=True)
for line in sys.stdin:
    for _ in range(int(line)):
        malloc(size)
    print("done", flush=True)
"""


@pytest.fixture
def hook(tmp_path: Path) -> Hook:
    return Hook(tmp_path)


def test_workers_load_it_too(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    own = hook.environment(python_objects=True)
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    assert own.items() <= environment_of_child().items()


def test_every_connect_is_timed(hook: Hook) -> None:
    with Truth() as truth:
        done = subprocess.run(
            [sys.executable, "-c", CONNECTING, str(truth.port)],
            env=hook.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
    pid = int(done.stdout)
    assert hook.pids() == [pid]
    taken = hook.connect_us(pid)
    assert len(taken) == truth.counts["connections"] == 30
    assert (taken > 0).all()


def test_a_window_holds_what_was_allocated_in_it(hook: Hook) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ALLOCATING],
        env=hook.environment(python_objects=True),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        pid = int(child.stdout.readline())

        def calls(n: int) -> tuple[int, int]:
            assert child.stdin is not None
            assert child.stdout is not None
            before = hook.counts(pid)
            child.stdin.write(f"{n}\n")
            assert child.stdout.readline() == "done\n"
            found = hook.counts(pid).since(before)
            return found.total, found.bytes

        calls(1)  # the first pass fills caches
        none, many = calls(0), calls(5000)
        child.stdin.close()
    assert many[0] - none[0] >= 5000
    assert many[1] - none[1] >= 5_000_000
    assert none[0] < 1000


def test_a_table_that_is_not_whole_is_refused(hook: Hook) -> None:
    (hook.tables / "1").write_bytes(b"VLHOOK01")
    with pytest.raises(ValueError, match=r"hook/1: not a table of the hook$"):
        hook.counts(1)
