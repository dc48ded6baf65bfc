"""Sends one user's iteration through the core of this very process, and looks on."""

import contextlib
import os
import select
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from velroload import _core
from velroload.engine.files import SharedFiles
from velroload.engine.segment import Segment
from velroload.engine.worker import make_engine
from velroload.errors import ConfigError
from velroload.plan.flow import Choice, If, Steps, children
from velroload.plan.limits import Limits
from velroload.plan.model import Load, Plan, Scenario, Think
from velroload.protocol.address import Target, pack_all
from velroload.protocol.layout import STEP
from velroload.protocol.program import Program, compile_program
from velroload.protocol.site import Site
from velroload.runner.around import Given
from velroload.runner.attempt.exchange import Trace
from velroload.runner.forecast.traffic import plan_of
from velroload.runner.jobs import Work, make_jobs
from velroload.runner.run import Address
from velroload.sample import SAMPLE

RING_SLOTS = 1 << 16
TURN_MS = 1_000
NO_PAUSE = Think("constant", (0,))
USERS_MAX = 100_000
Others = tuple[tuple[str, tuple[Address, ...]], ...]
Samples = np.ndarray[Any, np.dtype[np.void]]
NOTHING = Given()


@dataclass(frozen=True, slots=True)
class Attempt:
    """All that was seen. samples: SAMPLE rows in the order of their ends, instants since
    epoch_ns; texts: what the slots held at the end; unsent: what chance or conditions left out."""

    plan: Plan
    scenario: Scenario
    user: int
    program: Program
    trace: Trace
    samples: "np.ndarray[Any, np.dtype[np.void]]"
    epoch_ns: int
    texts: tuple[str, ...]

    @property
    def steps(self) -> "np.ndarray[Any, np.dtype[np.void]]":
        """The program's steps (layout.STEP)."""
        return np.frombuffer(self.program.arrays["steps"], STEP)


def alone(plan: Plan, phase: str | None, scenario: str | None, user: int) -> Plan:
    """The plan of one user of one scenario: one iteration, pauses left out. ConfigError for names
    that are not there."""
    if not 0 <= user < USERS_MAX:
        raise ConfigError(f"--user {user}: a number from 0 to {USERS_MAX - 1:,} is needed")
    if plan.phases:
        names = [each.name for each in plan.phases]
        if phase is not None and phase not in names:
            raise ConfigError(f"--phase {phase}: no such phase; there are {', '.join(names)}")
        plan = plan_of(plan, plan.phases[names.index(phase) if phase else 0])
    elif phase is not None:
        raise ConfigError(f"--phase {phase}: the plan has no phases")
    names = [each.name for each in plan.scenarios]
    if scenario is not None and scenario not in names:
        raise ConfigError(f"--scenario {scenario}: no such scenario; there are {', '.join(names)}")
    one = plan.scenarios[names.index(scenario) if scenario else 0]
    load = Load("constant-vus", users=user + 1, iterations=user + 1)
    one = replace(one, load=load, flow=without_pauses(one.flow))
    accounts = plan.accounts
    if accounts is not None:  # no more than are looked at
        accounts = replace(accounts, count=min(accounts.count, user + 1))
    return replace(
        plan, scenarios=(one,), thresholds=(), abort_on=(), connections=None, requirements=None,
        accounts=accounts,
        limits=Limits(), probes=(), server_timing=False,
    )  # fmt: skip


def without_pauses(steps: Steps) -> Steps:
    """The same steps, think times as short as can be."""
    return tuple(_without_pause(step) for step in steps)


def _without_pause(step: Any) -> Any:
    if isinstance(step, Think):
        return NO_PAUSE
    if isinstance(step, If):
        then, otherwise = without_pauses(step.then), without_pauses(step.otherwise)
        return replace(step, then=then, otherwise=otherwise)
    if isinstance(step, Choice):
        return Choice(tuple((weight, without_pauses(each)) for weight, each in step.branches))
    return replace(step, steps=without_pauses(step.steps)) if children(step) else step


def attempt(
    plan: Plan,
    user: int,
    addresses: tuple[Address, ...],
    others: Others = (),
    given: Given = NOTHING,
) -> Attempt:
    """Send it. `plan` is what alone() made, its target a URL; `addresses` are where it is; `given`:
    what the plan's setup has made."""
    there = [(Target.of(url), pack_all(found)) for url, found in others]
    target = Target.of(plan.target)
    program = compile_program(plan, target, pack_all(addresses), there, given.tables)
    job = make_jobs(Work.of(plan), program, [0] * (user + 1), spin=False)[user]
    numbers = program.slot_numbers
    known = [(numbers[name], text) for name, text in given.slots.items() if name in numbers]
    trace = Trace()
    with contextlib.ExitStack() as stack:
        segment = Segment.create(RING_SLOTS)
        stack.callback(segment.close)
        files = SharedFiles(program.files)
        stack.callback(files.close)
        tables = [os.dup(table.memory.fd) for table in program.tables]
        more = {"cpu": None, "given": known, "files": files.descriptors, "table_files": tables}
        settings = {**job.settings, **more}
        site = Site.of(settings)
        engine = make_engine(segment.fd, settings, dict(job.arrays), site, trace)
        stack.callback(engine.close)
        epoch_ns, samples = _drive(engine, segment)
        texts = engine.slots(0, tuple(numbers.values()))
    return Attempt(plan, plan.scenarios[0], user, program, trace, samples, epoch_ns, texts)


def _drive(engine: _core.Engine, segment: Segment) -> "tuple[int, Samples]":
    """To the end of the iteration, which the requests' own time limits bring about."""
    poller = select.poll()
    poller.register(engine.fileno(), select.POLLIN)
    taken: list[bytes] = []
    epoch_ns = time.monotonic_ns()
    engine.start(epoch_ns)
    while engine.poll() != _core.DONE:
        taken.append(segment.reader.read())
        poller.poll(TURN_MS)
    engine.finish()
    taken.append(segment.reader.read())
    return epoch_ns, np.frombuffer(b"".join(taken), dtype=SAMPLE)
