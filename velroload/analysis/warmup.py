"""How long a target took to get going: MSER-5 (White 1997) over the seconds of a hold.

The cut is said, with the figures before and after; it changes no verdict. What is cut must differ
from the rest by more than the rest's own noise, or MSER would find a beginning in any series.
"""

import numpy as np
from numpy.typing import NDArray

from velroload.analysis.cells import Slices, slices
from velroload.analysis.outlook import WarmUp
from velroload.analysis.result import Quantity, Series
from velroload.rundata import RunData

BATCH = 5
MOST_SHARE = 0.20
BATCHES_LEAST = 10
"""Fewer say nothing."""
NEAR = 1.05
"""The earliest cut whose error is so near to the least: behind the true one the curve is flat."""
DIFFERS = 3.0
"""Standard errors by which the mean of what is cut must differ from the rest's."""

Floats = NDArray[np.float64]


def mser(values: Floats) -> int:
    """How many values at the beginning to cut; at most half of them, a multiple of BATCH."""
    count = len(values) // BATCH
    if count < BATCHES_LEAST:
        return 0
    means = values[: count * BATCH].reshape(count, BATCH).mean(axis=1)
    left = np.arange(count, 0, -1, dtype=np.float64)
    sums, squares = np.cumsum(means[::-1])[::-1], np.cumsum(means[::-1] ** 2)[::-1]
    errors = np.maximum(squares - sums**2 / left, 0.0) / left**2
    errors = errors[: count // 2]
    cut = int(np.argmax(errors <= NEAR * errors.min()))
    return cut * BATCH if _differs(means, cut) else 0


def _differs(means: Floats, cut: int) -> bool:
    if not cut:
        return False
    before, after = means[:cut], means[cut:]
    error = float(after.std(ddof=1)) * np.sqrt(1.0 / len(before) + 1.0 / len(after))
    least = max(DIFFERS * float(error), 1e-9 * abs(float(after.mean())))
    return abs(float(before.mean() - after.mean())) > least


def warm_up_of(held: RunData, ids: list[int], series: Series, seconds: range) -> WarmUp | None:
    """The warm-up of a hold of these whole seconds; None where it is too short to tell."""
    if len(seconds) < BATCH * BATCHES_LEAST:
        return None
    inside = slice(seconds.start, seconds.stop)
    completed = np.array(series.completed[inside], dtype=np.float64)
    cuts = {"throughput": mser(completed)}
    for name, values in (("p50", series.p50_ns), ("p99", series.p99_ns)):
        known = [value for value in values[inside] if value is not None]
        if len(known) == len(seconds):
            cuts[name] = mser(np.array(known, dtype=np.float64))
    by = max(cuts, key=lambda name: cuts[name])
    most = int(MOST_SHARE * len(seconds))
    cut = min(cuts[by], most)
    parts = slices(held, Quantity.RESPONSE, ids)
    whole = parts.between(seconds.start, seconds.stop)
    kept = parts.between(seconds.start + cut, seconds.stop)
    return WarmUp(
        seconds=cut,
        by=by if cut else None,
        most_s=most,
        p50_ns=_quantile(whole, 0.5),
        p99_ns=_quantile(whole, 0.99),
        rate_per_s=float(completed.mean()),
        trimmed_p50_ns=_quantile(kept, 0.5),
        trimmed_p99_ns=_quantile(kept, 0.99),
        trimmed_rate_per_s=float(completed[cut:].mean()),
    )


def _quantile(parts: Slices, level: float) -> int | None:
    column = parts.column(level)
    return None if column is None else parts.upper_ns(column)
