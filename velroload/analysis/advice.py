"""Recommendations: one for each finding, with the figure behind it and, where arithmetic gives one,
what is to be gained. No finding, no recommendation.

Laws: utilisation (a service demand D per request at rate X uses D·X of a resource), Little's law
(requests there = rate × time there). Gains are of the mean, and of nothing else being in the way.
"""

import math
from collections.abc import Callable, Sequence

from velroload.analysis.answers import MEANT
from velroload.analysis.finding import Evidence, Finding, Recommendation
from velroload.analysis.layers import layered
from velroload.analysis.resources import database_ns
from velroload.analysis.result import ThresholdResult
from velroload.analysis.scene import Scene
from velroload.plan.mask import clean
from velroload.plan.threshold import parse_threshold

COMFORT = 0.70
"""How far a resource is used when a service has room for a burst."""
POOL_COMFORT = 0.80
MOSTLY = 0.9
HIT_GOAL = 0.95

Advice = tuple[str, str, str | None]
"""What to do, the figure behind it, the gain."""


def recommendations(scene: Scene, findings: Sequence[Finding]) -> tuple[Recommendation, ...]:
    """In the order of the findings."""
    found = []
    for place, finding in enumerate(findings, 1):
        text, figure, gain = ADVISE[finding.code](scene, finding)
        title = TITLES[finding.code]
        found.append(Recommendation(title, text, figure, gain, place, finding.code))
    return tuple(found)


def _value(finding: Finding, what: str) -> float | None:
    """The value of the first evidence whose name begins so."""
    return next((e.value for e in finding.evidence if e.what.startswith(what)), None)


def _shown(evidence: Evidence) -> str:
    value, unit = evidence.value, evidence.unit
    written = {
        "share": f"{100 * value:.3g} %",
        "ns": f"{value / 1e6:.3g} ms",
        "per_s": f"{value:,.0f}/s",
        "s": f"second {value:.0f}",
        "rho": f"{value:.2f}",
    }.get(unit, f"{value:,.3g}")
    return f"{evidence.what}: {written} ({clean(evidence.where)})"


def _figure(finding: Finding) -> str:
    return _shown(finding.evidence[0]) if finding.evidence else finding.text


def _generator(scene: Scene, finding: Finding) -> Advice:
    mends = [r.advice for r in scene.validity.reasons if r.text == finding.text and r.advice]
    text = mends[0] if mends else "repeat the run where nothing disturbs the generator"
    return f"before anything is said of the target: {text}", finding.text, None


def _network(_: Scene, finding: Finding) -> Advice:
    return (
        "look at the path between generator and target (errors and drops of the interfaces, full "
        "queues, a link that is too slow) and repeat the run on a network that loses nothing",
        _figure(finding),
        None,
    )


def _connect(scene: Scene, finding: Finding) -> Advice:
    share = _value(finding, "setting up") or 0.0
    mean = scene.summary.total.response.all.mean_ns or 0.0
    gain = (
        f"the mean response falls from {mean / 1e6:.3g} ms to about "
        f"{mean * (1 - share) / 1e6:.3g} ms when connections are kept"
    )
    return (
        "keep connections open: raise the server's keep-alive time and its requests per "
        "connection, resume TLS sessions",
        _figure(finding),
        gain,
    )


def _cpu(scene: Scene, finding: Finding) -> Advice:
    used, rate = finding.evidence[0].value, scene.summary.total.rate_per_s
    text = "give the target more CPU, or find what a request spends it on with a profiler"
    if not rate or used < COMFORT:  # a quota's throttling is no utilisation
        return text, _figure(finding), None
    factor = used / COMFORT
    gain = (
        f"for {rate:,.0f}/s at {100 * COMFORT:.0f} % it needs {factor:.2f} times the CPU, or "
        f"{100 * (1 - 1 / factor):.0f} % less CPU per request; as it is, "
        f"{100 * COMFORT:.0f} % is reached at about {rate / factor:,.0f}/s"
    )
    return text, _figure(finding), gain


def _memory(_: Scene, finding: Finding) -> Advice:
    used = finding.evidence[0].value
    gain = f"{used / COMFORT:.2f} times the memory would bring it to {100 * COMFORT:.0f} %"
    return (
        "give the target more memory, or find what keeps it: caches without a limit, one worker "
        "process too many",
        _figure(finding),
        gain,
    )


