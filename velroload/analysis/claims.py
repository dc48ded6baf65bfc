"""One threshold against one run: the observed value, its bounds, what disturbs it, the verdict."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from velroload.analysis.cells import (
    Late,
    Slices,
    count_above,
    counter_values,
    late,
    seconds_of,
    slices,
    upper_edges,
    with_failures,
)
from velroload.analysis.hold import held_seconds
from velroload.analysis.interval import (
    ONE_SIDED,
    ShareTest,
    effective_size,
    percentile_columns,
    samples_needed,
    share_bounds,
)
from velroload.analysis.outcome import outcome
from velroload.analysis.reach import complete_per_second
from velroload.analysis.recovered import judge_recovery
from velroload.analysis.result import Quantity, Summary, ThresholdResult, Validity
from velroload.analysis.shares import NOTHING, share_counts, share_series
from velroload.analysis.summary import is_flow
from velroload.analysis.windows import worst_window
from velroload.histogram import Histogram, rank_of
from velroload.journal import Counter
from velroload.plan.threshold import Threshold, Verdict
from velroload.quantity import QUANTITIES
from velroload.rundata import RunData

LAG_DID_IT = "the limit was exceeded, but the generator's own lag may have done it"
SECONDS_DID_IT = "the limit was exceeded, but not without the generator's bad seconds"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a threshold is judged against; `data` is what counts of the `whole` run. pass_tail and
    fail_tail: the probability of a wrong PASS or FAIL that is allowed (less in a set: Holm)."""

    data: RunData
    whole: RunData
    summary: Summary
    validity: Validity
    pass_tail: float = ONE_SIDED
    fail_tail: float = ONE_SIDED

    @property
    def paced(self) -> bool:
        """True when generator lag may be judged."""
        return bool(self.data.manifest.get("model", {}).get("paced"))

    def test(self, total: float, allowed: float, thinning: float) -> ShareTest:
        """A test at this claim's own levels."""
        return ShareTest(total, allowed, thinning, self.pass_tail, self.fail_tail)


def judge_claim(
    claim: Claim, threshold: Threshold, ids: list[int] | None = None
) -> ThresholdResult:
    """The threshold's result over these endpoints, or over those that it names; NOT MEASURED when
    nothing of that name exists in the run."""
    ids = _selected(claim.data, threshold) if ids is None else ids
    if not ids:
        return outcome(threshold, Verdict.NOT_MEASURED, why=f"no {_what(threshold)} in this run")
    if threshold.metric == "recovery":
        bad = [second.second for second in claim.validity.bad_seconds if second.severe]
        return judge_recovery(claim.whole, threshold, ids, bad)
    if threshold.window_ns is not None:
        return _windowed(claim, threshold, ids)
    if threshold.metric == "percentile":
        return _percentile(claim, threshold, ids)
    if threshold.metric in ("max", "min", "mean"):
        return _extreme(claim, threshold, ids)
    if threshold.metric == "rate":
        return _rate(claim, threshold, ids)
    return _share(claim, threshold, ids)


def _what(threshold: Threshold) -> str:
    chosen = threshold.selector
    return f"{chosen.kind} {chosen.name!r}" if chosen else "endpoint"


def _selected(data: RunData, threshold: Threshold) -> list[int]:
    endpoints = data.manifest.get("endpoints", [])
    chosen = threshold.selector
    if chosen is None:
        return [e["id"] for e in endpoints if is_flow(e)]
    return [e["id"] for e in endpoints if chosen.chooses(e)]


def _settle(test: ShareTest, least: float, most: float) -> Verdict:
    """PASS when even `most` hits stay below what is allowed, FAIL when `least` exceed it."""
    if test.below(most):
        return Verdict.PASS
    return Verdict.FAIL if test.above(least) else Verdict.INCONCLUSIVE


