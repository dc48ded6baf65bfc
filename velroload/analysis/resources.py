"""Is something used up? CPU, memory, network, pools and waits of the target, from its probes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from velroload.analysis.chance import correlate
from velroload.analysis.finding import LIKELY, POSSIBLE, WEAK, Evidence, Finding
from velroload.analysis.probed import Floats, Sensor
from velroload.analysis.queueing import growth, knee
from velroload.analysis.result import Quantity
from velroload.analysis.scene import Scene, Span
from velroload.plan.mask import clean

CPU_FULL = 0.90
THROTTLED = 0.05
"""Share of the time for which a control group was held back."""
MEMORY_FULL = 0.90
POOL_FULL = 0.95
MOST_SECONDS = 0.5
"""A resource is used up when it is so for at least this share of a hold's readings."""
WAITING = 0.2
"""The same for a queue that is not empty, where something is amiss."""
LEAST_READINGS = 5
WAITED_SHARE = 0.10
"""Waiting for a user or connection, as a share of all response time."""
RETRANSMITTED = 0.01
"""Per request; a network that loses nothing has a few per million."""
MANY = 5.0
LOST = 20
RHO = 0.5
CHANCE = 0.001


@dataclass(frozen=True, slots=True)
class Level:
    """Where a sensor stood at its limit for most: share of the readings of a hold."""

    sensor: Sensor
    span: Span
    share: float
    usual: float
    most: float
    onset_s: int | None


def highest(scene: Scene, found: list[Sensor], limit: float) -> Level | None:
    """The sensor and hold with the most readings at the limit or above."""
    best: Level | None = None
    for sensor in found:
        reached = sensor.values >= limit
        for span, part in scene.within(sensor.values):
            share = float((part >= limit).mean())
            if len(part) >= LEAST_READINGS and (best is None or share > best.share):
                usual, most = float(np.median(part)), float(part.max())
                best = Level(sensor, span, share, usual, most, scene.onset(reached))
    return best


def evidence_of(scene: Scene, level: Level, what: str, unit: str) -> Iterator[Evidence]:
    """The level itself, when it was reached, and whether response time moves with it."""
    where = level.sensor.where
    yield Evidence(f"{what}, median", level.usual, unit, where)
    yield Evidence("seconds of the hold at the limit", level.share, "share", where)
    if level.onset_s is not None:
        yield Evidence("at the limit from second", level.onset_s, "s", where)
        rate = scene.rate_at(level.onset_s)
        if rate is not None:
            yield Evidence("rate then", rate, "per_s", "rate")
    rho = moves_with(scene, level.sensor.values)
    if rho is not None:
        yield Evidence("rank correlation with the response time", rho, "rho", where)


def moves_with(scene: Scene, values: Floats) -> float | None:
    """The rank correlation of a series with the response time, lagged, where it is no chance."""
    response = np.where(scene.loaded, scene.response, np.nan)
    found = correlate(values, response)
    return found.rho if found and found.rho >= RHO and found.chance <= CHANCE else None


def strained(scene: Scene) -> bool:
    """Something was too slow or too little: a threshold failed, work queued, starts were not made
    for want of answers."""
    limited = any(reason.code == "target_limited" for reason in scene.validity.reasons)
    return scene.missed or limited or knee(scene) is not None or growth(scene) is not None


def _sure(scene: Scene, level: Level) -> str:
    return LIKELY if strained(scene) or moves_with(scene, level.sensor.values) else POSSIBLE


def _in(level: Level) -> str:
    return f" of {clean(level.span.name)}" if level.span.name else ""


def _used_up(
    scene: Scene, code: str, level: Level, *, title: str, text: str, unit: str = "share"
) -> Finding:
    return Finding(
        code=code,
        title=title,
        text=text,
        confidence=_sure(scene, level),
        evidence=tuple(evidence_of(scene, level, title.split(" is ")[0], unit)),
        phase=level.span.name,
        score=level.share,
        onset_s=level.onset_s,
    )


