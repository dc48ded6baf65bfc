"""The shares that thresholds speak of, as counters of the run folder: what counts as a hit of what.

A look-up that the source behind the caches had to answer (L3) is a miss: no cache had it.
"""

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from velroload.analysis.cells import counter_series
from velroload.analysis.samples import LAYERS
from velroload.journal import Counter
from velroload.rundata import RunData

Floats = NDArray[np.float64]

MISS, HIT, L1, L2, L3 = (Counter.CACHE + layer for layer in sorted(LAYERS))

SHARES: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "errors": (
        (Counter.FAILED, Counter.TRANSPORT),
        (Counter.OK, Counter.FAILED, Counter.TRANSPORT),
    ),
    "checks": ((Counter.OK,), (Counter.OK, Counter.FAILED)),
    "cache": ((HIT, L1, L2), (MISS, HIT, L1, L2, L3)),
}
"""Metric → (counters that are hits, counters that are all)."""

NOTHING = {"cache": "no answer told where it came from"}
"""Why there is nothing to judge, where that is not simply that nothing was measured."""


def share_counts(values: Mapping[int, int], metric: str) -> tuple[int, int]:
    """(hits, all) of a metric."""
    hits, every = SHARES[metric]
    return sum(values.get(each, 0) for each in hits), sum(values.get(each, 0) for each in every)


def share_series(
    data: RunData, ids: Collection[int], metric: str, length: int
) -> tuple[Floats, Floats]:
    """(hits, all) per second, float64[length] each."""
    hits, every = SHARES[metric]
    parts = ([counter_series(data, ids, each, length) for each in part] for part in (hits, every))
    first, second = (np.asarray(np.sum(part, axis=0), np.float64) for part in parts)
    return first, second