def _thinning(hits: Slices, limit_ns: float) -> float:
    totals = hits.totals()
    whole = float(totals.sum())
    return effective_size(hits.above(limit_ns), totals).size / whole if whole else 1.0


def _percentile(claim: Claim, threshold: Threshold, ids: list[int]) -> ThresholdResult:
    data, quantile, limit = claim.data, threshold.quantile or 0.5, threshold.limit
    quantity = Quantity(QUANTITIES.index(threshold.quantity or "response"))
    timed = quantity in (Quantity.RESPONSE, Quantity.SERVICE)
    histogram = data.histogram(quantity, endpoints=ids, outcomes=(0,) if timed else (0, 1))
    never = _failures(data, ids) if timed else 0
    count = histogram.count + never
    if not count:
        return outcome(threshold, Verdict.INCONCLUSIVE, why="nothing was measured")
    parts = with_failures(data, slices(data, quantity, ids), quantity, ids)
    above = tuple(hits + never for hits in count_above(histogram, limit))
    upward = threshold.op in (">", ">=")
    allowed = quantile if upward else 1.0 - quantile
    test = claim.test(count, allowed, _thinning(parts, limit))
    least, most = (count - above[1], count - above[0]) if upward else above
    if threshold.op == "==":
        value = _value(histogram, quantile, count)
        held = value is not None and threshold.holds(value)
        verdict = Verdict.PASS if held else Verdict.FAIL
    else:
        verdict = _settle(test, least, most)
    added = suspect = None
    if quantity == Quantity.RESPONSE and not upward:
        lateness = late(data, ids, (0,)) if claim.paced else None
        added = lateness.most_added_ns(quantile, never=never) if lateness else None
        if verdict == Verdict.FAIL or (verdict == Verdict.INCONCLUSIVE and test.exceeds(most)):
            suspect = _voids_fail(claim, threshold, test, lateness, never, parts, verdict)
    if verdict == Verdict.PASS and quantity == Quantity.RESPONSE:
        suspect = _voids_pass(claim, test, most)
    supported = count >= samples_needed(quantile)
    low, high = _ends(parts, quantile, histogram) if supported else (None, None)
    observed = _value(histogram, quantile, count) if supported else None
    if low is not None and observed is not None:
        low, high = min(low, observed), None if high is None else max(high, observed)
    verdict = Verdict.INCONCLUSIVE if suspect else verdict
    return outcome(
        threshold,
        verdict,
        observed=observed,
        low=low,
        high=high,
        count=count,
        infinite=supported and observed is None,
        added=added,
        needed=None if suspect or verdict != Verdict.INCONCLUSIVE else test.needed(most),
        why=f"{most:,} of {count:,} {'below' if upward else 'above'} the limit"
        + (f", {never:,} of them failed" if never and not upward else ""),
        suspect=suspect,
    )


def _failures(data: RunData, ids: Collection[int]) -> int:
    values = counter_values(data, ids)
    return values.get(Counter.FAILED, 0) + values.get(Counter.TRANSPORT, 0)


def _value(histogram: Histogram, quantile: float, count: int) -> float | None:
    """The quantile of `count` values of which those outside the histogram are infinite."""
    rank = max(1, rank_of(100.0 * quantile, count))
    if rank > histogram.count:
        return None
    place = int(np.searchsorted(np.cumsum(histogram.counts), rank))
    return float(np.clip(upper_edges()[place], histogram.min, histogram.max))


def _ends(
    parts: Slices, quantile: float, histogram: Histogram
) -> tuple[float | None, float | None]:
    columns = percentile_columns(parts.weights, (quantile,))[0]
    if columns is None or not histogram.count:
        return None, None
    low, high = parts.lower_ns(columns[0]), parts.upper_ns(columns[1])
    return (
        None if low is None else float(max(low, histogram.min)),
        None if high is None else float(min(high, histogram.max)),
    )


