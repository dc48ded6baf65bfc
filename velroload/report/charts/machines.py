"""What the machines did: the target's pools, breakers and resources, the generator's own."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from velroload.analysis.result import Quantity
from velroload.journal import Rows
from velroload.report.charts.chart import Axis, Chart, Line, absent
from velroload.report.charts.frame import Frame, among
from velroload.report.charts.load import NO_REQUESTS
from velroload.report.charts.thin import Floats, envelope, known, stretch
from velroload.report.words import ms, number, percent

WATCH = "Watch it with `probes:` in the plan (/metrics, JSON, /proc, PostgreSQL, Redis)."
STATES = {0.0: "closed", 1.0: "half-open", 2.0: "open"}
LEAST_PER_POINT = 20
"""So many kept samples make a point of the generator's lag."""
MIB = 1024.0 * 1024.0
GENERATOR = "generator."
VALUES_DRAWN = 24
"""Of those that no other chart is made of."""

Named = Sequence[tuple[str, str, Floats, bool]]


def _over_probes(frame: Frame, chart: Chart, named: Named) -> Chart:
    """A chart of probe readings; named: (name, role, values, on the right axis)."""
    at, thinned = envelope(frame.probe_times, [values for _, _, values, _ in named])
    return replace(
        chart,
        right=chart.right if any(right for *_, right in named) else None,
        at=tuple(round(value, 3) for value in at.tolist()),
        lines=tuple(
            Line(name, known(values), role, "step" if role == "state" else "line", second=right)
            for (name, role, _, right), values in zip(named, thinned, strict=True)
        ),
        per_point_s=float(stretch(len(frame.probe_times))),
    )


def pools(frame: Frame) -> Chart:
    """Connections to the database: in use, waiting, the limit; connections from users."""
    title = "Pools and connections"
    roles = (
        ("db_in_use", "database connections in use", "kind0"),
        ("db_waiting", "requests waiting for one", "kind3"),
        ("db_connections", "database connections open", "kind2"),
        ("db_max", "their limit", "limit"),
        ("open_connections", "connections from users", "kind1"),
    )
    named = [(name, colour, values, False) for role, name, colour in roles
             if (values := frame.role(role)) is not None]  # fmt: skip
    if not named:
        return absent("pools", title, f"Not known: no probe reads the target's pools. {WATCH}")
    says = "; ".join(f"{name}: at most {number(int(np.nanmax(v)))}" for name, _, v, _ in named)
    return _over_probes(frame, Chart("pools", title, f"{says}.", y=Axis("connections")), named)


def breakers(frame: Frame) -> Chart:
    """The state of every breaker."""
    title = "Circuit breakers"
    found = [(role.removeprefix("breaker_"), frame.role(role)) for role in
             among(frame.roles, "breaker_")]  # fmt: skip
    named = [(name, "state", values, False) for name, values in found if values is not None]
    if not named:
        return absent("breakers", title, f"Not known: no probe reads breakers. {WATCH}")
    opened = [name for name, _, values, _ in named if np.nanmax(values) >= 2]
    says = f"Opened: {', '.join(opened)}." if opened else "All of them stayed closed."
    chart = Chart("breakers", title, says, "0 closed, 1 half-open, 2 open.", y=Axis("state"))
    return _over_probes(frame, chart, named)


def target(frame: Frame) -> Chart:
    """CPU and memory of the target."""
    title = "Target: CPU and memory"
    shares = (
        ("cpu_share", "CPU of the machine", "kind0"),
        ("process_cpu_share", "CPU of the service", "kind2"),
        ("memory_share", "memory, of the machine's", "kind3"),
    )
    named = [(name, colour, 100.0 * values, False) for role, name, colour in shares
             if (values := frame.role(role)) is not None]  # fmt: skip
    size = frame.role("memory_bytes")
    if size is not None:
        named.append(("memory of the service", "kind1", size / MIB, True))
    if not named:
        return absent(
            "target",
            title,
            "Not known: nobody watched the target's machine. Start `velroload agent` there or name "
            "its metrics with `probes:` in the plan.",
        )
    most = [(name, float(np.nanmax(values)), right) for name, _, values, right in named]
    says = "; ".join(
        f"{name}: at most {value:,.0f} MiB" if right else f"{name}: at most {value:.3g} %"
        for name, value, right in most
    )
    chart = Chart("target", title, f"{says}.", y=Axis("share", "%"), right=Axis("memory", "MiB"))
    return _over_probes(frame, chart, named)


def watched(frame: Frame) -> Chart:
    """Every probe value that no other chart is made of."""
    title = "Everything else that was watched"
    told = set(frame.roles.values())
    values = {name: own for name, own in frame.probe_values.items()
              if name not in told and not np.isnan(own).all()}  # fmt: skip
    if not values:
        missing = f"Nothing: no probe read more than the charts above. {WATCH}"
        return absent("probes", title, missing)
    moving = [name for name, own in values.items() if np.nanmin(own) < np.nanmax(own)]
    shown = sorted(moving or values, key=lambda name: (name.startswith(GENERATOR), name))
    named = [(name, "other_value", values[name], False) for name in shown[:VALUES_DRAWN]]
    chart = Chart(
        "probes",
        title,
        f"{number(len(values))} values, of which {number(len(moving))} changed.",
        "The legend shows and hides them: they have units of their own. "
        f"At most {VALUES_DRAWN} are here; --report series.csv has all of them.",
        y=Axis("value"),
    )
    found = _over_probes(frame, chart, named)
    lines = [replace(line, hidden=place > 0) for place, line in enumerate(found.lines)]
    return replace(found, lines=tuple(lines))