def cpu(scene: Scene) -> Finding | None:
    """The CPU of the machine, or all that its processes may run on; else the quota of a group."""
    level = highest(scene, scene.playing("cpu_share", "process_cpu_share"), CPU_FULL)
    if level is not None and level.share >= MOST_SECONDS:
        text = (
            f"{clean(level.sensor.where)} stood at {100 * level.usual:.0f} % (median), at "
            f"{100 * CPU_FULL:.0f} % or more for {100 * level.share:.0f} % of the hold{_in(level)}"
        )
        return _used_up(scene, "cpu", level, title="The target's CPU is used up", text=text)
    held_back = [
        replace(each, values=each.per_s())
        for each in scene.sensors
        if each.value == "throttled_s" and not each.own
    ]
    level = highest(scene, held_back, THROTTLED)
    if level is None or level.share < MOST_SECONDS:
        return None
    text = (
        f"{clean(level.sensor.where)}: its CPU quota held the target back for "
        f"{100 * level.usual:.0f} % of the time (median){_in(level)}"
    )
    return _used_up(scene, "cpu", level, title="The target's CPU quota is used up", text=text)


def memory(scene: Scene) -> Finding | None:
    """The machine's memory."""
    level = highest(scene, scene.playing("memory_share"), MEMORY_FULL)
    if level is None or level.share < MOST_SECONDS:
        return None
    text = (
        f"{clean(level.sensor.where)} stood at {100 * level.usual:.0f} % (median), at "
        f"{100 * MEMORY_FULL:.0f} % or more for {100 * level.share:.0f} % of the hold{_in(level)}"
    )
    return _used_up(scene, "memory", level, title="The target's memory is used up", text=text)


def in_use_share(scene: Scene) -> list[Sensor]:
    """Database connections in use over the most that there can be, probe by probe."""
    found = []
    limits = {each.probe: each for each in scene.playing("db_max")}
    for each in scene.playing("db_in_use"):
        limit = limits.get(each.probe)
        if limit is None:
            continue
        known = limit.values[np.isfinite(limit.values)]
        most = float(known[-1])
        if most > 0:
            found.append(
                Sensor(each.where, each.probe, each.value, None, "share", False, each.values / most)
            )
    return found


def waiting(scene: Scene) -> Level | None:
    """The queue for the database that was not empty for most of a hold; for less of it where
    response time moves with it, or something is amiss: a lock now and then is no bottleneck."""
    level = highest(scene, scene.playing("db_waiting"), 0.5)
    if level is None or level.share < WAITING:
        return None
    amiss = level.share >= MOST_SECONDS or strained(scene)
    return level if amiss or moves_with(scene, level.sensor.values) else None


def pool(scene: Scene) -> Finding | None:
    """All database connections in use and requests waiting for one; else all of our users."""
    queue, level = waiting(scene), highest(scene, in_use_share(scene), POOL_FULL)
    if level is None or level.share < MOST_SECONDS or queue is None:
        return _users(scene)
    text = (
        f"{clean(level.sensor.where)} stood at {100 * level.usual:.0f} % of its limit (median) and "
        f"{queue.usual:.3g} requests waited for a connection (median; {queue.most:.0f} at most), "
        f"some in {100 * queue.share:.0f} % of the seconds of the hold{_in(level)}"
    )
    found = _used_up(scene, "pool", level, title="The database pool is used up", text=text)
    waits = Evidence("requests waiting, median", queue.usual, "count", queue.sensor.where)
    most = Evidence("requests waiting, most", queue.most, "count", queue.sensor.where)
    return replace(found, evidence=(*found.evidence, waits, most), confidence=LIKELY)


def _users(scene: Scene) -> Finding | None:
    """Starts that waited for a virtual user or connection: all of ours were taken."""
    waits = scene.held.histogram(Quantity.WAIT, endpoints=scene.flow)
    whole = scene.summary.total.response.all
    if not whole.count or not whole.mean_ns or not waits.count:
        return None
    share = waits.sum / (whole.mean_ns * whole.count)
    if share < WAITED_SHARE:
        return None
    text = (
        f"{waits.count:,} of {whole.count:,} requests waited for a free user or connection of ours,"
        f" {100 * share:.0f} % of all response time: every one was busy with the target"
    )
    return Finding(
        code="pool",
        title="All users or connections are busy",
        text=text,
        confidence=POSSIBLE,
        evidence=(
            Evidence("waiting, of all response time", share, "share", "wait"),
            Evidence("requests that waited", waits.count, "count", "wait"),
        ),
        score=-1.0,
    )


