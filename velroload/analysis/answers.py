"""What the answers say: cache misses, breakers, rate limits, errors."""

import numpy as np

from velroload.analysis.cells import counter_values
from velroload.analysis.chance import correlate
from velroload.analysis.finding import LIKELY, POSSIBLE, WEAK, Evidence, Finding
from velroload.analysis.interval import share_bounds
from velroload.analysis.layers import Layered, layered, miss_shares
from velroload.analysis.marks import Mark, marks, states
from velroload.analysis.probed import Floats
from velroload.analysis.resources import CHANCE, RHO, strained
from velroload.analysis.scene import Scene
from velroload.journal import Counter
from velroload.ledger import error_name
from velroload.plan.mask import clean

TOO_MANY = 429
LIMITED = 0.001
FAILED = 0.001
LEAST_FAILED = 10
MOVED = 0.10
"""Misses must move by so much for the response to follow them."""
FOLLOWED = 1.5
"""Times: response in the seconds with most misses over that with fewest."""
MISSED = 0.20
SLOWER = 3.0
"""A static hint at the cache: so many misses, so much slower than hits."""
MEANT = "failures under events of the plan"
UNDER = 0.5
"""So much of the failures lies under events that these are named."""
AFTER_NS = 5_000_000_000
"""What begins within this after an event is said to be under it."""


def cache(scene: Scene) -> Finding | None:
    """Response time that moves with the misses; else misses that are many and slow. Of the holds
    only: a cache that is cold in the ramp warms up."""
    return _moving(scene) or _standing(scene, layered(scene))


def _moving(scene: Scene) -> Finding | None:
    best: tuple[float, str, Floats, int] | None = None
    response = np.where(scene.holding, scene.response, np.nan)
    for where, misses in miss_shares(scene):
        known = np.isfinite(misses) & np.isfinite(response)
        if known.sum() < 20:
            continue
        low, high = np.quantile(misses[known], (0.1, 0.9))
        found = correlate(misses, response)
        if high - low < MOVED or found is None or found.rho < RHO or found.chance > CHANCE:
            continue
        many, few = known & (misses >= high), known & (misses <= low)
        times = float(np.median(response[many]) / np.median(response[few]))
        if times >= FOLLOWED and (best is None or found.rho > best[0]):
            best = (found.rho, where, misses, found.lag)
    if best is None:
        return None
    rho, where, misses, lag = best
    known = np.isfinite(misses) & np.isfinite(response)
    low, high = (float(v) for v in np.quantile(misses[known], (0.1, 0.9)))
    name = scene.response_name
    few = float(np.median(response[known & (misses <= low)]))
    many = float(np.median(response[known & (misses >= high)]))
    text = (
        f"{name} is {few / 1e6:.3g} ms in the seconds with fewest misses ({100 * low:.0f} %) and "
        f"{many / 1e6:.3g} ms in those with most ({100 * high:.0f} %; {clean(where)})"
    )
    return Finding(
        code="cache",
        title="Cache misses make it slow",
        text=text,
        confidence=LIKELY if rho >= 0.7 else POSSIBLE,
        evidence=(
            Evidence("misses, tenth of the seconds with fewest", low, "share", where),
            Evidence("misses, tenth of the seconds with most", high, "share", where),
            Evidence(f"{name} with fewest misses", few, "ns", "response"),
            Evidence(f"{name} with most misses", many, "ns", "response"),
            Evidence("rank correlation with the response time", rho, "rho", where),
            Evidence("lag of the response", lag, "s", where),
        ),
        score=rho,
    )


def _standing(scene: Scene, found: Layered | None) -> Finding | None:
    if found is None or found.miss_share < MISSED or found.miss_ns < SLOWER * found.hit_ns:
        return None
    cost = found.miss_share * (found.miss_ns - found.hit_ns)
    mean = found.miss_share * found.miss_ns + (1 - found.miss_share) * found.hit_ns
    if cost < 0.5 * mean:
        return None
    text = (
        f"{100 * found.miss_share:.0f} % of the answers missed the cache and took "
        f"{found.miss_ns / 1e6:.3g} ms (mean), hits {found.hit_ns / 1e6:.3g} ms: "
        f"{100 * cost / mean:.0f} % of all response time is the price of the misses"
    )
    return Finding(
        code="cache",
        title="Cache misses make it slow",
        text=text,
        confidence=LIKELY if strained(scene) else POSSIBLE,
        evidence=(
            Evidence("misses", found.miss_share, "share", found.where),
            Evidence("response of a hit, mean", found.hit_ns, "ns", found.where),
            Evidence("response of a miss, mean", found.miss_ns, "ns", found.where),
        ),
        score=cost / mean,
    )


def mark_at(scene: Scene, at_ns: float) -> Mark | None:
    """The latest event that an instant lies under, or shortly after the begin or end of."""
    return under(marks(scene.data), at_ns)


def under(found: tuple[Mark, ...], at_ns: float) -> Mark | None:
    """See mark_at."""
    for mark in reversed(found):
        last = max(mark.at_ns, mark.end_ns or mark.at_ns) + AFTER_NS
        if mark.at_ns - 1_000_000_000 <= at_ns <= last:
            return mark
    return None


