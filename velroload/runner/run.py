"""One run from a Plan: target, checks, jobs, measurement, result. Everything meets here."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import uvloop

from velroload import _core
from velroload.engine.coordinator import Coordinator, Hooks, Live
from velroload.engine.cpu import Cores, choose, is_virtual, usable
from velroload.engine.examples import Examples
from velroload.engine.node import Node
from velroload.engine.recorder import Recorder
from velroload.engine.values import Values
from velroload.engine.workers import Job, Workers
from velroload.host import preflight
from velroload.host.folder import link_latest, make_folder, unused_removed
from velroload.plan.manifest import plan_json
from velroload.plan.mask import Mask
from velroload.plan.model import EMBEDDED, Plan
from velroload.plan.probe import Probe
from velroload.plan.threshold import Threshold
from velroload.probe.generator import GeneratorProbe
from velroload.probe.source import Source
from velroload.probe.sources import make_sources
from velroload.probe.watch import Watch
from velroload.protocol.address import Target, pack_all
from velroload.protocol.program import Program, compile_program
from velroload.protocol.table import Table
from velroload.protocol.tls import make_context
from velroload.protocol.writer import Endpoint
from velroload.rundata import RunData
from velroload.runner.accounts import Keys
from velroload.runner.around import around, undisturbed
from velroload.runner.call import Place
from velroload.runner.checkpoint import checkpoints_of, judge_of
from velroload.runner.conclude import conclude
from velroload.runner.cycles import user_windows
from velroload.runner.embedded_probes import embedded_probes
from velroload.runner.events import Timeline, due_of, places_of
from velroload.runner.glance import Glance
from velroload.runner.handshake import Handshakes
from velroload.runner.jobs import Work, make_jobs
from velroload.runner.live import AbortRules, figures, selected
from velroload.runner.options import Options
from velroload.runner.reach import reachable
from velroload.runner.suite import planned_rows, suite_json
from velroload.runner.watching import probe_rows, watching

Address = tuple[str, int]


class Ui(Protocol):
    """What a run says while it goes on, and how its result is coloured: (role, text) → text."""

    @property
    def style(self) -> Callable[[str, str], str]: ...

    def say(self, line: str) -> None: ...
    def progress(self, figures: dict[str, Any]) -> None: ...
    def done(self, text: str) -> None: ...


def execute(plan: Plan, options: Options, ui: Ui) -> int:
    """Carry the plan out, save and tell the result; returns the exit code.

    ConfigError (2) and PreflightError (3) before anything is sent, InvalidRunError (4) when a
    worker could not start.
    """
    embedded = plan.target == EMBEDDED
    work = Work.of(plan)
    cores = fit(choose(options.workers, usable(), embedded), work)
    with contextlib.ExitStack() as stack:
        url, addresses, keys, probes = stack.enter_context(target_of(plan, cores, work.users, ui))
        accounts = keys.into(plan.accounts)
        plan = replace(plan, target=url, accounts=accounts, probes=(*plan.probes, *probes))
        hands = Handshakes.of(plan)
        addresses = addresses or options.addresses
        addresses = reachable(addresses, work, len(cores.workers), hands, ui.say)
        if plan.accounts is None:  # what is wrong with the plan is said before anything is sent
            prepared = prepare(plan, addresses, cores, options)
        given = stack.enter_context(around(plan, addresses, options.others, ui.say))
        if plan.accounts is not None:
            prepared = prepare(plan, addresses, cores, options, given.tables)
        give(prepared, given.slots)
        places = places_of(plan, addresses, options.called)
        prepared = replace(prepared, places=places, fault_token=keys.fault_token)
        if hands is not None:
            prepared.manifest["target"]["tls"] = hands.agreed
        folder = make_folder(options.out, plan.name, datetime.now().astimezone())
        with unused_removed(folder):
            data, disk_error = measure(prepared, cores, folder, ui, options.quiet)
    if options.out is None:
        link_latest(folder)
    with undisturbed() if data.end and data.end["reason"] else contextlib.nullcontext():
        conclusion = conclude(
            folder,
            options.reports,
            data=data,
            lost=[] if disk_error is None else [disk_error],
            verbose=options.verbose,
            strict=options.strict,
            inconclusive_pass=options.inconclusive_pass,
            style=ui.style,
            environ=os.environ,
        )
        ui.done(conclusion.text)
        for line in conclusion.lost:
            ui.say(f"not saved: {line}")
    return conclusion.exit_code


def fit(cores: Cores, work: Work) -> Cores:
    """No more workers than there are users or connections to give them.

    Every worker gets a part of every rate, and needs a user for it.
    """
    shared = [each.vus_to_share for each in work.schedules if each.is_open]
    most = max(1, min(work.users, work.connections, *shared))
    return replace(cores, workers=cores.workers[:most])


@contextlib.contextmanager
def target_of(
    plan: Plan, cores: Cores, users: int, ui: Ui
) -> Iterator[tuple[str, tuple[Address, ...], Keys, tuple[Probe, ...]]]:
    """The URL to load, its addresses, and what an embedded target, which is started, and stopped at
    the end, brings: keys that nobody can know before, and its probes."""
    if plan.target != EMBEDDED:
        yield plan.target, (), Keys(), ()
        return
    from velroload.target.process import TargetProcess  # an HTTP client comes with it

    with TargetProcess().start(cores.target or None, users=users) as process:
        ui.say(f"target: the embedded one on {process.url} (pid {process.pid})")
        keys = Keys(process.secret, process.service_key, process.fault_token)
        named = {probe.name for probe in plan.probes}
        own = embedded_probes(process.url, process.pid)
        probes = tuple(probe for probe in own if probe.name not in named)
        yield process.url, (("127.0.0.1", process.port),), keys, probes


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that a run needs, made and checked before anything is written or sent."""

    work: Work
    program: Program
    addresses: tuple[Endpoint, ...]
    jobs: list[Job]
    manifest: dict[str, Any]
    sources: list[Source]
    places: tuple[Place, ...] = ()
    fault_token: str = ""


