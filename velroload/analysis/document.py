"""Documents of requirements, as data: what is asked, of which requests, and by which phase.

The one table of them: plans are held against it before a run, and runs after it.
velro-prd: the product document of Velro (R1–R13); a percentile that it does not name is p95.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

MS = 1e6


@dataclass(frozen=True, slots=True)
class Part:
    """One figure of a requirement. subject: what observed.py or drifting.py looks up.

    op and limit: in `unit`; label: to tell parts of one requirement apart.
    """

    subject: str
    op: str
    limit: float
    label: str = ""
    unit: str = "count"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row of a document.

    how: "claim" is judged as a threshold, whose `sentence` is given, over the requests of `cls` (or
    of the endpoint named `endpoint` where no request has that class; over all where both are
    empty); anything else is looked up by its parts. endurance: the endurance phase answers it.
    warm: a scaled run says nothing of it unless the cache was warmed and every user came round.
    grows: with which part of the load the limit is scaled: users, rate or nothing; whole: only the
    whole load can answer it.
    """

    id: str
    title: str
    sentence: str = ""
    cls: str = ""
    endpoint: str = ""
    parts: tuple[Part, ...] = ()
    critical: bool = True
    endurance: bool = False
    warm: bool = False
    grows: str = ""
    whole: bool = False
    weight: float = 1.0

    def chooses(self, endpoints: list[Mapping[str, Any]]) -> Callable[[Mapping[str, Any]], bool]:
        """Which of these endpoints count: those of the class, else those of the name, else all."""
        if not self.cls and not self.endpoint:
            return lambda row: True
        if any(row.get("cls") == self.cls for row in endpoints if self.cls):
            return lambda row: row.get("cls") == self.cls
        return lambda row: row.get("name") == self.endpoint


def _p95(number: str, title: str, limit_ms: int, cls: str, endpoint: str) -> Requirement:
    sentence = f"p95(response) < {limit_ms}ms"
    return Requirement(number, title, sentence, cls, endpoint)


VELRO_PRD = (
    Requirement("R1", "concurrent users", parts=(Part("users", ">=", 10_000.0),), grows="users"),
    Requirement(
        "R2",
        "database connections",
        parts=(Part("db_connections", ">=", 200.0),),
        critical=False,
        whole=True,
    ),
    Requirement(
        "R3",
        "authorization cache hits",
        parts=(Part("authz", ">=", 0.95, unit="share"),),
        cls="authorization",
        endpoint="authorization_check",
        warm=True,
    ),
    Requirement("R4", "sustained throughput", "rate >= 1000/s over 10s", grows="rate"),
    _p95("R5", "authentication p95", 50, "authentication", "authentication_check"),
    _p95("R6", "authorization p95", 75, "authorization", "authorization_check"),
    _p95("R7", "generation access p95", 100, "generation_access", "generation_list"),
    _p95("R8", "media URL p95", 200, "media_url", "media_url_access"),
    Requirement(
        "R9",
        "cache access p95",
        parts=(
            Part("cache L1", "<", 5 * MS, "L1", "ns"),
            Part("cache L2", "<", 20 * MS, "L2", "ns"),
            Part("cache L3", "<", 100 * MS, "L3", "ns"),
        ),
        critical=False,
    ),
    Requirement(
        "R10",
        "cache hits by layer",
        parts=(Part("l1", ">", 0.95, "L1", "share"), Part("l2", ">", 0.85, "L2", "share")),
        cls="authorization",
        endpoint="authorization_check",
        critical=False,
        warm=True,
    ),
    Requirement("R11", "error rate", "errors < 1%"),
    Requirement(
        "R12",
        "CPU and memory at peak",
        parts=(
            Part("cpu_share", "<", 0.80, "CPU", "share"),
            Part("memory_share", "<", 0.85, "memory", "share"),
        ),
        critical=False,
        whole=True,
    ),
    Requirement(
        "R13",
        "stability",
        parts=(
            Part("drift response", "<", 0.0, "response time", "per_hour"),
            Part("drift memory_bytes", "<", 0.0, "memory", "per_hour"),
        ),
        critical=False,
        endurance=True,
        warm=True,
    ),
)
DOCUMENTS: dict[str, tuple[Requirement, ...]] = {"velro-prd": VELRO_PRD}
ENDURANCE = "endurance"
"""The phase whose name begins so is the one."""


def document(wanted: Mapping[str, Any]) -> tuple[Requirement, ...]:
    """The requirements of a run folder's `requirements`: those of the document and the plan's own,
    with the plan's weights and its own choice of what is critical; amounts scaled, where the plan
    is only a part of the document's load."""
    scale = scale_of(wanted)
    rows = [_scaled(row, scale) for row in DOCUMENTS.get(str(wanted.get("use")), ())]
    for name, sentence in wanted.get("more") or []:
        rows.append(Requirement(str(name), str(sentence), str(sentence)))
    weights = dict(wanted.get("weights") or {})
    critical = wanted.get("critical")
    return tuple(_weighed(row, weights, critical) for row in rows)


def answering(
    row: Requirement, phases: Sequence[tuple[str, Collection[str]]], chosen: str | None
) -> str | None:
    """Which phase answers a requirement, of a plan or of a run: the one that says so (phases: each
    one's name and the requirements that it judges itself), else the document's, `chosen` or the
    only one there is; stability is the endurance phase's. None: no phase."""
    for name, judges in phases:
        if row.id in judges:
            return name
    if row.endurance:
        return next((name for name, _ in phases if name.startswith(ENDURANCE)), None)
    return chosen or (phases[0][0] if len(phases) == 1 else None)


def _weighed(
    row: Requirement, weights: Mapping[str, float], critical: list[str] | None
) -> Requirement:
    return replace(
        row,
        weight=float(weights.get(row.id, row.weight)),
        critical=row.critical if critical is None else row.id in critical,
    )


def scale_of(wanted: Mapping[str, Any] | None) -> dict[str, float]:
    """Which part of the document's "users" and "rate" the run is; empty where it is all of it."""
    scale = (wanted or {}).get("scale") or {}
    found = {name: float(scale.get(name, 1.0)) for name in ("users", "rate")}
    return found if min(found.values()) < 1.0 else {}


def _scaled(row: Requirement, scale: Mapping[str, float]) -> Requirement:
    if row.grows not in scale:
        return row
    share = scale[row.grows]
    parts = tuple(replace(part, limit=part.limit * share) for part in row.parts)
    sentence = re.sub(r"[0-9.]+(?=/s)", lambda found: f"{float(found[0]) * share:g}", row.sentence)
    return replace(row, parts=parts, sentence=sentence)
