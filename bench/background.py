"""velroload in the background: started, watched while it runs, ended."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import psutil

from bench.harness import kill_tree


class Gone(RuntimeError):
    """velroload ended before there was anything to see."""


@contextlib.contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[str]"]:
    """velroload in the background; interrupted and reaped at the end of the block."""
    with tempfile.TemporaryFile("w+") as words:
        process = subprocess.Popen(
            command,
            stdout=words,
            stderr=words,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        try:
            yield process
        except Gone as error:
            words.seek(0)
            said = words.read().strip().splitlines()
            raise Gone(f"{error}; it said: {said[-1] if said else 'nothing'}") from None
        finally:
            end(process)


def end(process: "subprocess.Popen[str]") -> None:
    """SIGINT twice means: leave at once; then by force."""
    for _ in range(2):
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
    if process.poll() is None:
        kill_tree(psutil.Process(process.pid))
        process.wait()


def until(process: "subprocess.Popen[str]", ready: Callable[[], bool], timeout_s: float) -> None:
    """Wait for a condition. Gone when velroload ends first or the time runs out."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if process.poll() is not None:
            raise Gone(f"velroload ended with exit {process.returncode}")
        if time.monotonic() > deadline:
            raise Gone(f"nothing happened within {timeout_s:g} s")
        time.sleep(0.1)
