"""One run: starts the node's workers at one instant, drains, watches, stops, collects.

Everything that is not the engine's comes in as a callable (Hooks): what watches the generator, what
shows progress, what decides to abort.
"""

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from velroload.engine.evidence import Evidence, GeneratorSecond
from velroload.engine.examples import Examples
from velroload.engine.node import Node
from velroload.engine.recorder import Recorder
from velroload.engine.workers import Workers
from velroload.errors import PreflightError
from velroload.rundata import Row, RunData

TICK_S = 0.1
"""Rings hold 2 s; more often only costs CPU that the workers may need."""

SECOND_NS = 1_000_000_000
SILENCE_NS = 5 * SECOND_NS
"""A worker that should have ended gets this much longer, then it is killed."""


class Watching(Protocol):
    """What watches generator and target beside the run, once a second, in tasks of its own."""

    async def begin(self) -> None:
        """What there is before the first request."""

    def go(self, epoch_ns: int) -> None:
        """The run begins at this instant (CLOCK_MONOTONIC)."""

    async def end(self, *, at_once: bool = False) -> None:
        """The last look, if there is time for it. May be called twice."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """generator: pids and CPUs of the workers → a callable that reads the last second.
    progress: called every second with a Live. abort: the reason to stop now, or None. events: what
    is done to the target beside the load. judge: (checkpoint, the run so far) → the reason to end
    the run there, or None; called in a thread. watch: pids of the workers → what watches."""

    generator: Callable[[list[int], list[int]], Callable[[], GeneratorSecond]]
    progress: Callable[["Live"], None]
    abort: Callable[["Live"], str | None]
    events: "Events | None" = None
    judge: Callable[[str, RunData], str | None] = lambda name, data: None
    watch: Callable[[list[int]], Watching] | None = None


class Events(Protocol):
    """begin: the load has begun; what is due comes at its time. stop: nothing new may begin.
    close: wait for what is under way, and put an end to what lasts."""

    def begin(self, epoch_ns: int) -> None: ...
    def stop(self) -> None: ...
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """After the hold of a phase the run so far is judged: as soon as nothing is under way, and at
    `latest_ns` at the latest."""

    name: str
    from_ns: int
    latest_ns: int


@dataclass(frozen=True, slots=True)
class Live:
    """The run as of now. `counters` are those of all workers together."""

    elapsed_ns: int
    state: str
    counters: dict[str, int]
    worker_cpu: list[float | None]
    ring_share: float


@dataclass(slots=True)
class Coordinator:
    """Carries one run out. end_ns None: the run ends with its last iteration."""

    workers: Workers
    node: Node
    recorder: Recorder
    examples: Examples
    hooks: Hooks
    end_ns: int | None
    graceful_ns: int
    ended: str = "planned"
    reason: str | None = None
    incomplete: list[str] = field(default_factory=list)
    checkpoints: tuple[Checkpoint, ...] = ()
    _judging: "asyncio.Task[str | None] | None" = None
    _watching: Watching | None = None
    _signals: int = 0
    _stopped_ns: int | None = None
    _told: set[int] = field(default_factory=set)
    _seconds: int = 0
    _named: int = 0
    _short_of: int | None = None

    async def run(self) -> RunData:
        """From spawn to the saved run folder. InvalidRunError when it could not begin."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.interrupt, number)
        try:
            await self.workers.start()
            await self._log_in()
            await self.workers.warm(lambda: self._signals > 0)
            return await self._measure()
        finally:
            await self._last_look(at_once=True)
            self.workers.close()
            self.node.close()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def _log_in(self) -> None:
        """Sessions of users who log in before the load; their instants count from here on."""
        begun_ns = time.monotonic_ns()
        users, failed = await self.workers.login(lambda: self._signals > 0, self.node.drain)
        if failed and not self._signals:
            seen = self.examples.fresh()[:1]
            why = "".join(f" (status {each['status']}: {each.get('text', '')})" for each in seen)
            raise PreflightError(
                f"cannot log in: {failed:,} of {users:,} users got no session in three tries{why}; "
                "nothing was measured"
            )
        if users:
            took_ns = time.monotonic_ns() - begun_ns
            self.node.drain()
            self._write_down()
            self.recorder.update_manifest(login={"users": users, "took_ns": took_ns})

    async def _measure(self) -> RunData:
        workers = self.workers.processes
        cpus = [worker.cpu for worker in workers if worker.cpu is not None]
        read_generator = self.hooks.generator([worker.pid for worker in workers], cpus)
        evidence = Evidence(self.workers, self.node.values)
        if self.hooks.watch is not None:
            self._watching = self.hooks.watch([worker.pid for worker in workers])
            await self._watching.begin()
        if self._signals:  # before the start: then nothing is sent at all
            self._stop("now", 0)
        epoch_ns = self.workers.go()
        if self._watching is not None:
            self._watching.go(epoch_ns)
        self.recorder.update_manifest(
            epoch_monotonic_ns=epoch_ns,
            workers=[{"index": w.index, "cpu": w.cpu, "pid": w.pid} for w in workers],
        )
        if self.hooks.events is not None and not self._signals:
            self.hooks.events.begin(epoch_ns)
        while not self.workers.over:
            await asyncio.sleep(TICK_S)
            self.node.drain()
            self._notice_deaths(epoch_ns)
            now_ns = time.monotonic_ns() - epoch_ns
            if now_ns >= (self._seconds + 1) * SECOND_NS:
                self._seconds = now_ns // SECOND_NS
                self._second(now_ns, read_generator(), evidence)
            self._judge_phase(now_ns, evidence)
            self._notice_short(now_ns)
            self._end_silent(now_ns)
        if self._judging is not None:
            await asyncio.wait([self._judging])
        if self.hooks.events is not None:
            await self.hooks.events.close()
        self._notice_short(time.monotonic_ns() - epoch_ns)
        self.node.drain_all()
        self._notice_deaths(epoch_ns)
        self._write_down()
        ended_ns = time.monotonic_ns() - epoch_ns
        await self._last_look(at_once=self._signals > 1)
        return self._finish(ended_ns, evidence)

    async def _last_look(self, *, at_once: bool) -> None:
        if self._watching is not None:
            await self._watching.end(at_once=at_once)

    def _write_down(self) -> None:
        """What came in since the last time."""
        self.recorder.add(self.node.take())
        names = [] if self.node.values is None else self.node.values.names
        if len(names) > self._named:
            self._named = len(names)
            self.recorder.update_manifest(series=list(names))
        for event in self.examples.fresh():
            self.recorder.event(event)

    def _second(self, now_ns: int, second: GeneratorSecond, evidence: Evidence) -> None:
        """Once a second: write down what came in, show it, judge the abort rules."""
        self._write_down()
        counters = self.workers.counters()
        evidence.second(now_ns // SECOND_NS - 1, second, counters)
        self.recorder.counters({"at_ns": now_ns, "workers": counters})
        total = {name: sum(worker[name] for worker in counters) for name in counters[0]}
        live = Live(
            elapsed_ns=now_ns,
            state=self._state(now_ns),
            counters=total,
            worker_cpu=second.worker_cpu,
            ring_share=evidence.ring_share(),
        )
        self.hooks.progress(live)
        reason = None if self._stopped_ns is not None else self.hooks.abort(live)
        if reason is not None:
            self.ended, self.reason = "aborted", reason
            self.recorder.event({"at_ns": now_ns, "event": "aborted", "reason": reason})
            self._stop("drain", now_ns)

    def _judge_phase(self, now_ns: int, evidence: Evidence) -> None:
        """Judge the run so far at its next checkpoint, beside the load; end it where it is to."""
        if self._judging is not None:
            if self._judging.done():
                reason, self._judging = self._judging.result(), None
                if reason is not None and self._stopped_ns is None:
                    self.ended, self.reason = "stopped", reason
                    self.recorder.event({"at_ns": now_ns, "event": "stopped", "reason": reason})
                    self._stop("drain", now_ns)
            return
        if not self.checkpoints or self._stopped_ns is not None:
            return
        point = self.checkpoints[0]
        quiet = not sum(worker["in_flight"] for worker in self.workers.counters())
        if now_ns < (point.from_ns if quiet else point.latest_ns):
            return
        self.checkpoints = self.checkpoints[1:]
        self._write_down()
        run = self.recorder.snapshot(self._end(now_ns, evidence) | {"ledger": {}})
        judging = asyncio.to_thread(lambda: self.hooks.judge(point.name, run()))
        self._judging = asyncio.create_task(judging)

    def _state(self, now_ns: int) -> str:
        over = self.end_ns is not None and now_ns > self.end_ns
        return "draining" if over or self._stopped_ns is not None else "running"

    def interrupt(self, number: int) -> None:
        """First signal: stop starting, let what is under way finish. Second: report at once."""
        self._signals += 1
        self.workers.changed.set()
        if self.ended == "planned":
            self.ended = "interrupted" if number == signal.SIGINT else "terminated"
            self.reason = signal.Signals(number).name
        if self.workers.epoch_ns:
            now_ns = time.monotonic_ns() - self.workers.epoch_ns
            self._stop("drain" if self._signals == 1 else "now", now_ns)

    def _stop(self, how: str, now_ns: int) -> None:
        self._stopped_ns = now_ns if how == "drain" else now_ns - self.graceful_ns
        if self.hooks.events is not None:
            self.hooks.events.stop()
        self.workers.stop(how)

    def _give_up(self, index: int, why: str) -> None:
        """Say once what became of a worker."""
        if index not in self._told:
            self._told.add(index)
            self.incomplete.append(why)
            self.recorder.event({"event": "worker lost", "worker": index, "why": why})

    def _notice_deaths(self, epoch_ns: int) -> None:
        """Say what became of workers that are gone, and end those whose memory is damaged."""
        at_s = (time.monotonic_ns() - epoch_ns) / SECOND_NS
        for index, why in self.node.damaged.items():
            self.workers.processes[index].kill()
            self._give_up(index, f"worker {index}: {why}")
        for worker in self.workers.processes:
            if worker.died and not worker.done:
                self._give_up(worker.index, f"{worker.name} {worker.died} at {at_s:.1f} s")
            elif worker.error:
                self._give_up(worker.index, f"{worker.name} stopped: {worker.error}")

    def _notice_short(self, now_ns: int) -> None:
        """A data set that fails the run has come to its end in one worker: the others stop too."""
        for worker in self.workers.processes:
            if worker.short_of is not None and self._short_of is None:
                self._short_of = worker.short_of
                table = self.workers.tables[worker.short_of]
                alone = len(self.workers.processes) == 1
                part = "" if alone else f"{worker.name}'s part of "
                why = (
                    f"data {table.name}: {part}its {table.rows:,} rows were used up at "
                    f"{now_ns / SECOND_NS:.1f} s, and at_end is fail"
                )
                self.incomplete.append(why)
                self.recorder.event({"event": "rows used up", "at_ns": now_ns, "why": why})
                if self._stopped_ns is None:
                    self._stop("drain", now_ns)

    def _end_silent(self, now_ns: int) -> None:
        """Kill workers that outlast every deadline that they were given."""
        begun = self._stopped_ns if self._stopped_ns is not None else self.end_ns
        if begun is None or now_ns < begun + self.graceful_ns + SILENCE_NS:
            return
        for worker in self.workers.kill_silent():
            self._give_up(
                worker.index,
                f"{worker.name} did not end in time and was killed",
            )

    def _finish(self, now_ns: int, evidence: Evidence) -> RunData:
        return self.recorder.finish(self._end(now_ns, evidence), self.node.reservoir())

    def _end(self, now_ns: int, evidence: Evidence) -> Row:
        return {
            "ended_ns": now_ns,
            "ended": self.ended,
            "reason": self.reason,
            "incomplete": self.incomplete,
            "ledger": evidence.ledger().as_json(),
            "evidence": evidence.to_json(),
        }