def _voids_fail(
    claim: Claim,
    threshold: Threshold,
    test: ShareTest,
    lateness: Late | None,
    never: int,
    parts: Slices,
    verdict: Verdict,
) -> str | None:
    """Why a FAIL of a response time (or what looks like one) does not stand; None when it does."""

    def stands(test: ShareTest, hits: float) -> bool:
        return test.above(hits) if verdict == Verdict.FAIL else test.exceeds(hits)

    if lateness and not stands(test, lateness.least_above(threshold.limit) + never):
        return LAG_DID_IT
    bad = [entry.second for entry in claim.validity.bad_seconds]
    if not bad:
        return None
    good = parts.without(bad)
    total, hits = float(good.totals().sum()), float(good.above(threshold.limit).sum())
    if not total or not stands(claim.test(total, test.allowed, test.thinning), hits):
        return SECONDS_DID_IT
    return None


def _voids_pass(claim: Claim, test: ShareTest, most: float) -> str | None:
    """Why a PASS does not stand: what was not sent might have been as bad as can be."""
    share = claim.validity.unsent_share
    if not 0.0 < share < 1.0:
        return None
    unsent = test.total * share / (1.0 - share)
    whole = claim.test(test.total + unsent, test.allowed, test.thinning)
    if whole.below(most + unsent):
        return None
    return f"it holds for what was sent, but {100 * share:.2g} % of the planned load was not"


def _extreme(claim: Claim, threshold: Threshold, ids: list[int]) -> ThresholdResult:
    """max, min and mean: counted exactly, so compared without bounds.

    A failure is infinitely slow for max; mean is that of the complete responses.
    """
    data = claim.data
    quantity = Quantity(QUANTITIES.index(threshold.quantity or "response"))
    timed = quantity in (Quantity.RESPONSE, Quantity.SERVICE)
    outcomes = (0,) if timed and threshold.metric != "mean" else (0, 1)
    histogram = data.histogram(quantity, endpoints=ids, outcomes=outcomes)
    never = _failures(data, ids) if timed and threshold.metric == "max" else 0
    count = histogram.count + never
    if not count:
        return outcome(threshold, Verdict.INCONCLUSIVE, why="nothing was measured")
    if never:
        verdict = Verdict.PASS if threshold.holds(math.inf) else Verdict.FAIL
        why = f"{never:,} of {count:,} failed"
        return outcome(threshold, verdict, count=count, infinite=True, why=why)
    values = {"max": histogram.max, "min": histogram.min, "mean": histogram.sum / histogram.count}
    observed = float(values[threshold.metric])
    verdict = Verdict.PASS if threshold.holds(observed) else Verdict.FAIL
    added = suspect = None
    if quantity == Quantity.RESPONSE and claim.paced and threshold.metric != "min":
        lateness = late(data, ids, outcomes)
        if threshold.metric == "max":
            added = float(lateness.most_added_ns(1.0) or 0)
        elif lateness.lag.count:
            added = lateness.lag.sum / lateness.lag.count
        if verdict == Verdict.FAIL and threshold.holds(observed - (added or 0.0)):
            suspect = LAG_DID_IT
    return outcome(
        threshold,
        Verdict.INCONCLUSIVE if suspect else verdict,
        observed=observed,
        count=count,
        added=added,
        suspect=suspect,
    )


