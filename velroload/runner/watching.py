"""What a run watches beside its load: the probes, and what is written down of them."""

from collections.abc import Callable, Sequence
from typing import Any

from velroload.engine.recorder import Recorder
from velroload.plan.mask import Mask, clean
from velroload.plan.probe import CACHE_HEADER, Probe
from velroload.probe import own
from velroload.probe.own import GeneratorSource
from velroload.probe.source import Source, describe
from velroload.probe.watch import Watch
from velroload.runner.glance import Glance
from velroload.runner.jobs import Work
from velroload.runner.live import phase_at

Row = dict[str, Any]


def probe_rows(probes: Sequence[Probe], sources: Sequence[Source], workers: int) -> list[Row]:
    """The manifest's probes: the generator, the plan's, the headers that tell of the cache."""
    figures = own.figures_of(own.cores(), workers)
    values = {name: {"unit": each.unit, "says": each.says} for name, each in figures.items()}
    headers = [
        {"name": p.name, "kind": p.kind, "values": {}, "roles": {}, "header": p.where,
         "map": dict(p.values)}
        for p in probes if p.kind == CACHE_HEADER
    ]  # fmt: skip
    generator = {"name": own.NAME, "kind": own.NAME, "values": values, "roles": {}}
    return [generator, *map(describe, sources), *headers]


def watching(
    work: Work,
    pids: Sequence[int],
    sources: Sequence[Source],
    recorder: Recorder,
    glance: Glance,
    say: Callable[[str], None],
) -> Watch:
    """A watch over this machine and the sources, whose marks are written down and said. `glance`
    gets what it reads as well."""
    mask = Mask(work.plan.secrets)

    def mark(row: Row) -> None:
        at_ns, detail = int(row["at_ns"]), row["detail"]
        if detail is not None:
            row["detail"] = clean(mask.text(mask.url(detail)))
        row["phase"] = phase_at(work, at_ns).name if at_ns >= 0 else None
        recorder.event(row)
        why = f": {row['detail']}" if detail is not None else ""
        say(f"{row['kind']} {row['name']} is {row['what']}{why}")

    def record(row: Row) -> None:
        recorder.probe(row)
        glance.add(row)

    return Watch([GeneratorSource(pids, own.cores()), *sources], record, mark)
