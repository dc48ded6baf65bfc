"""Is it one place: setting up connections, one endpoint, one address?"""

import numpy as np

from velroload.analysis.finding import LIKELY, POSSIBLE, Evidence, Finding
from velroload.analysis.resources import strained
from velroload.analysis.result import Quantity, Row
from velroload.analysis.scene import Scene
from velroload.plan.mask import clean

SET_UP = 0.25
"""Connecting and shaking hands, as a share of all response time."""
NEW = 0.05
"""Requests on new connections, of all."""
SLOWER, MUCH_SLOWER = 5.0, 10.0
"""An endpoint's p95 over the median of the others' where something is amiss, and where nothing is:
operations differ, and that alone is no bottleneck."""
OF_ALL = 0.30
"""Its share of all service time."""
LEAST_ENDPOINTS = 3
APART = 1.25
"""An address: its interval's lower end over the upper end of every other."""
FAILING = 5.0


def connect(scene: Scene) -> Finding | None:
    """Too much of the time goes into new connections."""
    total = scene.summary.total
    whole = (total.response.all.mean_ns or 0.0) * total.response.all.count
    parts = [total.parts.get(part) for part in (Quantity.CONNECT, Quantity.TLS)]
    sums = [(p.mean_ns or 0.0) * p.count if p else 0.0 for p in parts]
    opened = max((p.count for p in parts if p), default=0)
    if not whole or not total.count:
        return None
    share, new = sum(sums) / whole, opened / total.count
    if share < SET_UP or new < NEW:
        return None
    each = sum(sums) / opened
    text = (
        f"{opened:,} of {total.count:,} requests opened a connection ({100 * new:.0f} %), which "
        f"took {each / 1e6:.3g} ms each: {100 * share:.0f} % of all response time"
    )
    evidence = [
        Evidence("setting up, of all response time", share, "share", "connect and tls"),
        Evidence("requests on new connections", new, "share", "connect"),
        Evidence("time to set one up, mean", each, "ns", "connect and tls"),
    ]
    if sums[1]:
        evidence.append(Evidence("of which TLS", sums[1] / sum(sums), "share", "tls"))
    return Finding(
        code="connect",
        title="Setting up connections takes much of the time",
        text=text,
        confidence=LIKELY,
        evidence=tuple(evidence),
        score=min(1.0, share),
    )


def endpoint(scene: Scene) -> Finding | None:
    """One endpoint that is far slower than the others and has much of all the time."""
    rows = [
        row
        for row in scene.summary.rows
        if row.kind == "request" and not row.setup and _p95(row) is not None
    ]
    if len(rows) < LEAST_ENDPOINTS:
        return None
    times = {row.id: (row.service.all.mean_ns or 0.0) * row.service.all.count for row in rows}
    slow = max(rows, key=lambda row: _p95(row) or 0)
    others = float(np.median([_p95(row) or 0 for row in rows if row is not slow]))
    mine, share = float(_p95(slow) or 0), times[slow.id] / max(1.0, sum(times.values()))
    amiss = strained(scene)
    if mine < (SLOWER if amiss else MUCH_SLOWER) * others or share < OF_ALL:
        return None
    text = (
        f"{clean(slow.name)}: service p95 {mine / 1e6:.3g} ms, the median of the others' is "
        f"{others / 1e6:.3g} ms; it has {100 * share:.0f} % of all service time with "
        f"{100 * slow.count / max(1, scene.summary.total.count):.0f} % of the requests"
    )
    return Finding(
        code="endpoint",
        title="One endpoint is slow",
        text=text,
        confidence=LIKELY if amiss else POSSIBLE,
        evidence=(
            Evidence("service p95", mine, "ns", slow.name),
            Evidence("service p95 of the others, median", others, "ns", "endpoints"),
            Evidence("of all service time", share, "share", slow.name),
        ),
        score=share,
    )


def _p95(row: Row) -> int | None:
    return row.service.all.percentiles["p95"].value_ns


def address(scene: Scene) -> Finding | None:
    """One address that answers slower, or fails more, than every other: they should be alike."""
    rows = [row for row in scene.summary.rows if row.kind == "address" and row.count]
    return (_slow_address(rows) or _failing_address(rows)) if len(rows) > 1 else None


def _slow_address(rows: list[Row]) -> Finding | None:
    known = [row for row in rows if _p95(row) is not None]
    if len(known) < 2:
        return None
    slow = max(known, key=lambda row: _p95(row) or 0)
    found = slow.service.all.percentiles["p95"]
    others = [row.service.all.percentiles["p95"] for row in known if row is not slow]
    next_ns = max(other.high_ns or other.value_ns or 0 for other in others)
    if found.low_ns is None or found.value_ns is None or found.low_ns < APART * next_ns:
        return None
    usual = float(np.median([other.value_ns or 0 for other in others]))
    text = (
        f"{clean(slow.name)}: service p95 {found.value_ns / 1e6:.3g} ms (at least "
        f"{found.low_ns / 1e6:.3g}), the other addresses' {usual / 1e6:.3g} ms"
    )
    return Finding(
        code="address",
        title="One address is slow",
        text=text,
        confidence=LIKELY,
        evidence=(
            Evidence("service p95", found.value_ns, "ns", slow.name),
            Evidence("service p95, lower end of its interval", found.low_ns, "ns", slow.name),
            Evidence("service p95 of the others, median", usual, "ns", "addresses"),
        ),
        score=min(1.0, found.value_ns / usual / 10) if usual else 1.0,
    )


def _failing_address(rows: list[Row]) -> Finding | None:
    bad = max(rows, key=lambda row: row.failed_low or 0.0)
    others = [row for row in rows if row is not bad]
    most = max(row.failed_high or 0.0 for row in others)
    low = bad.failed_low or 0.0
    if bad.failed + bad.transport < 10 or low <= 0.001 or low < FAILING * most:
        return None
    share = (bad.failed + bad.transport) / bad.count
    text = (
        f"{clean(bad.name)}: {100 * share:.3g} % of its requests failed, of every other address at "
        f"most {100 * most:.3g} %"
    )
    return Finding(
        code="address",
        title="One address fails",
        text=text,
        confidence=LIKELY,
        evidence=(
            Evidence("requests that failed", share, "share", bad.name),
            Evidence("requests that failed elsewhere, at most", most, "share", "addresses"),
        ),
        score=min(1.0, 10 * share),
    )
