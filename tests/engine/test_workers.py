"""All workers of a machine: one instant for all, nobody is forgotten."""

import asyncio
import os
import signal
import socket
from dataclasses import replace
from typing import Any

import pytest

from tests.engine.conftest import JobsFor
from velroload.engine.workers import LEAD_NS, Job, Workers, spin_ns
from velroload.errors import InvalidRunError
from velroload.plan.model import Load
from velroload.protocol.address import pack_address

LONG = Load("constant-vus", users=4, duration_ns=60 * 10**9)


async def until_over(workers: Workers) -> None:
    while not workers.over:
        workers.changed.clear()
        await asyncio.wait_for(workers.changed.wait(), 20)


@pytest.mark.parametrize(
    ("p99", "spin"),
    [(0, 0), (1, 50_000), (50_000, 50_000), (60_000, 60_000), (10**9, 500_000)],
)
def test_spin(p99: int, spin: int) -> None:
    assert spin_ns(p99) == spin


def test_two_workers_share_the_iterations(jobs_for: JobsFor) -> None:
    async def live() -> None:
        workers = Workers(jobs_for(workers=2))
        assert not workers.over
        try:
            await workers.start()
            epoch_ns = workers.go()
            assert epoch_ns == workers.epoch_ns > LEAD_NS
            await until_over(workers)
            assert [own["iterations_completed"] for own in workers.counters()] == [10, 10]
            assert [reader.pushed for reader in workers.readers] == [10, 10]
        finally:
            workers.close()

    asyncio.run(live())


def warm_jobs(jobs: list[Job], **more: Any) -> list[Job]:
    return [replace(job, settings=job.settings | {"warm": True} | more) for job in jobs]


def test_connections_are_open_before_the_start(jobs_for: JobsFor) -> None:
    async def live() -> None:
        workers = Workers(warm_jobs(jobs_for(workers=2)))
        try:
            await workers.start()
            await workers.warm(lambda: False)
            assert [own["connections_open"] for own in workers.counters()] == [1, 1]
            assert [own["requests_started"] for own in workers.counters()] == [0, 0]
            workers.go()
            await until_over(workers)
            assert [own["iterations_completed"] for own in workers.counters()] == [10, 10]
            assert [own["connections_opened"] for own in workers.counters()] == [1, 1]
        finally:
            workers.close()

    asyncio.run(live())


def test_a_warm_up_can_be_stopped(jobs_for: JobsFor) -> None:
    """A target that does not accept, and a user who does not want to wait for it."""

    async def live(port: int) -> None:
        jobs = warm_jobs(jobs_for(LONG), connect_timeout_ns=60 * 10**9)
        for job in jobs:
            job.arrays["addresses"] = pack_address("127.0.0.1", port)
        workers = Workers(jobs)
        stopped = False
        try:
            await workers.start()
            waiting = asyncio.create_task(workers.warm(lambda: stopped))
            while workers.counters()[0]["connections_opened"] < 4:
                await asyncio.sleep(0.001)
            stopped = True
            workers.changed.set()
            await waiting
            workers.stop("now")
            workers.go()
            await until_over(workers)
            (own,) = workers.counters()
            assert workers.processes[0].done
            assert (own["requests_started"], own["connections_open"]) == (0, 0)
        finally:
            workers.close()

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        asyncio.run(live(listener.getsockname()[1]))


@pytest.mark.parametrize("how", ["drain", "now"])
def test_stop(jobs_for: JobsFor, how: str) -> None:
    async def live() -> None:
        workers = Workers(jobs_for(LONG, workers=2))
        try:
            await workers.start()
            workers.go()
            while not all(reader.counters()["requests_sent"] for reader in workers.readers):
                await asyncio.sleep(0.001)
            workers.stop(how)
            await until_over(workers)
            assert all(worker.done for worker in workers.processes)
            for own in workers.counters():
                assert own["iterations_started"] - own["iterations_completed"] <= (
                    0 if how == "drain" else 2
                )
        finally:
            workers.close()

    asyncio.run(live())


def test_the_silent_are_killed(jobs_for: JobsFor) -> None:
    """One is stopped by the kernel and hears nothing; the other has ended by itself."""

    async def live() -> None:
        workers = Workers(jobs_for(LONG, workers=2))
        try:
            await workers.start()
            workers.go()
            deaf, other = workers.processes
            os.kill(deaf.pid, signal.SIGSTOP)
            workers.stop("now")
            while not other.over:
                workers.changed.clear()
                await asyncio.wait_for(workers.changed.wait(), 20)
            assert workers.kill_silent() == [deaf]
            await until_over(workers)
            assert (other.done, deaf.done, deaf.died) == (True, False, "was killed by SIGKILL")
            assert workers.kill_silent() == []
        finally:
            workers.close()

    asyncio.run(live())


def test_one_that_cannot_start_ends_the_run(jobs_for: JobsFor) -> None:
    async def live() -> None:
        jobs = jobs_for(workers=2)
        jobs[1].arrays["steps"] = b"x"
        workers = Workers(jobs)
        try:
            with pytest.raises(InvalidRunError) as caught:
                await workers.start()
            assert str(caught.value) == "worker 1 exited 1 before the run began"
        finally:
            workers.close()
        assert all(worker.segment.closed for worker in workers.processes)

    asyncio.run(live())