def database(scene: Scene) -> Finding | None:
    """Requests wait for the database, as its probe or the server's own times say."""
    queue = waiting(scene)
    share = database_share(scene)
    if queue is not None:
        text = (
            f"{queue.usual:.3g} requests waited for the database (median; {queue.most:.0f} at "
            f"most), some in {100 * queue.share:.0f} % of the seconds of the hold{_in(queue)}"
        )
        title = "Requests wait for the database"
        return _used_up(scene, "database", queue, title=title, text=text, unit="count")
    if share is None or share < MOST_SECONDS or not strained(scene):
        return None
    mean = database_ns(scene)
    text = (
        f"the server spends {100 * share:.0f} % of its time in the database, by its own "
        f"Server-Timing ({mean / 1e6:.3g} ms a request), and it did not keep up"
    )
    return Finding(
        code="database",
        title="Most of the time goes to the database",
        text=text,
        confidence=POSSIBLE,
        evidence=(
            Evidence("database, of all service time", share, "share", "Server-Timing db"),
            Evidence("database time per request", mean, "ns", "Server-Timing db"),
        ),
        score=share,
    )


def database_ns(scene: Scene) -> float:
    """Mean time in the database by request, 0 where the server says none."""
    times = scene.summary.total.values.get("db")
    whole = scene.summary.total.service.all.count
    if times is None or not whole or times.mean_ns is None:
        return 0.0
    return times.mean_ns * times.count / whole


def database_share(scene: Scene) -> float | None:
    """Of all service time, None where the server does not say."""
    mean = scene.summary.total.service.all.mean_ns
    found = database_ns(scene)
    return min(1.0, found / mean) if mean and found else None


LOSSES = {
    "retrans": ("sent again", "segments were sent again"),
    "listen": ("met a full listen queue", "new connections met a full listen queue"),
    "drop": ("dropped", "packets were dropped"),
}
"""By a part of a value's name; the first that fits."""


def losses(scene: Scene) -> list[tuple[str, Sensor]]:
    """Counters of what the network lost, of either machine: the target's way out is our way in."""
    return [
        (next(part for part in LOSSES if part in each.value), each)
        for each in scene.sensors
        if any(part in each.value for part in LOSSES)
    ]


def on_loopback(scene: Scene) -> bool:
    """Whether no packet of this load ever leaves the machine."""
    target = scene.data.manifest.get("target") or {}
    hosts = [str(each).rpartition(":")[0].strip("[]") for each in target.get("addresses") or ()]
    return bool(hosts) and all(host.startswith("127.") or host == "::1" for host in hosts)


def network(scene: Scene) -> Finding | None:
    """Segments that had to be sent again, packets that a network card dropped. A machine has other
    traffic too: few of them, or drops, count where response time moves or something is amiss; and
    all of them are of other traffic where the target is on the generator's own loopback."""
    if on_loopback(scene):
        return None
    best: tuple[float, float, str, Sensor] | None = None
    for kind, sensor in losses(scene):
        rates = _rates(sensor)
        for span, part in scene.within(rates):
            asked = float(scene.finished[span.first : span.last].sum())
            lost = float(part.mean() * (span.last - span.first))
            share = lost / asked if asked else 0.0
            if lost >= LOST and share >= RETRANSMITTED and (best is None or share > best[0]):
                best = (share, lost, kind, sensor)
    if best is None:
        return None
    share, lost, kind, sensor = best
    rho = moves_with(scene, _rates(sensor))
    many = kind == "retrans" and share >= MANY * RETRANSMITTED
    if not (many or rho is not None or strained(scene)):
        return None
    what, happened = LOSSES[kind]
    evidence = [
        Evidence(f"{what}, per request", share, "share", sensor.where),
        Evidence(what, lost, "count", sensor.where),
    ]
    if rho is not None:
        what = "rank correlation with the response time"
        evidence.append(Evidence(what, rho, "rho", sensor.where))
    return Finding(
        code="network",
        title="The network loses packets",
        text=f"about {lost:,.0f} {happened}, {100 * share:.3g} for every hundred requests",
        confidence=LIKELY if many or rho is not None else WEAK,
        evidence=tuple(evidence),
        score=min(1.0, 10 * share),
    )


def _rates(sensor: Sensor) -> Floats:
    return sensor.values if sensor.unit == "per_s" else sensor.per_s()
