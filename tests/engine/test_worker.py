"""A worker process by itself: it pins, it has stamps, and it never outlives the coordinator."""

import os
import select
import socket
import subprocess
import sys
import time

import pytest

from tests.engine.conftest import JobsFor
from velroload import _core
from velroload.engine.control import Decoder, Message, encode, write_program
from velroload.engine.segment import Segment
from velroload.engine.worker import pin, switch_on_stamps
from velroload.engine.workers import Job
from velroload.plan.model import Load

LONG = Load("constant-vus", users=2, duration_ns=60 * 10**9)


def test_pin() -> None:
    own = os.sched_getaffinity(0)
    try:
        assert not pin(None)
        assert not pin(1023)
        assert os.sched_getaffinity(0) == own
        assert pin(min(own))
        assert os.sched_getaffinity(0) == {min(own)}
    finally:
        os.sched_setaffinity(0, own)


def test_stamps_come_on() -> None:
    pair = switch_on_stamps()
    assert pair is not None
    sender, receiver = pair
    sender.send(b"x")
    before_ns = time.time_ns()
    assert abs(_core.stamp_of(receiver.fileno()) - before_ns) < 10**9
    sender.close()
    receiver.close()


class Alone:
    """A worker without a coordinator: the test holds the other end of its control socket."""

    def __init__(self, job: Job, parent: int | None = None) -> None:
        self.control, theirs = socket.socketpair()
        self.control.settimeout(20)
        self.segment = Segment.create(job.ring_slots)
        program = write_program(job.settings, job.arrays)
        fds = (theirs.fileno(), self.segment.fd, program)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "velroload.engine.worker", *map(str, fds),
             str(parent or os.getpid())],
            pass_fds=fds,
        )  # fmt: skip
        theirs.close()
        os.close(program)
        self.decoder = Decoder()

    def hear(self) -> Message:
        while not (messages := self.decoder.feed(self.control.recv(65536))):
            pass
        return messages[0]

    def close(self) -> int:
        self.control.close()
        code = self.process.wait(20)
        self.segment.close()
        return code


def test_go_done_leave(jobs_for: JobsFor) -> None:
    alone = Alone(jobs_for()[0])
    assert alone.hear()["ready"]
    alone.control.send(encode({"go": time.monotonic_ns(), "spin_ns": 0}))
    assert alone.hear() == {
        "done": True,
        "site": {"refused": {}, "cookies_ignored": 0},
        "starved": [],
    }
    alone.control.send(encode({"stop": "leave"}))
    assert alone.process.wait(20) == 0
    assert alone.close() == 0


@pytest.mark.parametrize("running", [False, True])
def test_the_end_of_the_control_socket_is_its_end(jobs_for: JobsFor, running: bool) -> None:
    alone = Alone(jobs_for(LONG)[0])
    alone.hear()
    if running:
        alone.control.send(encode({"go": time.monotonic_ns(), "spin_ns": 0}))
        while not alone.segment.reader.counters()["requests_sent"]:
            time.sleep(0.001)
    assert alone.close() == 1


def test_a_worker_whose_parent_is_gone_does_not_begin(jobs_for: JobsFor) -> None:
    """The coordinator may die between fork and prctl."""
    alone = Alone(jobs_for()[0], parent=1)
    assert alone.process.wait(20) == 1
    assert alone.close() == 1


def test_a_second_go_is_told(jobs_for: JobsFor) -> None:
    alone = Alone(jobs_for(LONG)[0])
    alone.hear()
    go = encode({"go": time.monotonic_ns(), "spin_ns": 0})
    alone.control.send(go + go)
    assert alone.hear() == {"error": "RuntimeError: the engine was started before"}
    alone.control.send(encode({"stop": "leave"}))
    assert alone.process.wait(20) == 0
    alone.close()


COORDINATOR = """
import os, socket, subprocess, sys, time
theirs, segment, program = map(int, sys.argv[1:4])
child = subprocess.Popen(
    [sys.executable, "-m", "velroload.engine.worker", *sys.argv[1:4], str(os.getpid())],
    pass_fds=(theirs, segment, program))
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_a_worker_dies_with_its_coordinator(jobs_for: JobsFor) -> None:
    """Even with the control socket still open elsewhere: the kernel kills it."""
    (job,) = jobs_for(LONG)
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    segment = Segment.create(job.ring_slots)
    program = write_program(job.settings, job.arrays)
    fds = (theirs.fileno(), segment.fd, program)
    coordinator = subprocess.Popen(
        [sys.executable, "-c", COORDINATOR, *map(str, fds)],
        pass_fds=fds, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert coordinator.stdout
    assert coordinator.stdin
    pid = int(coordinator.stdout.readline())
    assert Decoder().feed(ours.recv(65536))[0]["ready"]
    worker = os.pidfd_open(pid)
    coordinator.kill()
    coordinator.wait(20)
    assert select.select([worker], [], [], 20)[0], "the worker lives on"
    os.close(worker)
    os.close(program)
    for stream in (coordinator.stdin, coordinator.stdout, ours, theirs):
        stream.close()
    segment.close()