def breaker(scene: Scene) -> Finding | None:
    """A circuit breaker that left its closed state."""
    best: tuple[int, str, int] | None = None
    for sensor in scene.sensors:
        if (sensor.role or "").startswith("breaker_") and not sensor.own:
            opened = np.flatnonzero((sensor.values >= 1.5) & scene.loaded)
            if len(opened) and (best is None or len(opened) > best[0]):
                name = (sensor.role or "").removeprefix("breaker_")
                best = (len(opened), name, int(opened[0]))
    said = [state for state in states(scene.data, "breaker") if state.what == "open"]
    if best is None and not said:
        return None
    if best is None:
        best = (len(said), said[0].name, said[0].at_ns // 1_000_000_000)
    seconds, name, first = best
    refused = float(scene.count(503)[first : first + max(seconds, 1)].sum())
    mark = mark_at(scene, first * 1e9)
    text = f"breaker {clean(name)} opened in second {first}"
    if mark is not None:
        text += f", under the event {clean(mark.name)}"
    text += f"; {refused:,.0f} requests were answered 503 while it stood open"
    evidence = [
        Evidence("opened in second", first, "s", f"breaker {name}"),
        Evidence("seconds or times open", seconds, "count", f"breaker {name}"),
        Evidence("answers 503 meanwhile", refused, "count", "status"),
    ]
    sure = LIKELY if refused else POSSIBLE
    return Finding(
        "breaker", "A circuit breaker opened", text, sure, tuple(evidence), onset_s=first,
        score=min(1.0, seconds / max(1, int(scene.loaded.sum()))),
    )  # fmt: skip


def rate_limit(scene: Scene) -> Finding | None:
    """Answers 429."""
    refused = scene.summary.total.status.get(TOO_MANY, 0)
    whole = scene.summary.total.count
    if not whole or share_bounds(refused, whole)[0] < LIMITED or refused < LEAST_FAILED:
        return None
    per_second = scene.count(TOO_MANY)
    passed = scene.rate - per_second
    spans = [passed[s.first : s.last] for s in scene.spans]
    accepted = float(np.median(np.concatenate(spans))) if spans else 0.0
    first = int(np.flatnonzero(per_second)[0])
    share = refused / whole
    text = (
        f"{refused:,} requests ({100 * share:.3g} %) were answered 429 (too many requests), from "
        f"second {first}; about {accepted:,.0f}/s passed"
    )
    expected = scene.summary.total.failed + scene.summary.total.transport < refused / 2
    return Finding(
        code="rate_limit",
        title="The target limits the rate",
        text=text,
        confidence=WEAK if expected else LIKELY,
        evidence=(
            Evidence("answers 429", refused, "count", "status"),
            Evidence("answers 429, of all", share, "share", "status"),
            Evidence("answers per second that passed, median", accepted, "per_s", "status"),
        ),
        score=min(1.0, 2 * share),
        onset_s=first,
    )


def errors(scene: Scene, explained: float = 0.0) -> Finding | None:
    """Requests that failed, beyond those that other findings explain."""
    total = scene.summary.total
    failed = total.failed + total.transport - explained
    if total.count == 0 or failed < LEAST_FAILED:
        return None
    if share_bounds(failed, total.count)[0] < FAILED:
        return None
    share = failed / total.count
    values = counter_values(scene.held, scene.flow)
    kinds = [
        (values.get(Counter.ERROR + number, 0), error_name(number)) for number in _kinds(scene)
    ]
    most, kind = max(kinds, default=(0, "of unknown kind"))
    first = int(np.flatnonzero(scene.failed)[0]) if scene.failed.any() else None
    text = (
        f"{failed:,.0f} of {total.count:,} requests failed ({100 * share:.3g} %), most of them by "
        f"{kind.replace('_', ' ')} ({most:,})"
    )
    names, below = _under_events(scene)
    if below > UNDER:
        events = "event" if len(names) == 1 else "events"
        text += f"; {100 * below:.3g} % of them under the {events} {', '.join(map(clean, names))}"
    return Finding(
        code="errors",
        title="Requests fail",
        text=text,
        confidence=LIKELY,
        evidence=(
            Evidence("requests that failed", share, "share", "all requests"),
            Evidence(f"failures by {kind.replace('_', ' ')}", most, "count", "all requests"),
            *([Evidence(MEANT, below, "share", ", ".join(names))] if below > UNDER else []),
        ),
        score=min(1.0, 10 * share),
        onset_s=first,
    )


def _under_events(scene: Scene) -> tuple[list[str], float]:
    """(names, share of the failures in their seconds) of what was done to the target while
    something failed."""
    known = marks(scene.data)
    over = {
        int(second): mark
        for second in np.flatnonzero(scene.failed)
        if (mark := under(known, (int(second) + 1) * 1e9)) is not None
    }
    whole = float(scene.failed.sum())
    share = float(scene.failed[list(over)].sum()) / whole if over else 0.0
    return list(dict.fromkeys(mark.name for mark in over.values())), share


def _kinds(scene: Scene) -> list[int]:
    found = scene.table[Counter.ERROR + 1 : Counter.OK].any(axis=1)
    return [int(place) + 1 for place in np.flatnonzero(found)]
