"""A forecast as a person reads it, in 100 columns."""

from collections.abc import Iterator
from fractions import Fraction

from velroload.plan.model import EMBEDDED, Plan
from velroload.plan.phase import Event
from velroload.report.table import Column, Style, labelled, plain, table, wrapped
from velroload.report.words import DASH, clean, percent
from velroload.runner.forecast.cache import CacheOutlook
from velroload.runner.forecast.forecast import Forecast
from velroload.runner.forecast.obstacle import Obstacle
from velroload.runner.forecast.pace import rate_text, time_text
from velroload.runner.forecast.samples import Support
from velroload.runner.forecast.traffic import Row, Stretch
from velroload.units import format_duration

PHASES_MOST = 7
"""Columns of figures that fit beside the endpoints' names."""
MIB = 1 << 20
WIDTH = 100
NOTHING = "nothing that can be known beforehand stands in the way of a pass"


def as_text(forecast: Forecast, style: Style = plain) -> str:
    """The whole of it."""
    lines = [headline(forecast.plan, style), ""]
    for part in (_phases, _traffic, _events, _caches, _takes, _proof, _obstacles):
        told = list(part(forecast, style))
        lines += [*told, ""] if told else []
    return "\n".join(line.rstrip() for line in lines).rstrip("\n") + "\n"


def headline(plan: Plan, style: Style) -> str:
    """What it is, how long, against what."""
    lasting = "until its iterations are done"
    if plan.duration_ns is not None:
        lasting = format_duration(plan.duration_ns)
    count = f"{len(plan.phases)} phase{'s' * (len(plan.phases) > 1)}, " if plan.phases else ""
    at = "the embedded target" if plan.target == EMBEDDED else clean(plan.target)
    name = style("strong", clean(plan.name))
    return f"{name}  {count}{lasting}, against {at}; nothing is sent now"


def _phases(forecast: Forecast, style: Style) -> Iterator[str]:
    columns = [
        Column("phase" if forecast.plan.phases else "load", left=True), Column("users"),
        Column("ramp"), Column("hold"), Column("requests/s"), Column("a user every"),
        Column("in the hold"), Column("in all"),
    ]  # fmt: skip
    rows = [
        [
            _numbered(forecast, place, clean(stretch.name)),
            f"{stretch.users:,}",
            format_duration(stretch.ramp_ns),
            DASH if stretch.hold_ns is None else format_duration(stretch.hold_ns),
            _offer(stretch),
            _gap(stretch),
            _count(stretch.hold_count),
            _count(stretch.count),
        ]
        for place, stretch in enumerate(forecast.stretches, 1)
    ]
    yield from table(columns, rows, style)
    if any(stretch.offered_per_s is None for stretch in forecast.stretches):
        yield f" {DASH} the target's pace decides; `velroload run` tells what became of it"


def _numbered(forecast: Forecast, place: int, name: str) -> str:
    return f"{place} {name}" if forecast.plan.phases else name


def _gap(stretch: Stretch) -> str:
    """From one iteration of a user to its next."""
    return DASH if stretch.gap_ns is None else time_text(stretch.gap_ns)


def _offer(stretch: Stretch) -> str:
    """What is offered, or at most sent where pauses bound it."""
    most = stretch.most_per_s
    if stretch.offered_per_s is not None or most is None:
        return _rate(stretch.offered_per_s)
    return f"≤ {rate_text(most)}"


def _rate(rate: Fraction | None) -> str:
    return DASH if rate is None else rate_text(rate)


def _count(count: float | None) -> str:
    return DASH if count is None else f"{count:,.0f}"


def _traffic(forecast: Forecast, style: Style) -> Iterator[str]:
    if not forecast.plan.phases:
        yield from _one_load(forecast.stretches[0], style)
        return
    stretches = forecast.stretches
    for first in range(0, len(stretches), PHASES_MOST):
        part = stretches[first : first + PHASES_MOST]
        if first:
            yield ""
        heads = [str(place) for place in range(first + 1, first + len(part) + 1)]
        yield from _matrix("requests per s, phase", heads, part, style, counts=False)
        yield ""
        yield from _matrix("in the hold, phase", heads, part, style, counts=True)


