"""One run carried out with real workers: every way in which it can end."""

import asyncio
import os
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import pytest

from tests.engine.conftest import JobsFor
from velroload.engine import coordinator as module
from velroload.engine.coordinator import Coordinator, Hooks, Live
from velroload.engine.evidence import GeneratorSecond
from velroload.engine.examples import Examples
from velroload.engine.node import Node
from velroload.engine.recorder import Recorder
from velroload.engine.workers import Job, Workers
from velroload.errors import InvalidRunError
from velroload.plan.model import Load
from velroload.rundata import RunData
from velroload.runfolder import load

SECOND_NS = 10**9
LONG = Load("constant-arrival-rate", users=2, rate=Fraction(50), duration_ns=60 * SECOND_NS)
ENDPOINT = {
    "id": 0, "name": "GET /", "kind": "request", "scenario": "main", "cls": None, "setup": False
}  # fmt: skip


@dataclass
class Quiet:
    """A generator of which nothing is known."""

    worker_cpu: list[float | None]
    run_delay: list[float | None]
    steal: float | None = None
    throttled: bool = False


@dataclass
class Run:
    """A coordinator with hooks that remember, and may act."""

    folder: Path
    jobs: list[Job]
    end_ns: int | None = None
    abort: Callable[[Live], str | None] = lambda live: None
    on_second: Callable[["Run", Live], None] = lambda run, live: None
    lives: list[Live] = field(default_factory=list)
    watched: tuple[list[int], list[int]] = ([], [])

    def carry_out(self) -> RunData:
        return asyncio.run(self._carry_out())

    async def _carry_out(self) -> RunData:
        self.workers = Workers(self.jobs)
        recorder = Recorder(self.folder, {"endpoints": [ENDPOINT]})
        self.coordinator = Coordinator(
            workers=self.workers,
            node=Node(self.workers.readers, phases=1, endpoints=1),
            recorder=recorder,
            examples=Examples(self.workers.readers, 1, lambda data, beginning: {}),
            hooks=Hooks(self.generator, self.progress, self.abort),
            end_ns=self.end_ns,
            graceful_ns=SECOND_NS,
        )
        try:
            return await self.coordinator.run()
        finally:
            recorder.close()

    def generator(self, pids: list[int], cpus: list[int]) -> Callable[[], GeneratorSecond]:
        self.watched = (pids, cpus)
        return lambda: Quiet([None] * len(pids), [None] * len(pids))

    def progress(self, live: Live) -> None:
        self.lives.append(live)
        self.on_second(self, live)


def end_of(data: RunData) -> dict[str, object]:
    assert data.end is not None
    return {name: data.end[name] for name in ("ended", "reason", "incomplete")}


def test_a_run_to_its_planned_end(jobs_for: JobsFor, tmp_path: Path) -> None:
    run = Run(tmp_path, jobs_for(workers=2))
    data = run.carry_out()
    assert end_of(data) == {"ended": "planned", "reason": None, "incomplete": []}
    assert data.end is not None
    assert data.end["ledger"]["problems"] == []
    assert data.end["ledger"]["requests"]["ok"] == 20
    assert data.end["ledger"]["iterations"]["completed"] == 20
    assert data.histogram("response").count == 20
    assert len(data.reservoir) == 20
    pids = [worker["pid"] for worker in data.manifest["workers"]]
    assert run.watched == (pids, [])
    assert data.manifest["epoch_monotonic_ns"] == run.workers.epoch_ns
    again = load(tmp_path)
    assert again.complete
    assert again.end == data.end
    assert all(worker.segment.closed for worker in run.workers.processes)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_an_abort_rule(jobs_for: JobsFor, tmp_path: Path) -> None:
    run = Run(tmp_path, jobs_for(LONG), 60 * SECOND_NS, abort=lambda live: "too much")
    data = run.carry_out()
    assert end_of(data) == {"ended": "aborted", "reason": "too much", "incomplete": []}
    (event,) = data.events
    assert (event["event"], event["reason"]) == ("aborted", "too much")
    assert data.end is not None
    ledger = data.end["ledger"]
    assert ledger["problems"] == []
    assert ledger["iterations"]["planned"] == 3000
    assert 0 < ledger["iterations"]["completed"] == ledger["iterations"]["started"] < 3000
    assert (run.lives[0].state, run.lives[0].counters["vus_active"]) == ("running", 2)
    assert data.histogram("response").count == ledger["requests"]["ok"]


