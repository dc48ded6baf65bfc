"""Steps that are done once per run, before and after the load: the same compiled program, on one
user of an engine in this process, so that nothing in it behaves otherwise than in a flow."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from velroload import _core
from velroload.engine.examples import Examples
from velroload.engine.files import SharedFiles
from velroload.engine.segment import SLOTS_MIN, Segment
from velroload.engine.worker import make_engine
from velroload.ledger import error_name
from velroload.plan.connecting import Connecting
from velroload.plan.flow import End, Steps, changed, fills, requests_in, walk
from velroload.plan.limits import Limits
from velroload.plan.mask import Mask
from velroload.plan.model import Load, Plan, Request, Scenario
from velroload.protocol.address import Target
from velroload.protocol.program import Program, compile_program
from velroload.protocol.site import Site
from velroload.runner.jobs import Work, make_jobs
from velroload.sample import SAMPLE, Kind

SLICE_NS = 50_000_000
HEAD_END = r"\r\n\r\n"
"""Of an answer, as an excerpt shows it."""
Places = Sequence[tuple[Target, bytes]]


@dataclass(frozen=True, slots=True)
class Done:
    """What came of them: texts of the slots that they filled, a line for each request that failed,
    and whether they were over in time."""

    slots: dict[str, str]
    failed: tuple[str, ...]
    in_time: bool


def do_steps(
    plan: Plan,
    steps: Steps,
    given: Mapping[str, str],
    places: Places,
    *,
    strict: bool,
    limit_s: float | None = None,
) -> Done:
    """Do the steps once. `places`: the target with its packed addresses, then the others.
    `strict`: the first request that fails ends them; else each does as its on_error says."""
    own = plan_of(plan, end_on_error(steps) if strict else steps, tuple(given))
    (target, addresses), *others = places
    program = compile_program(own, target, addresses, others)
    (job,) = make_jobs(Work.of(own), program, [0], spin=False)
    numbers = program.slot_numbers
    known = [(numbers[name], text) for name, text in given.items() if name in numbers]
    settings = {**job.settings, "cpu": None, "given": known}
    with engine_for(program, settings, job.arrays) as (engine, segment):
        failed, in_time = run(engine, segment, program, Mask(plan.secrets), limit_s)
        filled = sorted({slot for step in walk(steps) for slot in fills(step)} & numbers.keys())
        texts = engine.slots(0, tuple(numbers[name] for name in filled))
    return Done(dict(zip(filled, texts, strict=True)), tuple(failed), in_time)


def plan_of(plan: Plan, steps: Steps, given: tuple[str, ...]) -> Plan:
    """One user who does them once. Steps without a request need one that is never sent."""
    if not requests_in(steps):
        steps = (*steps, End(), Request("GET", "/"))
    once = Scenario("once", Load("constant-vus", users=1, iterations=1), steps, given=given)
    connecting = replace(plan.connecting, warm=Connecting().warm)
    return replace(
        plan,
        scenarios=(once,),
        thresholds=(),
        abort_on=(),
        connections=None,
        connecting=connecting,
        server_timing=False,
        data=(),
        accounts=None,
        setup=(),
        teardown=(),
        phases=(),
        requirements=None,
        probes=(),
        limits=Limits(),
    )


def end_on_error(steps: Steps) -> Steps:
    """The same, each request ending all of it when it fails."""
    return changed(steps, lambda request: replace(request, on_error="end"))


@contextlib.contextmanager
def engine_for(
    program: Program, settings: dict[str, Any], arrays: dict[str, bytes]
) -> Iterator[tuple[_core.Engine, Segment]]:
    """An engine in this process, with a segment of its own."""
    with contextlib.ExitStack() as stack:
        segment = Segment.create(SLOTS_MIN)
        stack.callback(segment.close)
        files = SharedFiles(program.files)
        stack.callback(files.close)
        own = {**settings, "files": files.descriptors, "table_files": []}
        engine = make_engine(segment.fd, own, dict(arrays), Site.of(own))
        stack.callback(engine.close)
        yield engine, segment


def run(
    engine: _core.Engine, segment: Segment, program: Program, mask: Mask, limit_s: float | None
) -> tuple[list[str], bool]:
    """To the end, or to the limit; a line per failed request, and whether it was in time."""
    until_s = None if limit_s is None else time.monotonic() + limit_s
    samples, in_time = [], True
    engine.start(time.monotonic_ns())
    while engine.poll(SLICE_NS) != _core.DONE:
        samples.append(segment.reader.read())
        if in_time and until_s is not None and time.monotonic() > until_s:
            engine.stop(at_once=True)
            in_time = False
    engine.finish()
    samples.append(segment.reader.read())
    rows = np.frombuffer(b"".join(samples), SAMPLE)
    bad = rows[(rows["flags"] & 3 == Kind.REQUEST) & (rows["error"] != 0)]
    seen = Examples([segment.reader], len(program.endpoints), mask.excerpt).fresh()
    shown = {(each["endpoint"], each["error"]): each for each in reversed(seen)}
    return [line_of(row, program, shown) for row in bad], in_time


def line_of(row: Any, program: Program, shown: Mapping[tuple[int, int], Any]) -> str:
    """POST /login got status 401: {"detail": …}."""
    name = program.endpoints[row["endpoint"]].name
    kind, status = error_name(int(row["error"])), int(row["status"])
    example = shown.get((int(row["endpoint"]), int(row["error"])), {})
    text = str(example.get("text") or "")
    said = text.rpartition(HEAD_END)[2] or example.get("reason") or example.get("errno")
    what = f"got status {status}" if status else f"got no answer ({kind})"
    if status and kind != "status":
        what += f", {kind.replace('_', ' ')}"
    return f"{name} {what}{f': {said}' if said else ''}"