def _share(claim: Claim, threshold: Threshold, ids: list[int]) -> ThresholdResult:
    """errors: failed and transport over all; checks: as expected over all complete responses;
    cache: look-ups that a cache answered over all that told."""
    hits, count = share_counts(counter_values(claim.data, ids), threshold.metric)
    if not count:
        verdict = Verdict.NOT_MEASURED if threshold.metric in NOTHING else Verdict.INCONCLUSIVE
        why = NOTHING.get(threshold.metric, "nothing was measured")
        return outcome(threshold, verdict, why=why)
    thinning = _share_thinning(claim, ids, threshold.metric)
    low, high = share_bounds(hits * thinning, count * thinning)
    observed = hits / count
    upward = threshold.op in (">", ">=")
    test = claim.test(count, 1.0 - threshold.limit if upward else threshold.limit, thinning)
    misses = count - hits if upward else hits
    exact = threshold.op == "==" or test.allowed <= 0.0
    suspect = None
    if exact:
        verdict = Verdict.PASS if threshold.holds(observed) else Verdict.FAIL
    else:
        verdict = _settle(test, misses, misses)
        suspect = _voids_pass(claim, test, misses) if verdict == Verdict.PASS else None
    verdict = Verdict.INCONCLUSIVE if suspect else verdict
    open_ = verdict == Verdict.INCONCLUSIVE and not suspect
    return outcome(
        threshold,
        verdict,
        observed=observed,
        low=low,
        high=high,
        count=count,
        needed=test.needed(misses) if open_ else None,
        why=f"{hits:,} of {count:,}",
        suspect=suspect,
    )


def _share_thinning(claim: Claim, ids: Sequence[int], metric: str) -> float:
    hits, totals = share_series(claim.data, ids, metric, seconds_of(claim.data))
    whole = float(totals.sum())
    return effective_size(hits, totals).size / whole if whole else 1.0


def _rate(claim: Claim, threshold: Threshold, ids: list[int]) -> ThresholdResult:
    """Complete responses per second of the hold: counted, so compared without bounds."""
    parts = held_seconds(claim.whole)
    if parts:
        seconds: float = sum(map(len, parts))
        every = complete_per_second(claim.whole, ids, parts[-1].stop)
        values = np.concatenate([every[part.start : part.stop] for part in parts])
    else:
        seconds = claim.summary.hold_s
        values = complete_per_second(claim.data, ids, seconds_of(claim.data))
    if not values.sum() or seconds <= 0:
        return outcome(threshold, Verdict.INCONCLUSIVE, why="no response was complete")
    observed = float(values.sum()) / seconds
    verdict = Verdict.PASS if threshold.holds(observed) else Verdict.FAIL
    suspect = None
    unsent = claim.validity.unsent / seconds
    if verdict == Verdict.FAIL and unsent and threshold.holds(observed + unsent):
        verdict = Verdict.INCONCLUSIVE
        suspect = "the rate was missed, but so was part of the planned load"
    return outcome(
        threshold,
        verdict,
        observed=observed,
        count=int(values.sum()),
        why=f"over {seconds:g} s",
        suspect=suspect,
    )


def _windowed(claim: Claim, threshold: Threshold, ids: list[int]) -> ThresholdResult:
    found = worst_window(claim.whole, claim.data, threshold, ids)
    if found is None:
        why = "no window of that length could be judged"
        return outcome(threshold, Verdict.INCONCLUSIVE, why=why)
    verdict = Verdict.PASS if threshold.holds(found.value) else Verdict.FAIL
    suspect = None
    if verdict == Verdict.FAIL and _is_ours(claim, threshold, ids):
        verdict, suspect = Verdict.INCONCLUSIVE, SECONDS_DID_IT
    finite = math.isfinite(found.value)
    return outcome(
        threshold,
        verdict,
        observed=found.value if finite else None,
        infinite=not finite,
        count=found.count,
        why=f"worst window: from second {found.start}",
        suspect=suspect,
    )


def _is_ours(claim: Claim, threshold: Threshold, ids: list[int]) -> bool:
    """True when a window fails only where the generator was disturbed: it can make a response slow
    and a rate low, nothing else."""
    slow = threshold.metric in ("percentile", "max", "mean") and threshold.op in ("<", "<=")
    low = threshold.metric == "rate" and threshold.op in (">", ">=")
    bad = [entry.second for entry in claim.validity.bad_seconds]
    if not bad or not (low or (slow and threshold.quantity in (None, "response"))):
        return False
    good = worst_window(claim.whole, claim.data, threshold, ids, bad)
    return good is None or threshold.holds(good.value)