@pytest.mark.parametrize(
    ("number", "word", "name"),
    [(signal.SIGINT, "interrupted", "SIGINT"), (signal.SIGTERM, "terminated", "SIGTERM")],
)
def test_a_signal(
    jobs_for: JobsFor, tmp_path: Path, number: signal.Signals, word: str, name: str
) -> None:
    before = signal.getsignal(number)
    run = Run(
        tmp_path,
        jobs_for(LONG),
        60 * SECOND_NS,
        on_second=lambda run, live: os.kill(os.getpid(), number),
    )
    data = run.carry_out()
    assert end_of(data) == {"ended": word, "reason": name, "incomplete": []}
    assert data.end is not None
    assert data.end["ledger"]["problems"] == []
    assert signal.getsignal(number) == before


def test_a_worker_that_is_killed_is_named_and_the_rest_goes_on(
    jobs_for: JobsFor, tmp_path: Path
) -> None:
    def on_second(run: Run, live: Live) -> None:
        if len(run.lives) == 1:
            os.kill(run.workers.processes[1].pid, signal.SIGKILL)
        else:
            run.coordinator.interrupt(signal.SIGTERM)

    data = Run(tmp_path, jobs_for(LONG, 2), 60 * SECOND_NS, on_second=on_second).carry_out()
    assert data.end is not None
    (line,) = data.end["incomplete"]
    assert re.fullmatch(r"worker 1 \(pid \d+\) was killed by SIGKILL at \d\.\d s", line)
    assert data.events[0]["why"] == line
    assert data.end["ledger"]["problems"] == []
    assert data.end["ledger"]["iterations"]["planned"] == 3000


def test_a_worker_that_does_not_end_is_killed(
    jobs_for: JobsFor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SILENCE_NS", -SECOND_NS)  # right after the graceful stop

    def on_second(run: Run, live: Live) -> None:
        os.kill(run.workers.processes[0].pid, signal.SIGSTOP)
        run.coordinator.interrupt(signal.SIGINT)

    run = Run(tmp_path, jobs_for(LONG), 60 * SECOND_NS, on_second=on_second)
    data = run.carry_out()
    pid = run.workers.processes[0].pid
    assert end_of(data) == {
        "ended": "interrupted",
        "reason": "SIGINT",
        "incomplete": [f"worker 0 (pid {pid}) did not end in time and was killed"],
    }
    assert data.end is not None
    assert data.end["ledger"]["problems"] == []


def test_damaged_memory_ends_its_worker(jobs_for: JobsFor, tmp_path: Path) -> None:
    def on_second(run: Run, live: Live) -> None:
        os.kill(run.workers.processes[0].pid, signal.SIGSTOP)  # else it would mend it
        memory = run.workers.processes[0].segment.memory
        memory[128:136] = (1 << 63).to_bytes(8, "little")  # the ring's head

    run = Run(tmp_path, jobs_for(LONG), 60 * SECOND_NS, on_second=on_second)
    data = run.carry_out()
    assert data.end is not None
    (line,) = data.end["incomplete"]
    assert re.fullmatch(
        r"worker 0: ring: its head went from (\d+) to 9223372036854775808 with the tail at \1 "
        r"of 4096 slots: the worker's memory is damaged\.",
        line,
    )


def test_a_run_that_cannot_begin(
    jobs_for: JobsFor, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (job,) = jobs_for()
    job.arrays["parts"] = b"x"
    run = Run(tmp_path, [job])
    with pytest.raises(InvalidRunError) as caught:
        run.carry_out()
    assert str(caught.value) == "worker 0 exited 1 before the run began"
    assert all(worker.segment.closed for worker in run.workers.processes)
    assert "ValueError" in capfd.readouterr().err


def test_a_signal_before_the_start(
    jobs_for: JobsFor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent, and the folder says why."""
    start = Workers.start

    async def interrupted(workers: Workers) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await start(workers)

    monkeypatch.setattr(Workers, "start", interrupted)
    data = Run(tmp_path, jobs_for(LONG), 60 * SECOND_NS).carry_out()
    assert end_of(data) == {"ended": "terminated", "reason": "SIGTERM", "incomplete": []}
    assert data.end is not None
    assert data.end["ledger"]["requests"]["started"] == 0
    assert data.end["ledger"]["problems"] == []
