"""Sends one user's iteration through the core of this very process, and looks on."""

import mmap
import select
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from velroload import _core
from velroload.errors import ConfigError
from velroload.plan.flow import Choice, If, Steps, children
from velroload.plan.model import Load, Plan, Scenario, Think
from velroload.protocol.address import Target
from velroload.protocol.computed import make_computed
from velroload.protocol.judge import make_judges
from velroload.protocol.layout import STEP
from velroload.protocol.program import Program, compile_program
from velroload.protocol.site import Site
from velroload.protocol.tls import from_settings
from velroload.runner.attempt.exchange import Trace
from velroload.runner.forecast.traffic import plan_of
from velroload.runner.jobs import Work, make_jobs
from velroload.runner.run import Address, pack_all
from velroload.sample import SAMPLE

RING_SLOTS = 1 << 16
TURN_MS = 1_000
NO_PAUSE = Think("constant", (0,))
USERS_MAX = 100_000
Others = tuple[tuple[str, tuple[Address, ...]], ...]


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
    return replace(
        plan, scenarios=(one,), thresholds=(), abort_on=(), connections=None, requirements=None
    )


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


def attempt(plan: Plan, user: int, addresses: tuple[Address, ...], others: Others = ()) -> Attempt:
    """Send it. `plan` is what alone() made, its target a URL; `addresses` are where it is."""
    work = Work.of(plan)
    there = [(Target.of(url), pack_all(found)) for url, found in others]
    program = compile_program(plan, Target.of(plan.target), pack_all(addresses), there)
    job = make_jobs(work, program, [0] * (user + 1), spin=False)[user]
    trace = Trace()
    memory = mmap.mmap(-1, _core.segment_bytes(RING_SLOTS, 0))
    _core.format_segment(memory, RING_SLOTS, 0)
    reader = _core.RingReader(memory)
    try:
        engine = _engine(memory, job.settings, job.arrays, program, trace)
        try:
            epoch_ns, samples = _drive(engine, reader)
            texts = engine.texts(0)
        finally:
            engine.close()
    finally:
        reader.close()
        memory.close()
    return Attempt(plan, plan.scenarios[0], user, program, trace, samples, epoch_ns, texts)


def _engine(
    memory: mmap.mmap,
    settings: dict[str, Any],
    arrays: dict[str, bytes],
    program: Program,
    trace: Trace,
) -> _core.Engine:
    """As a worker makes it (engine/worker.py), with a trace."""
    for scenario in settings["scenarios"]:
        for stream in ("starts", "vus"):
            scenario[stream] = arrays[scenario[stream]]
    loaded: dict[str, Any] = {
        **arrays,
        "files": [Path(path).read_bytes() for path in program.files],
        "settings": settings,
        "computed": make_computed(settings),
        **Site.of(settings).hooks(),
        "tls": [from_settings(origin) for origin in settings["tls"]],
        "trace": trace,
    }
    judges = [
        (_looked_at(judge, trace), wanted, reads, fills)
        for judge, wanted, reads, fills in make_judges(settings)
    ]
    return _core.Engine(memory, loaded, judges)


def _looked_at(judge: Callable[..., Any], trace: Trace) -> Callable[..., Any]:
    def look(*arguments: Any) -> Any:
        trace.judged(arguments)
        return judge(*arguments)

    return look


def _drive(engine: _core.Engine, reader: _core.RingReader) -> tuple[int, Any]:
    """To the end of the iteration, which the requests' own time limits bring about."""
    import time

    poller = select.poll()
    poller.register(engine.fileno(), select.POLLIN)
    taken: list[bytes] = []
    epoch_ns = time.monotonic_ns()
    engine.start(epoch_ns)
    while engine.poll() != _core.DONE:
        taken.append(reader.read())
        poller.poll(TURN_MS)
    engine.finish()
    taken.append(reader.read())
    return epoch_ns, np.frombuffer(b"".join(taken), dtype=SAMPLE)
