"""Drives an Engine in this process: a plan in, samples and counters out. No coordinator."""

import mmap
import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from velroload import _core
from velroload.engine.files import map_file
from velroload.engine.workers import Job
from velroload.plan.model import Load, Plan, Request, Scenario, Step, Timeouts
from velroload.protocol.address import Target, pack_address
from velroload.protocol.computed import make_computed
from velroload.protocol.judge import make_judges
from velroload.protocol.program import compile_program
from velroload.protocol.session import life_of
from velroload.protocol.site import Site
from velroload.protocol.table import Table
from velroload.protocol.tls import from_settings
from velroload.runner.jobs import Work, make_jobs
from velroload.sample import SAMPLE

SECOND_NS = 1_000_000_000
GET = Request("GET", "/")


def plan_for(
    url: str,
    load: Load,
    flow: tuple[Step, ...] = (GET,),
    setup: tuple[Step, ...] = (),
    **fields: Any,
) -> Plan:
    """A plan of one scenario, with limits that a standstill of this machine does not reach."""
    limits = Timeouts(connect_ns=20 * SECOND_NS, request_ns=20 * SECOND_NS)
    fields.setdefault("timeouts", limits)
    fields.setdefault("graceful_stop_ns", 20 * SECOND_NS)
    return Plan("test", url, (Scenario("main", load, flow, setup),), **fields)


def iterations(n: int, users: int = 1) -> Load:
    """A closed load of n iterations."""
    return Load("constant-vus", users=users, iterations=n)


@dataclass
class Rig:
    """An engine for one worker's share of a plan, and a ring that is emptied as it runs."""

    plan: Plan
    settings: dict[str, Any] = field(default_factory=dict)
    slots: int = 65_536  # more than one turn of a fast machine fills
    steps: bytes | None = None
    others: tuple[str, ...] = ()
    addresses: tuple[tuple[str, int], ...] = ()
    tables: tuple[Table, ...] = ()
    worker: int = 0
    workers: int = 1

    def __post_init__(self) -> None:
        target = Target.of(self.plan.target)
        own = f"unix:{target.host}" if target.scheme == "unix" else target.host
        packed = [pack_address(*at) for at in self.addresses or ((own, target.port),)]
        there = [Target.of(url) for url in self.others]
        others = [(other, pack_address(other.host, other.port)) for other in there]
        compiled = compile_program(self.plan, target, b"".join(packed), others, self.tables)
        self.endpoints = compiled.endpoints
        job = make_jobs(Work.of(self.plan), compiled, [0] * self.workers, False)[self.worker]
        self.job: Job = replace(job, settings={**job.settings, **self.settings})
        if self.steps is not None:
            self.job.arrays["steps"] = self.steps
        values = self.slots if self.plan.server_timing else 0
        self.memory = mmap.mmap(-1, _core.segment_bytes(self.slots, values))
        _core.format_segment(self.memory, self.slots, values)
        self.reader = _core.RingReader(self.memory)
        self.values = _core.ValueReader(self.memory)
        settings = self.job.settings
        self.site = Site.of(settings)
        for scenario in settings["scenarios"]:
            for stream in ("starts", "vus"):
                scenario[stream] = self.job.arrays[scenario[stream]]
        loaded = {
            **self.job.arrays,
            "files": [Path(path).read_bytes() for path in compiled.files],
            "tables": [map_file(os.dup(table.memory.fd)) for table in compiled.tables],
            "settings": settings,
            "computed": make_computed(settings),
            **self.site.hooks(),
            "life": life_of,
            "tls": [from_settings(origin) for origin in settings["tls"]],
        }
        self.engine = _core.Engine(self.memory, loaded, make_judges(settings))
        self._samples: list[bytes] = []

    def warm(self) -> dict[str, int]:
        """Open the connections before the start; what came of it."""
        while self.engine.warm() != _core.DONE:
            pass
        return self.engine.warmed()

    def start(self, epoch_ns: int | None = None) -> None:
        """Go, now or at this instant: one in the past is a pause of ours at the beginning."""
        self.epoch_ns = time.monotonic_ns() if epoch_ns is None else epoch_ns
        self.engine.start(self.epoch_ns)

    def turn(self, budget_ns: int = 20_000_000, wait_ms: int = 1000) -> int:
        """One call from the outer loop: wait for the engine's descriptor, then poll it."""
        poller = select.poll()
        poller.register(self.engine.fileno(), select.POLLIN)
        poller.poll(wait_ms)
        said: int = self.engine.poll(budget_ns)
        self.empty()
        return said

    def run(self, budget_ns: int = 20_000_000) -> "Rig":
        """Start and go on to the end."""
        self.start()
        return self.turn_to_end(budget_ns)

    def until(self, holds: Callable[[], bool], budget_ns: int = 1_000_000) -> None:
        """Poll until something holds; then nobody polls any more."""
        until_s = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < until_s, "never happened"
            self.turn(budget_ns)

    def turn_until(self, counter: str, least: int) -> None:
        """Poll, with no more to do than there is, until a counter has come this far."""
        while self.counters[counter] < least:
            over = self.turn(0) == _core.DONE
            assert not over or self.counters[counter] >= least, f"{counter} at the end"

    def turn_to_end(self, budget_ns: int = 20_000_000) -> "Rig":
        """Poll to the end."""
        while self.turn(budget_ns) != _core.DONE:
            pass
        return self.finish()

    def finish(self) -> "Rig":
        self.engine.finish()
        self.empty()
        return self

    def empty(self) -> None:
        """Take the samples out of the ring as they are."""
        self._samples.append(self.reader.read())

    @property
    def samples(self) -> NDArray[np.void]:
        return np.frombuffer(b"".join(self._samples), dtype=SAMPLE)

    @property
    def counters(self) -> dict[str, int]:
        return self.reader.counters()

    def close(self) -> None:
        self.engine.close()
        self.reader.close()
        self.values.close()
        self.memory.close()