def give(prepared: Prepared, slots: Mapping[str, str]) -> None:
    """What the plan's setup has captured, known to every user."""
    numbers = prepared.program.slot_numbers
    given = [(numbers[name], text) for name, text in slots.items() if name in numbers]
    for job in prepared.jobs:
        job.settings["given"] = given


def prepare(
    plan: Plan,
    addresses: tuple[Address, ...],
    cores: Cores,
    options: Options,
    tables: Sequence[Table] = (),
) -> Prepared:
    """Compile the plan. ConfigError, or PreflightError when there is too little memory for it."""
    work = Work.of(plan)
    others = [(Target.of(url), pack_all(found)) for url, found in options.others]
    program = compile_program(plan, Target.of(plan.target), pack_all(addresses), others, tables)
    jobs = make_jobs(work, program, cores.workers, spins(options, work, cores, addresses))
    ring_bytes = sum(_core.segment_bytes(job.ring_slots, job.value_slots) for job in jobs)
    file_bytes = sum(os.path.getsize(path) for path in program.files)
    file_bytes += sum(table.size for table in program.tables)
    preflight.check_memory(ring_bytes, preflight.available_memory_bytes(), file_bytes)
    everywhere = [*addresses, *(address for _, found in options.others for address in found)]
    rows = address_rows(len(program.endpoints), everywhere)
    sources = make_sources(plan.probes, lambda: make_context(plan.tls))
    said = manifest(work, (*program.endpoints, *rows), addresses, options)
    said["probes"] = probe_rows(plan.probes, sources, len(jobs))
    return Prepared(work, program, rows, jobs, said, sources)


def address_rows(first: int, addresses: Sequence[Address]) -> tuple[Endpoint, ...]:
    """Rows for figures by address, from id `first` on; none where there is one address only."""
    if len(addresses) < 2:
        return ()
    names = [preflight.shown(address) for address in addresses]
    return tuple(
        Endpoint(first + place, name, "address", None, None, False)
        for place, name in enumerate(names)
    )


def measure(
    prepared: Prepared, cores: Cores, folder: Path, ui: Ui, quiet: bool
) -> tuple[RunData, str | None]:
    """Run the engine; returns the figures and what could not be saved."""
    recorder = Recorder(folder, prepared.manifest)
    own = os.sched_getaffinity(0)
    stay_on(cores.coordinator)
    try:
        data = uvloop.run(coordinate(prepared, recorder, ui, quiet))
    finally:
        recorder.close()
        stay_on(own)
    return data, recorder.error


def stay_on(cpus: Collection[int]) -> None:
    """Keep the coordinator off the workers' CPUs, where it may; workers say themselves whether
    they are pinned."""
    with contextlib.suppress(OSError):
        if cpus:
            os.sched_setaffinity(0, cpus)


def spins(
    options: Options,
    work: Work,
    cores: Cores,
    addresses: tuple[Address, ...],
    virtual: Callable[[], bool] = is_virtual,
) -> bool:
    """Whether workers spin before a deadline. auto: where starts are scheduled and spinning takes
    the core from nobody: each worker has its own, no target of this machine may need it, and it
    is no hypervisor's, which takes it away the sooner."""
    if options.idle != "auto":
        return options.idle == "spin"
    if virtual():
        return False
    own = len(set(cores.workers)) == len(cores.workers)
    local = any(preflight.is_local(address) for address in addresses)
    return bool(work.is_paced) and own and (bool(cores.target) or not local)


