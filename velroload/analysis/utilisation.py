"""What each phase took of the service: CPU, queries and bytes per request, pools, headroom."""

import numpy as np

from velroload.analysis.incident import Use, Utilisation
from velroload.analysis.probed import Floats, Sensor
from velroload.analysis.resources import in_use_share
from velroload.analysis.scene import Scene, Span
from velroload.journal import Counter

FULL = 0.95
CPU_TIME = "cpu_s"
"""What probes call the CPU time used so far."""
QUERIES = ("queries", "statements", "transactions", "commits")
"""Values of a probe that count what the database did, the best first."""


def utilisation(scene: Scene) -> tuple[Utilisation, ...]:
    """A row per hold, in order; empty where there is none."""
    main = str((scene.data.manifest.get("phases") or [{"name": "main"}])[0]["name"])
    return tuple(_row(scene, span, span.name or main) for span in scene.spans)


def _row(scene: Scene, span: Span, name: str) -> Utilisation:
    part = slice(span.first, span.last)
    asked = float(scene.finished[part].sum())
    received = float(scene.count(Counter.BYTES_IN)[part].sum())
    waits = [_known(s.values[part]) for s in scene.playing("db_waiting")]
    waits = [values for values in waits if len(values)]
    cores = [s.per_s()[part] for s in scene.sensors if s.value == CPU_TIME and not s.own]
    return Utilisation(
        phase=name,
        rate_per_s=float(scene.rate[part].mean()) if span.last > span.first else None,
        cpu_ms_per_request=_per_request(1_000.0, cores, asked, span),
        queries_per_request=_per_request(1.0, _queries(scene, part), asked, span),
        bytes_per_request=received / asked if asked and received else None,
        waits_s=max((int((values > 0.5).sum()) for values in waits), default=None),
        most_waiting=max((int(values.max()) for values in waits), default=None),
        uses=tuple(_uses(scene, part)),
    )


def _known(values: Floats) -> Floats:
    return np.asarray(values[np.isfinite(values)])


def _per_request(factor: float, rates: list[Floats], asked: float, span: Span) -> float | None:
    """The mean of the rates, summed over their sources, over the requests per second."""
    means = [float(known.mean()) for values in rates if len(known := _known(values))]
    if not means or not asked:
        return None
    return factor * sum(means) * (span.last - span.first) / asked


def _queries(scene: Scene, part: slice) -> list[Floats]:
    for name in QUERIES:
        found = [s for s in scene.sensors if s.value in (name, f"{name}_per_s") and not s.own]
        if found:
            return [(s.values if s.unit == "per_s" else s.per_s())[part] for s in found]
    return []


def _uses(scene: Scene, part: slice) -> list[Use]:
    shares: list[tuple[str, Sensor]] = [
        ("CPU", s) for s in scene.playing("cpu_share", "process_cpu_share")
    ]
    shares += [("memory", s) for s in scene.playing("memory_share")]
    shares += [("database connections", s) for s in in_use_share(scene)]
    found = []
    for resource, sensor in shares:
        known = _known(sensor.values[part])
        if len(known):
            usual = float(np.median(known))
            full = int((known >= FULL).sum())
            found.append(Use(resource, usual, float(known.max()), full, 1.0 - usual, sensor.where))
    return found
