"""The worker processes of one machine: start them, let them go at one instant, stop them."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from velroload._core import RingReader
from velroload.engine.control import Message
from velroload.engine.files import SharedFiles
from velroload.engine.process import WorkerProcess, require_ready
from velroload.engine.segment import Segment
from velroload.errors import PreflightError
from velroload.ledger import error_name
from velroload.protocol.table import Table

READY_S = 30.0
DRAIN_S = 0.1
LOGIN_SETUP = 2
"""Of a session's settings (core/session.pxi): users log in before the load."""
LEAD_NS = 20_000_000
"""From GO to the run's epoch: time for the message to reach every worker."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one worker is to do: its settings, and its own arrays (schedules) beside the shared."""

    cpu: int | None
    ring_slots: int
    settings: dict[str, Any]
    arrays: dict[str, bytes]
    iterations_planned: int | None
    steps_per_iteration: int
    value_slots: int = 0


def shared_segment(job: Job) -> Segment:
    """The memory that a worker will share. PreflightError when this machine does not give it."""
    try:
        return Segment.create(job.ring_slots, values=job.value_slots)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise PreflightError(
            f"a worker's shared memory: {why}; its limits are `ulimit -f`, -n and -v"
        ) from None


class Workers:
    """Runs a list of jobs, one worker process each. `files`, `tables`: the program's, shared by
    all; the tables are let go of when the workers have them."""

    def __init__(
        self, jobs: Sequence[Job], files: Sequence[str] = (), tables: Sequence[Table] = ()
    ) -> None:
        self.jobs = jobs
        self.tables = tables
        self.files = SharedFiles(files)
        self.processes = [
            WorkerProcess(index, job.cpu, shared_segment(job)) for index, job in enumerate(jobs)
        ]
        self.epoch_ns = 0
        self.changed = asyncio.Event()

    @property
    def over(self) -> bool:
        return all(worker.over for worker in self.processes)

    @property
    def readers(self) -> list[RingReader]:
        """The rings, in the order of the workers."""
        return [worker.segment.reader for worker in self.processes]

    async def start(self) -> None:
        """Spawn all workers and wait until each is ready. InvalidRunError when one is not."""
        for worker, job in zip(self.processes, self.jobs, strict=True):
            worker.on_change = self.changed.set
            tables = [table.memory.fd for table in self.tables]
            worker.spawn(job.settings, job.arrays, self.files.descriptors, tables)
        self._let_go()  # the workers have them now
        deadline_s = time.monotonic() + READY_S
        while not all(worker.hello or worker.over for worker in self.processes):
            self.changed.clear()
            left = deadline_s - time.monotonic()
            if left <= 0:
                break
            try:
                await asyncio.wait_for(self.changed.wait(), left)
            except TimeoutError:
                break
        require_ready(self.processes)

    async def login(
        self, stopped: Callable[[], bool], drain: Callable[[], object]
    ) -> tuple[int, int]:
        """Let the users of sessions with login: setup log in, at their rate: how many there are,
        and how many of them could not. `drain` empties the rings meanwhile."""
        wanted: int = sum(
            scenario["users"][1]
            for job in self.jobs
            for scenario in job.settings["scenarios"]
            if scenario["session"] is not None and scenario["session"]["when"] == LOGIN_SETUP
        )
        if not wanted:
            return 0, 0
        for worker in self.processes:
            worker.say({"login": True})
        told = False
        while not all(worker.logged_in or worker.over for worker in self.processes):
            if stopped() and not told:
                told = True
                self.stop("now")
            self.changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), DRAIN_S)
            drain()
        require_ready(self.processes)
        failed = sum((worker.logged_in or {"failed": 0})["failed"] for worker in self.processes)
        return wanted, failed

    async def warm(self, stopped: Callable[[], bool]) -> None:
        """Let all workers open their connections, if that is their job. PreflightError when one
        could not; `changed` must be set when `stopped` becomes true."""
        if not any(job.settings["warm"] for job in self.jobs):
            return
        for worker in self.processes:
            worker.say({"warm": True})
        while not stopped() and not all(worker.warmed or worker.over for worker in self.processes):
            self.changed.clear()
            await self.changed.wait()
        require_ready(self.processes)
        if not stopped():
            require_warm([worker.warmed or {} for worker in self.processes])

    def go(self) -> int:
        """Let all start at one instant; returns it (CLOCK_MONOTONIC ns)."""
        self.epoch_ns = time.monotonic_ns() + LEAD_NS
        for worker in self.processes:
            hello = worker.hello or {}
            worker.say({"go": self.epoch_ns, "spin_ns": spin_ns(hello["wake_up_p99_ns"])})
        return self.epoch_ns

    def stop(self, how: str) -> None:
        """`drain`: no new iterations, finish those under way · `now`: end at once."""
        for worker in self.processes:
            worker.say({"stop": how})

    def counters(self) -> list[dict[str, int]]:
        """The live counters of each worker."""
        return [reader.counters() for reader in self.readers]

    def kill_silent(self) -> list[WorkerProcess]:
        """End the workers that should have ended by themselves; returns them."""
        silent = [worker for worker in self.processes if not worker.over]
        for worker in silent:
            worker.kill()
        return silent

    def _let_go(self) -> None:
        self.files.close()
        for table in self.tables:
            table.close()

    def close(self) -> None:
        self._let_go()
        for worker in self.processes:
            worker.close()


def require_warm(reports: Sequence[Message]) -> None:
    """PreflightError, one line, when connections are missing."""
    missing = [report for report in reports if report["left"]]
    if not missing:
        return
    opened = sum(report["open"] for report in reports)
    wanted = opened + sum(report["left"] for report in reports)
    why = error_name(missing[0]["error"]).replace("_", " ")
    raise PreflightError(
        f"cannot warm up: {opened:,} of {wanted:,} connections are open and the target takes no "
        f"more ({why}): take fewer users or --connections, or leave --warm-connections out"
    )


def spin_ns(wake_up_p99_ns: int) -> int:
    """How long before a deadline a spinning worker wakes up: its own p99, 50 to 500 us."""
    return min(max(wake_up_p99_ns, 50_000), 500_000) if wake_up_p99_ns else 0