def _pool(scene: Scene, finding: Finding) -> Advice:
    waiting = _value(finding, "requests waiting, most")
    rate = scene.summary.total.rate_per_s
    if waiting is None:
        return _users(scene, finding)
    level = in_use(scene, finding)
    usual = _value(finding, "requests waiting, median") or 0.0
    needed = None if level is None else math.ceil((level + waiting) / POOL_COMFORT)
    text = "more connections for the database pool, or less time on each: shorter transactions"
    if needed is not None:
        text = f"about {needed:,} connections for the database pool (now {level:,.0f}), if the "
        text += "database can take them, or less time on each: shorter transactions"
    gain = None
    if rate and usual:
        gain = (
            f"{usual:.3g} requests waiting at {rate:,.0f}/s are {1_000 * usual / rate:.3g} ms of "
            "every request (Little's law)"
        )
    return text, _figure(finding), gain


def in_use(scene: Scene, finding: Finding) -> float | None:
    """The most database connections that were in use at once, by the finding's own probe."""
    where = finding.evidence[0].where
    values = [s.values for s in scene.sensors if s.where == where]
    known = values[0][values[0] == values[0]] if values else []
    return float(max(known)) if len(known) else None


def _users(scene: Scene, finding: Finding) -> Advice:
    mean = scene.summary.total.service.all.mean_ns or 0.0
    offered = (scene.data.manifest.get("model") or {}).get("offered_rate_per_s")
    gain = None
    if offered and mean:
        needed = math.ceil(float(offered) * mean / 1e9)
        gain = (
            f"{float(offered):,.0f}/s at a service time of {mean / 1e6:.3g} ms keep {needed:,} "
            "users busy (Little's law): with fewer, starts wait"
        )
    return (
        "if the target is meant to take this rate, find what makes it slow; else raise max_vus",
        _figure(finding),
        gain,
    )


def _database(scene: Scene, finding: Finding) -> Advice:
    spent, mean = database_ns(scene), scene.summary.total.service.all.mean_ns or 0.0
    gain = None
    if spent and mean:
        gain = (
            f"half the time in the database takes {spent / 2e6:.3g} ms off the mean service time "
            f"of {mean / 1e6:.3g} ms"
        )
    return (
        "find the slowest and the most frequent statements (pg_stat_statements), missing indexes, "
        "locks that are waited for",
        _figure(finding),
        gain,
    )


def _cache(scene: Scene, finding: Finding) -> Advice:
    gain = hit_rate(scene) or _moving_gain(finding)
    return (
        "raise the hit rate: longer lifetimes where the data allow it, more room, several keys "
        "loaded at once, and one look-up for all who miss the same key",
        _figure(finding),
        gain,
    )


def hit_rate(scene: Scene) -> str | None:
    """What the hit rate would have to be: for a failed threshold that hits hold and misses do not,
    its percentile; else what HIT_GOAL would make of the mean."""
    found = layered(scene)
    if found is None:
        return None
    hits = 1.0 - found.miss_share
    for result in scene.results:
        level = _level(result)
        if level is not None and found.hit_ns < result.limit < found.miss_ns:
            return (
                f"{clean(result.text)} needs a hit rate of {100 * level:.3g} % at least: hits "
                f"({found.hit_ns / 1e6:.3g} ms) keep it and misses ({found.miss_ns / 1e6:.3g} ms) "
                f"do not; it was {100 * hits:.3g} %"
            )
    if hits >= HIT_GOAL:
        return None
    now = hits * found.hit_ns + found.miss_share * found.miss_ns
    then = HIT_GOAL * found.hit_ns + (1 - HIT_GOAL) * found.miss_ns
    return (
        f"at a hit rate of {100 * HIT_GOAL:.0f} % (now {100 * hits:.3g} %) the mean response is "
        f"{then / 1e6:.3g} ms instead of {now / 1e6:.3g} ms"
    )


def _level(result: ThresholdResult) -> float | None:
    """The quantile of a failed threshold on a response time of all requests."""
    threshold = parse_threshold(result.text)
    asked = threshold.quantity in (None, "response") and threshold.selector is None
    return threshold.quantile if result.verdict == "FAIL" and asked else None


