"""Response time bimodality: two humps where one was to be expected, and what parts them.

The histogram of the whole run, in bins of equal width on a logarithmic axis after Freedman and
Diaconis (1981). Two humps are told where the valley between them is so much lower than the lower
one that a smooth distribution does not show it by chance, is half as low, and both sides hold a
share that matters. Requests of one second are alike, so the counts are taken as those of the
effective sample.
"""

import math

import numpy as np
from numpy.typing import NDArray

from velroload.analysis.cells import lower_edges, seconds_of, upper_edges
from velroload.analysis.interval import effective_size
from velroload.analysis.outlier import Modes
from velroload.analysis.result import Quantity
from velroload.analysis.samples import counted, response_ns
from velroload.analysis.summary import is_flow
from velroload.analysis.tail import LEAST_OTHERS, apart
from velroload.histogram import Histogram
from velroload.rundata import RunData

Floats = NDArray[np.float64]
LEAST = 500
"""Fewer responses show no shape."""
DEEP = 0.5
"""The valley's height over that of the lower hump, at most."""
SIDE = 0.03
"""Each side has this share at least."""
SURE = 4.0
"""Standard errors between the lower hump and the valley: with some dozens of bins, four keep false
alarms below 5 % for every shape and size that was tried (docs/decisions.md)."""
APART = 1.25
"""The humps' distance, as a ratio of times: nearer ones are one."""
NARROWEST = math.log(1.02)
MOST_BINS = 400


def modes(data: RunData, held: RunData) -> tuple[Modes, ...]:
    """Every endpoint of the flow with two humps, those with the slowest first."""
    found = []
    for entry in data.manifest.get("endpoints", []):
        if not is_flow(entry):
            continue
        times = held.histogram(Quantity.RESPONSE, endpoints=entry["id"])
        if two_humps(times) is None:  # nor will a smaller sample show any
            continue
        humps = two_humps(times, thinning(held, entry["id"], times.count))
        if humps is None:
            continue
        fast, slow, valley = humps
        samples = counted(held.reservoir, data)
        samples = samples[samples["endpoint"] == entry["id"]]
        beyond = response_ns(samples) > valley
        share = float(times.counts[lower_edges() > valley].sum() / times.count)
        few = min(beyond.sum(), (~beyond).sum()) < LEAST_OTHERS / 2
        traits = () if few else apart(data, samples[beyond], samples[~beyond], share)
        made = Modes(entry["name"], fast, slow, valley, share, times.count, traits)
        found.append(made)
    return tuple(sorted(found, key=lambda each: -each.slow_ns))


def thinning(data: RunData, endpoint: int, count: int) -> float:
    """The share of an endpoint's responses that its effective sample is, by how the median's
    excesses vary from second to second."""
    length = seconds_of(data)
    if length < 2 or not count:
        return 1.0
    rows = data.part("series", (endpoint,), Quantity.RESPONSE)
    if not len(rows):
        return 1.0
    order = np.argsort(rows["bin"], kind="stable")
    cumulative = np.cumsum(rows["count"][order].astype(np.int64))
    middle = rows["bin"][order][np.searchsorted(cumulative, cumulative[-1] / 2)]
    seconds, counts = rows["second"].astype(np.int64), rows["count"].astype(np.float64)
    whole = np.bincount(seconds, counts, length).astype(np.float64)
    over = counts * (rows["bin"] > middle)
    above = np.bincount(seconds, over, length).astype(np.float64)
    return min(1.0, effective_size(above, whole).size / max(1.0, float(whole.sum())))


def two_humps(times: Histogram, thin: float = 1.0) -> tuple[int, int, int] | None:
    """(fast, slow, valley) in ns, or None where there is one hump. `thin`: see thinning."""
    if times.count * thin < LEAST:
        return None
    heights, centres = _logarithmic(times, thin)
    whole = heights.sum()
    best: tuple[float, int, int, int] | None = None
    before, after = np.cumsum(heights), np.cumsum(heights[::-1])[::-1]
    left = np.maximum.accumulate(heights)
    right = np.maximum.accumulate(heights[::-1])[::-1]
    for place in range(1, len(heights) - 1):
        lower = min(left[place - 1], right[place + 1])
        low = heights[place]
        if low > DEEP * lower or min(before[place - 1], after[place + 1]) < SIDE * whole:
            continue
        sure = (lower - low) / math.sqrt(lower + low + 1.0)
        if sure >= SURE and (best is None or sure > best[0]):
            fast = int(np.argmax(heights[:place]))
            slow = place + 1 + int(np.argmax(heights[place + 1 :]))
            best = (sure, fast, slow, place)
    if best is None:
        return None
    _, fast, slow, valley = best
    if centres[slow] - centres[fast] < math.log(APART):
        return None
    return _ns(centres[fast]), _ns(centres[slow]), _ns(centres[valley])


def _ns(logarithm: float) -> int:
    return round(math.exp(float(logarithm)))


def _logarithmic(times: Histogram, thin: float) -> tuple[Floats, Floats]:
    """Counts per bin of equal width on a logarithmic axis, of the effective sample, and the bins'
    centres. A histogram's own bin is spread over all that it covers."""
    used = np.flatnonzero(times.counts)
    counts = times.counts[used].astype(np.float64) * thin
    low = np.log(np.maximum(lower_edges()[used], 1).astype(np.float64))
    high = np.log(np.maximum(upper_edges()[used] + 1, 2).astype(np.float64))
    cumulative = np.cumsum(counts) / counts.sum()
    first, third = (float(low[np.searchsorted(cumulative, q)]) for q in (0.25, 0.75))
    spread = max(third - first, NARROWEST)
    width = max(2.0 * spread / counts.sum() ** (1 / 3), NARROWEST)
    start, stop = float(low[0]), float(high[-1])
    bins = int(min(MOST_BINS, math.ceil((stop - start) / width) + 1))
    edges = start + (np.arange(bins + 1) - 0.5) * max(width, (stop - start) / MOST_BINS)
    cuts = np.concatenate([[0.0], np.cumsum(counts)])
    points = np.append(low, high[-1])
    heights = np.diff(np.interp(edges, points, cuts))
    return heights, (edges[1:] + edges[:-1]) / 2.0