def generator(frame: Frame) -> Chart:
    """CPU of each worker, waiting for a CPU, steal."""
    title = "Generator: CPU, waiting, steal"
    end = frame.told.data.end or {}
    seconds = (end.get("evidence") or {}).get("seconds") or []
    if not seconds:
        return absent("generator", title, "Not known: the run has no end record.")
    at = np.array([float(entry["second"]) for entry in seconds])
    named = _by_worker(seconds, "worker_cpu", "CPU of worker {}", "kind")
    named += _worst(_by_worker(seconds, "run_delay", "{}", ""), "longest wait for a CPU")
    steal = _column([entry.get("steal") for entry in seconds])
    named.append(("stolen by the hypervisor", "kind5", steal))
    named = [each for each in named if not np.isnan(each[2]).all()]
    if not named:
        return absent("generator", title, "Not known: this system tells nothing of its CPUs.")
    xs, thinned = envelope(at, [100.0 * values for _, _, values in named])
    busiest = max(named, key=lambda each: float(np.nanmax(each[2])))
    return Chart(
        "generator",
        title,
        f"At most {percent(float(np.nanmax(busiest[2])))}: {busiest[0]}.",
        "A worker above 95 % cannot keep its schedule; what it added is in the next chart.",
        y=Axis("share of a CPU", "%"),
        at=tuple(round(value, 3) for value in xs.tolist()),
        lines=tuple(
            Line(name, known(values), role)
            for (name, role, _), values in zip(named, thinned, strict=True)
        ),
        per_point_s=stretch(len(at)),
    )


def _column(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else float(value) for value in values])


def _by_worker(
    seconds: Sequence[dict[str, list[float | None]]], key: str, name: str, role: str
) -> list[tuple[str, str, Floats]]:
    count = max(len(entry.get(key) or ()) for entry in seconds)
    rows = [[*(entry.get(key) or ()), *[None] * count][:count] for entry in seconds]
    if count > 4:
        columns = np.array([_column(row) for row in rows])
        return [
            (name.format("(busiest)"), f"{role}0", np.fmax.reduce(columns, axis=1)),
            (name.format("(idlest)"), f"{role}2", np.fmin.reduce(columns, axis=1)),
        ]
    return [
        (name.format(place), f"{role}{(0, 2, 1, 4)[place]}", _column([row[place] for row in rows]))
        for place in range(count)
    ]


def _worst(named: list[tuple[str, str, Floats]], name: str) -> list[tuple[str, str, Floats]]:
    columns = [values for _, _, values in named if not np.isnan(values).all()]
    return [(name, "kind3", np.fmax.reduce(columns, axis=0))] if columns else []


def lags(frame: Frame) -> Chart:
    """What the generator added, over time, from the uniform choice of whole samples."""
    title = "Generator lag and read lag"
    total = frame.told.result.summary.total.parts
    kept: Rows = frame.told.data.reservoir
    kept = kept[np.isin(kept["endpoint"], frame.flow)]
    if not len(kept) or not frame.length:
        return absent("lag", title, "Not known: the run folder has no sample (reservoir.npy)."
                      if frame.length else NO_REQUESTS)  # fmt: skip
    taken = kept["wait_us"].astype(np.int64) + kept["connect_us"] + kept["tls_us"]
    lag = np.maximum(kept["sent_ns"] - kept["scheduled_ns"] - 1_000 * taken, 0)
    read = kept["read_lag_ns"].astype(np.int64)
    points = max(1, min(400, len(kept) // LEAST_PER_POINT))
    width = max(1, -(-frame.length // points))
    place = np.clip(kept["end_ns"] // 1_000_000_000 // width, 0, None)
    slots = np.unique(place)
    lines = []
    for name, role, values in (("generator lag", "response", lag), ("read lag", "service", read)):
        parts = [values[place == slot] for slot in slots]
        for word, level in (("p50", 50.0), ("p99", 99.0)):
            y = np.maximum([np.percentile(part, level) / 1e6 for part in parts], 1e-3)
            pen = f"{role}_p50" if word == "p50" else f"{role}_p95"
            lines.append(Line(f"{name} {word}", known(y), pen))
    exact = [total.get(which) for which in (Quantity.GENERATOR_LAG, Quantity.READ_LAG)]
    said = [
        f"{name} p99 {ms(each.percentiles['p99'].value_ns)} ms, at most {ms(each.max_ns)} ms"
        for name, each in zip(("generator lag", "read lag"), exact, strict=True)
        if each is not None and each.count
    ]
    return Chart(
        "lag",
        title,
        f"Exactly, over what counts: {'; '.join(said)}." if said else "",
        f"Drawn from {number(len(kept))} samples chosen uniformly, in steps of {width} s. Generator"
        " lag is inside the response time; read lag is in none of the times.",
        y=Axis("lag", "ms", log=True),
        at=tuple(float(slot * width) for slot in slots.tolist()),
        lines=tuple(lines),
        per_point_s=float(width),
    )
