"""A worker process from spawn to close, and every way in which it may not get there."""

import asyncio
import contextlib
import os
import signal
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.conftest import JobsFor
from velroload.engine.process import WorkerProcess, require_ready
from velroload.engine.segment import Segment
from velroload.engine.workers import Job
from velroload.errors import InvalidRunError


def memories() -> int:
    """How many segments and programs this process has open."""
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread of the test closed it
            found += "memfd:velroload" in str(descriptor.readlink())
    return found


class Life:
    """One worker and what it says."""

    def __init__(self, job: Job) -> None:
        self.worker = WorkerProcess(3, None, Segment.create(job.ring_slots))
        self.changed = asyncio.Event()
        self.worker.on_change = self.changed.set
        self.worker.spawn(job.settings, job.arrays)

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 20)


def test_from_spawn_to_close(jobs_for: JobsFor) -> None:
    (job,) = jobs_for()

    async def live() -> None:
        before = memories()
        life = Life(job)
        worker = life.worker
        assert Path(f"/proc/{worker.pid}").exists()
        await life.until(lambda: worker.hello is not None)
        hello = worker.hello or {}
        assert (hello["ready"], hello["pinned"], hello["stamps"]) == (True, False, True)
        assert hello["memory"]["total"] > 0
        require_ready([worker])
        assert not worker.over
        worker.say({"go": 0, "spin_ns": 0})
        await life.until(lambda: worker.over)
        assert (worker.done, worker.died, worker.error) == (True, None, None)
        assert worker.segment.reader.counters()["iterations_completed"] == 20
        worker.close()
        worker.close()
        assert not Path(f"/proc/{worker.pid}").exists()
        assert memories() == before
        assert worker._control is None

    asyncio.run(live())


def test_a_worker_that_is_killed(jobs_for: JobsFor) -> None:
    (job,) = jobs_for()

    async def live() -> None:
        life = Life(job)
        worker = life.worker
        await life.until(lambda: worker.hello is not None)
        os.kill(worker.pid, signal.SIGKILL)
        await life.until(lambda: worker.over)
        assert (worker.done, worker.died) == (False, "was killed by SIGKILL")
        worker.say({"stop": "drain"})
        worker.kill()
        worker.close()

    asyncio.run(live())


def test_a_worker_that_cannot_begin(jobs_for: JobsFor, capfd: pytest.CaptureFixture[str]) -> None:
    (job,) = jobs_for()
    job.arrays["steps"] += b"x"

    async def live() -> None:
        life = Life(job)
        await life.until(lambda: life.worker.over)
        with pytest.raises(InvalidRunError) as caught:
            require_ready([life.worker])
        assert str(caught.value) == "worker 3 exited 1 before the run began"
        life.worker.close()

    asyncio.run(live())
    last = capfd.readouterr().err.splitlines()[-1]
    assert last == "ValueError: program: steps has 65 bytes, not rows of 64"


def test_what_makes_no_sense_ends_the_worker(jobs_for: JobsFor) -> None:
    """A bug of ours: told, never a traceback in a callback that nobody sees."""
    (job,) = jobs_for()

    async def live() -> None:
        life = Life(job)
        worker = life.worker
        await life.until(lambda: worker.hello is not None)
        worker.say({"dance": 1})
        await life.until(lambda: worker.over)
        assert worker.error == "ValueError: a control message without meaning: {'dance': 1}"
        worker.close()

    asyncio.run(live())


class Impostor(WorkerProcess):
    """Its other end is the test's."""

    def __init__(self) -> None:
        super().__init__(0, None, Segment.create(4096))
        self._control, self.theirs = socket.socketpair()
        self._control.setblocking(False)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (struct.pack("=I", 1 << 30), "a control message of 1073741824 bytes"),
        (struct.pack("=I", 2) + b"[]", "a control message that is not an object"),
    ],
)
def test_a_damaged_control_socket(data: bytes, error: str) -> None:
    async def live() -> None:
        worker = Impostor()
        worker.theirs.send(data)
        worker._on_readable()
        assert worker.error == f"its control socket is damaged: {error}"
        assert worker.over
        worker.close()
        worker.theirs.close()

    asyncio.run(live())


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"error": "OSError: no"}, "worker 0 could not start: OSError: no"),
        ({"died": "exited 3"}, "worker 0 exited 3 before the run began"),
        ({}, "worker 0 was not ready after 30 s"),
    ],
)
def test_not_ready(state: dict[str, str], said: str) -> None:
    worker = WorkerProcess(0, None, Segment.create(4096))
    for name, value in state.items():
        setattr(worker, name, value)
    with pytest.raises(InvalidRunError) as caught:
        require_ready([worker])
    assert str(caught.value) == said
    worker.hello = {"ready": True}
    worker.segment.close()