def _moving_gain(finding: Finding) -> str | None:
    few, many = (_value(finding, f"misses, tenth of the seconds with {w}") for w in
                 ("fewest", "most"))  # fmt: skip
    times = [e.value for e in finding.evidence if e.unit == "ns"]
    if few is None or many is None or len(times) < 2:
        return None
    return (
        f"with {100 * few:.3g} % of misses throughout instead of up to {100 * many:.3g} %, "
        f"{times[1] / 1e6:.3g} ms become {times[0] / 1e6:.3g} ms"
    )


def _breaker(scene: Scene, finding: Finding) -> Advice:
    refused = _value(finding, "answers 503") or 0.0
    whole = scene.summary.total.count
    gain = None
    if refused and whole:
        gain = f"{refused:,.0f} requests ({100 * refused / whole:.3g} %) would have been served"
    return (
        "find what the breaker guards and why it failed; a shorter time to half-open shortens the "
        "outage, not its cause",
        _figure(finding),
        gain,
    )


def _rate_limit(scene: Scene, finding: Finding) -> Advice:
    passed = _value(finding, "answers per second that passed") or 0.0
    refused = _value(finding, "answers 429, of all") or 0.0
    return (
        f"raise the limit for the keys of the test, spread the load over more users, or offer at "
        f"most about {passed:,.0f}/s",
        _figure(finding),
        f"{100 * refused:.3g} % of the requests would have been served",
    )


def _errors(_: Scene, finding: Finding) -> Advice:
    if (_value(finding, MEANT) or 0.0) > MOSTLY:
        return (
            "they are the plan's own doing: see in the events how deep it went and how soon all "
            "was back; where users must not see that, the service needs a fallback",
            _figure(finding),
            None,
        )
    return (
        "begin with the most frequent kind: its examples show what came back, its seconds and the "
        "events under which it began when to look into the target's log",
        _figure(finding),
        None,
    )


def _endpoint(scene: Scene, finding: Finding) -> Advice:
    share = _value(finding, "of all service time") or 0.0
    where = finding.evidence[0].where
    return (
        f"make {clean(where)} faster before all others: it has the most of the time",
        _figure(finding),
        f"at half its time all requests together take {50 * share:.0f} % less",
    )


def _address(scene: Scene, finding: Finding) -> Advice:
    where = finding.evidence[0].where
    slow, usual = _value(finding, "service p95"), _value(finding, "service p95 of the others")
    gain = None
    if slow and usual and finding.evidence[0].unit == "ns":
        gain = f"as fast as the others, its p95 falls from {slow / 1e6:.3g} to {usual / 1e6:.3g} ms"
    return (
        f"compare {clean(where)} with the others (version, load, neighbours, distance), or take it "
        "out until it is mended",
        _figure(finding),
        gain,
    )


def _queueing(scene: Scene, finding: Finding) -> Advice:
    rate, high = _value(finding, "rate at the knee"), _value(finding, "response p")
    text = "what is used up first stands among the other findings, where a probe watched it"
    if rate is None:
        return f"offer less, or add capacity; {text}", _figure(finding), None
    mean = scene.summary.total.rate_per_s or rate
    gain = (
        f"below {rate:,.0f}/s requests do not queue"
        + (f" (response {high / 1e6:.3g} ms)" if high else "")
        + (f"; for {mean:,.0f}/s it needs {mean / rate:.2f} times the capacity" * (mean > rate))
    )
    return f"stay below the knee, or add capacity; {text}", _figure(finding), gain


ADVISE: dict[str, Callable[[Scene, Finding], Advice]] = {
    "generator": _generator,
    "network": _network,
    "connect": _connect,
    "cpu": _cpu,
    "memory": _memory,
    "pool": _pool,
    "database": _database,
    "cache": _cache,
    "breaker": _breaker,
    "rate_limit": _rate_limit,
    "errors": _errors,
    "endpoint": _endpoint,
    "address": _address,
    "queueing": _queueing,
}
TITLES = {
    "generator": "Trust the generator first",
    "network": "Mend the network",
    "connect": "Keep connections",
    "cpu": "More CPU, or less of it per request",
    "memory": "More memory, or less of it",
    "pool": "Widen the narrowest pool",
    "database": "Spare the database",
    "cache": "Raise the hit rate",
    "breaker": "Find what the breaker guards",
    "rate_limit": "Look at the rate limit",
    "errors": "Stop the failures",
    "endpoint": "Make the slow endpoint faster",
    "address": "Look at the odd address",
    "queueing": "Stay below the knee",
}