async def coordinate(prepared: Prepared, recorder: Recorder, ui: Ui, quiet: bool) -> RunData:
    """The part that runs on the loop."""
    work, program = prepared.work, prepared.program
    own = own_rules(work.plan)
    rules = AbortRules(work.plan.abort_on, program.endpoints, recorder, work.phases, own)
    view = None if quiet else recorder.view(selected(program.endpoints, None))
    glance = Glance(prepared.sources)

    def progress(live: Live) -> None:
        if view is not None:
            now_s = live.elapsed_ns / 1e9
            ui.progress(figures(live, work, view) | {"watched": glance.figures(now_s)})

    def generator(pids: list[int], cpus: list[int]) -> Any:
        return GeneratorProbe(pids, cpus).second

    def watch(pids: list[int]) -> Watch:
        return watching(work, pids, prepared.sources, recorder, glance, ui.say)

    workers = Workers(prepared.jobs, program.files, program.tables)
    values = None
    if work.plan.server_timing:
        rings = [worker.segment.values for worker in workers.processes]
        values = Values(rings, phases=len(work.phases), endpoints=len(program.endpoints))
    node = Node(
        workers.readers,
        phases=len(work.phases),
        values=values,
        endpoints=len(program.endpoints) + len(prepared.addresses),
        addresses=len(prepared.addresses),
        seed=work.plan.seed,
        windows=user_windows(work.plan, work.phases),
    )
    mask = Mask(work.plan.secrets)
    examples = Examples(workers.readers, len(program.endpoints), mask.excerpt)
    due = due_of(work.plan.phases)
    token, record = prepared.fault_token, recorder.event
    events = Timeline(due, prepared.places, token, mask, record, ui.say) if due else None
    coordinator = Coordinator(
        workers=workers,
        node=node,
        recorder=recorder,
        examples=examples,
        hooks=Hooks(generator, progress, rules.reason, events, judge_of(work.plan), watch),
        end_ns=work.end_ns,
        graceful_ns=work.plan.graceful_stop_ns,
        checkpoints=checkpoints_of(work.plan),
    )
    return await coordinator.run()


def own_rules(plan: Plan) -> list[tuple[str, Threshold]]:
    """What ends a run in one phase of a suite: (phase, rule)."""
    return [
        (phase.name, threshold.opposite())
        for phase in plan.phases
        for threshold in phase.thresholds
        if threshold.abort
    ]


def phases_json(work: Work) -> list[dict[str, Any]]:
    """The rows of phases; in a suite with the iterations that are due in each."""
    rows = [phase.to_json() for phase in work.phases]
    if not work.plan.phases:
        return rows
    seeds = [work.seed_of(index) for index in range(len(work.schedules))]
    planned = planned_rows(work.plan, work.schedules, seeds)
    return [row | {"planned": count} for row, count in zip(rows, planned, strict=True)]


def manifest(
    work: Work,
    endpoints: Sequence[Endpoint],
    addresses: Sequence[Address],
    options: Options,
) -> dict[str, Any]:
    """What the run folder says of the run before it begins."""
    plan = work.plan
    resolved = plan_json(plan)
    return {
        "format": "velroload-run/1",
        "name": plan.name,
        "seed": plan.seed,
        "started_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "epoch_monotonic_ns": time.monotonic_ns(),
        "build": dict(_core.BUILD),
        "host": {
            "cpus": os.cpu_count(),
            "kernel": os.uname().release,
            "python": sys.version.partition(" ")[0],
            "hostname": os.uname().nodename,
        },
        "target": {
            "url": plan.target,
            "addresses": [preflight.shown(address) for address in addresses],
            "embedded": not options.addresses,
        },
        "command": options.command,
        "plan": resolved,
        "phases": [
            {**row, **({"window_s": width} if width else {})}
            for row, (_, width) in zip(
                phases_json(work), user_windows(plan, work.phases), strict=True
            )
        ],
        "suite": suite_json(plan, has_pauses=work.has_pauses),
        "requirements": resolved.get("requirements"),
        "endpoints": [row.to_json() for row in endpoints],
        "model": {
            "open": work.is_open,
            "paced": bool(work.is_paced),
            "offered_rate_per_s": work.offered_rate_per_s(),
            "users": work.users,
        },
        "workers": [],
    }
