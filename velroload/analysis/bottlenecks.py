"""What held the run back: everything is examined, what is found is ranked. Hints, never proof.

The generator comes first: where it is in question, so is all that is said of the target. Then what
names a cause, then what names a place, then what is only a sign (errors, queues): a CPU that is
used up makes queues, a queue no busy CPU. Among causes the surest comes first, and that which was
used up first has the better claim.
"""

from collections.abc import Callable
from dataclasses import replace

from velroload.analysis.answers import breaker, cache, errors, rate_limit
from velroload.analysis.finding import CODES, LIKELY, POSSIBLE, WEAK, Evidence, Examined, Finding
from velroload.analysis.layers import layered, miss_shares
from velroload.analysis.marks import states
from velroload.analysis.places import address, connect, endpoint
from velroload.analysis.queueing import queueing
from velroload.analysis.resources import (
    cpu,
    database,
    database_share,
    losses,
    memory,
    network,
    pool,
)
from velroload.analysis.scene import Scene
from velroload.analysis.seconds import busy_share

GENERATOR_CODES = (
    "lost_samples",
    "unsent",
    "bad_seconds",
    "busy_worker",
    "user_clock",
    "voided",
    "generator_lag",
    "bad_seconds_matter",
    "steal",
)
"""Reasons of validity that speak of the generator, the gravest first."""
TIERS = {
    "generator": 10.0,
    **dict.fromkeys(("rate_limit", "breaker", "pool", "database", "cpu"), 4.0),
    **dict.fromkeys(("memory", "network", "connect", "cache"), 4.0),
    **dict.fromkeys(("address", "endpoint"), 3.0),
    **dict.fromkeys(("errors", "queueing"), 1.0),
}
SURE = {LIKELY: 0.6, POSSIBLE: 0.3, WEAK: 0.0}
FIRST = 0.25
"""What was at its limit first gets this much more."""
EXTENT = 0.3
LESS_SURE = {LIKELY: POSSIBLE, POSSIBLE: WEAK, WEAK: WEAK}

EXAMINE: dict[str, Callable[[Scene], Finding | None]] = {
    "network": network,
    "connect": connect,
    "cpu": cpu,
    "memory": memory,
    "pool": pool,
    "database": database,
    "cache": cache,
    "breaker": breaker,
    "rate_limit": rate_limit,
    "endpoint": endpoint,
    "address": address,
    "queueing": queueing,
}


def bottlenecks(scene: Scene) -> tuple[tuple[Finding, ...], tuple[Examined, ...]]:
    """The findings, the weightiest first, and what was looked for. A run of which nothing can be
    told (no second, nothing finished) has no finding."""
    found: dict[str, Finding] = {}
    if scene.length and scene.summary.total.count:
        ours = generator(scene)
        found = {code: f for code, look in EXAMINE.items() if (f := look(scene)) is not None}
        if "pool" in found and "database" in found and found["pool"].score >= 0:
            del found["database"]  # it is the pool that they wait for
        failed = errors(scene, _explained(scene, found))
        if failed is not None:
            found["errors"] = failed
        if ours is not None and scene.validity.verdict == "INVALID":
            found = {
                code: replace(each, confidence=LESS_SURE[each.confidence])
                for code, each in found.items()
            }
        if ours is not None:
            found["generator"] = ours
    needs = {code: need for code, (seen, need) in _watched(scene).items() if not seen}
    examined = tuple(
        Examined(code, code not in needs or code in found, code in found, needs.get(code))
        for code in CODES
    )
    return _ranked(found), examined


def _ranked(found: dict[str, Finding]) -> tuple[Finding, ...]:
    causes = [f for code, f in found.items() if TIERS[code] == TIERS["cpu"]]
    onsets = [finding.onset_s for finding in causes if finding.onset_s is not None]
    first = min(onsets) if len(onsets) > 1 else None
    ranked = []
    for code, finding in found.items():
        score = TIERS[code] + SURE[finding.confidence] + EXTENT * finding.score
        if first is not None and finding in causes and finding.onset_s == first:
            score += FIRST
        ranked.append(replace(finding, score=round(score, 3)))
    return tuple(sorted(ranked, key=lambda each: (-each.score, CODES.index(each.code))))


def generator(scene: Scene) -> Finding | None:
    """What validity holds against the generator itself."""
    reasons = [
        reason
        for reason in scene.validity.reasons
        if reason.code in GENERATOR_CODES and reason.level != "NOTE"
    ]
    if not reasons:
        return None
    reason = min(reasons, key=lambda each: (each.level, GENERATOR_CODES.index(each.code)))
    evidence = [Evidence("seconds disturbed", scene.validity.bad_share, "share", "hold")]
    busy = busy_share(scene.data)
    if busy:
        evidence.append(Evidence("a worker's CPU above 95 %", busy, "share", "hold"))
    if scene.summary.total.ours_p99_ns is not None:
        added = scene.summary.total.ours_p99_ns
        evidence.append(Evidence("added at p99, at most", added, "ns", "generator lag"))
    if scene.validity.unsent_share:
        unsent = scene.validity.unsent_share
        evidence.append(Evidence("planned starts not made", unsent, "share", "ledger"))
    return Finding(
        code="generator",
        title="The generator itself",
        text=reason.text,
        confidence=LIKELY if reason.level == "INVALID" else POSSIBLE,
        evidence=tuple(evidence),
    )


def _explained(scene: Scene, found: dict[str, Finding]) -> float:
    """Failures that a rate limit or an open breaker accounts for."""
    total = scene.summary.total
    status = total.status
    explained = status.get(429, 0) if "rate_limit" in found else 0
    explained += status.get(503, 0) if "breaker" in found else 0
    return float(min(explained, total.failed))


def _watched(scene: Scene) -> dict[str, tuple[bool, str]]:
    """Whether this run could show such a thing, and what one needs for it; for those codes that
    need more than requests."""
    roles = {each.role for each in scene.sensors if not each.own}
    kinds = [row.kind for row in scene.summary.rows if not row.setup]
    rates = scene.summary.series.completed
    return {
        "network": (
            bool(losses(scene)),
            "a probe that counts retransmitted segments or dropped packets",
        ),
        "cpu": (bool(roles & {"cpu_share", "process_cpu_share"}), "a probe of the target's CPU"),
        "memory": ("memory_share" in roles, "a probe of the target's memory"),
        "database": (
            "db_waiting" in roles or database_share(scene) is not None,
            "a probe of the database's pool, or Server-Timing with db",
        ),
        "cache": (
            layered(scene) is not None or next(miss_shares(scene), None) is not None,
            "a probe of the cache's hits and misses, or responses that tell their layer",
        ),
        "breaker": (
            any((role or "").startswith("breaker_") for role in roles)
            or bool(states(scene.data, "breaker")),
            "a probe of the breakers",
        ),
        "endpoint": (kinds.count("request") >= 3, "three endpoints"),
        "address": (kinds.count("address") > 1, "several addresses"),
        "queueing": (len(rates) >= 24, "24 seconds"),
    }