def _matrix(
    head: str, heads: list[str], stretches: tuple[Stretch, ...], style: Style, counts: bool
) -> list[str]:
    columns = [Column(head, left=True), *map(Column, heads)]
    names = dict.fromkeys(row.endpoint for stretch in stretches for row in stretch.rows)
    rows = [
        [clean(name), *(_cell(stretch, name, counts) for stretch in stretches)] for name in names
    ]
    rows.append([
        "all", *(_count(s.hold_count) if counts else _rate(s.offered_per_s) for s in stretches)
    ])  # fmt: skip
    return table(columns, rows, style)


def _cell(stretch: Stretch, name: str, counts: bool) -> str:
    own = [row for row in stretch.rows if row.endpoint == name]
    if counts:
        return _count(_sum([row.hold_count for row in own]))
    total = _sum([None if row.rate_per_s is None else float(row.rate_per_s) for row in own])
    return DASH if total is None else f"{total:,.1f}"


def _sum(parts: list[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _one_load(stretch: Stretch, style: Style) -> list[str]:
    columns = [
        Column("endpoint", left=True), Column("class", left=True), Column("per iteration"),
        Column("per s"), Column("in the hold"), Column("in all"),
    ]  # fmt: skip
    return table(columns, [_endpoint(row) for row in stretch.rows], style)


def _endpoint(row: Row) -> list[str]:
    return [
        clean(row.endpoint),
        DASH if row.cls is None else clean(row.cls),
        DASH if row.per_iteration is None else f"{float(row.per_iteration):.3g}",
        DASH if row.rate_per_s is None else f"{float(row.rate_per_s):,.1f}",
        _count(row.hold_count),
        _count(row.count),
    ]


def _events(forecast: Forecast, style: Style) -> Iterator[str]:
    label = "events"
    for place, phase in enumerate(forecast.plan.phases, 1):
        if phase.events:
            told = ", ".join(f"{format_duration(e.at_ns)} {_event(e)}" for e in phase.events)
            yield from labelled(label, f"{place} {clean(phase.name)}: {told}", style)
            label = ""


def _event(event: Event) -> str:
    what = {
        "http": f"{event.method} {event.url}",
        "command": " ".join(event.words),
        "fault": event.fault,
        "spike": f"rate × {float(event.factor):g}",
    }[event.kind]
    lasting = f" for {format_duration(event.for_ns)}" if event.for_ns else ""
    name = "" if event.name == what else f"{event.name}: "
    return clean(f"{name}{what}{lasting}")


def _takes(forecast: Forecast, style: Style) -> Iterator[str]:
    needs, facts = forecast.needs, forecast.facts
    workers = f"{needs.workers} worker{'s' * (needs.workers > 1)}"
    yield from labelled("users", f"{needs.users:,} at most, on {workers}", style)
    yield from labelled(
        "sockets",
        f"{needs.connections:,} connections: {needs.descriptors:,} descriptors per worker (limit "
        f"{facts.descriptors:,}), as many local ports per address of the target "
        f"({facts.ports.count:,} there are)",
        style,
    )
    for reuse in sorted(forecast.reuses, key=lambda each: -each.open_at_once)[:1]:
        yield from labelled(
            "",
            f"{clean(reuse.stretch)}: about {reuse.open_at_once:,} of them open at one time where "
            "the server closes idle ones after 5 s",
            style,
        )
    yield from labelled(
        "memory",
        f"{needs.memory_bytes / MIB:,.0f} MiB of the workers, of it rings "
        f"{needs.ring_bytes / MIB:,.1f} MiB ({needs.ring_slots:,} samples each); "
        f"{needs.kernel_bytes / MIB:,.0f} MiB of the kernel; {facts.memory_bytes / MIB:,.0f} MiB "
        "are free",
        style,
    )
    if needs.sent_bytes_per_s is not None and needs.cpu_share is not None:
        yield from labelled(
            "bandwidth",
            f"{needs.sent_bytes_per_s / MIB:,.2f} MiB/s are sent at the highest rate; what comes "
            f"back the target decides; {percent(needs.cpu_share)} of each worker's CPU",
            style,
        )
    yield from labelled(
        "disk",
        f"about {needs.disk_bytes / MIB:,.0f} MiB of run folder, {facts.disk_bytes / MIB:,.0f} MiB "
        "are free",
        style,
    )


def _caches(forecast: Forecast, style: Style) -> Iterator[str]:
    """What can hit at most; phases as columns."""
    caches = {cache.stretch: cache for cache in forecast.caches}
    part = forecast.stretches[:PHASES_MOST]
    if not caches:
        return
    known = [caches.get(stretch.name) for stretch in part]
    heads = [str(place) for place in range(1, len(part) + 1)] if forecast.plan.phases else ["share"]
    kinds = dict.fromkeys(each.kind for cache in caches.values() for each in cache.asked)
    rows = [
        [f"{kind} look-ups", *(DASH if c is None else _hits(c, kind) for c in known)]
        for kind in kinds
    ]
    rows.append(["all, in any layer", *(DASH if c is None else percent(c.best) for c in known)])
    rows.append(["all, in L1", *(DASH if c is None else percent(c.l1) for c in known)])
    head = "cache hits at best" + (", phase" if forecast.plan.phases else "")
    yield from table([Column(head, left=True), *map(Column, heads)], rows, style)
    unknown = dict.fromkeys(name for cache in caches.values() for name in cache.unknown)
    if unknown:
        yield f" not known, because answers decide what is read: {', '.join(map(clean, unknown))}"


def _hits(cache: CacheOutlook, kind: str) -> str:
    return percent(next((each.hits for each in cache.asked if each.kind == kind), None))


def _proof(forecast: Forecast, style: Style) -> list[str]:
    several = bool(forecast.plan.phases)
    numbers = {each.name: str(place) for place, each in enumerate(forecast.stretches, 1)}
    columns = [
        Column("threshold, requirement", left=True), *([Column("phase")] if several else []),
        Column("requests"), Column("passes with up to"), Column("interval"),
    ]  # fmt: skip
    rows = [
        [
            clean(support.threshold.source),
            *([numbers.get(support.stretch, "all")] if several else []),
            _count(support.count),
            _bearing(support),
            _interval(support),
        ]
        for support in forecast.supports
    ]
    return table(columns, rows, style)


def _bearing(support: Support) -> str:
    if support.count is None:
        return f"needs {support.least:,}"
    if support.bearing is None:
        return "as counted" if support.least == 1 else f"needs {support.least:,}"
    noun = "slower" if support.threshold.metric == "percentile" else "failed"
    return f"{support.bearing:,} {noun}"


def _interval(support: Support) -> str:
    if support.interval is None:
        return DASH if support.carries is None else f"needs {support.carries:,}"
    low, high = (f"p{100 * end:.4g}" for end in support.interval)
    return f"{low}–{high}"


def _obstacles(forecast: Forecast, style: Style) -> Iterator[str]:
    sure = [each for each in forecast.obstacles if each.certain]
    maybe = [each for each in forecast.obstacles if not each.certain]
    if not forecast.obstacles:
        yield f" {style('pass', 'ok')}  {NOTHING}"
    yield from _listed("CANNOT PASS", "fail", sure, style)
    if sure and maybe:
        yield ""
    yield from _listed("MAY NOT PASS", "warn", maybe, style)


def _listed(head: str, role: str, obstacles: list[Obstacle], style: Style) -> Iterator[str]:
    if not obstacles:
        return
    yield f" {style(role, head)}"
    for obstacle in obstacles:
        for place, line in enumerate(wrapped(clean(obstacle.text), WIDTH - 4)):
            yield f"   {line}" if place else f" - {line}"
