"""How sure a figure is: support of a percentile, its interval, bounds of a share.

Everything here works on plain numbers and arrays; nothing knows a run. Requests of one second are
alike (they met the same queue), so the unit that is resampled is a slice of time, never a request.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from random import Random

import numpy as np
from numpy.typing import NDArray

from velroload.analysis.beta import beta_quantile, student_quantile

CONFIDENCE = 0.95
ONE_SIDED = 1.0 - CONFIDENCE
NORMAL_95 = 1.6448536269514722
"""The normal distribution's quantile at 95 %."""
NEEDED_MAX = 10**12
"""A sample size beyond this helps nobody."""
RESAMPLES = 1_000
MAX_SLICES = 240
"""Longer runs are resampled in longer slices: the cost is RESAMPLES x slices x bins."""
COARSE = 16
"""Columns are looked at in such steps first, and all of them only where a quantile comes to lie."""
MIN_SLICES = 10
"""Slices are not lengthened when fewer than this many would remain."""
FEW_SLICES = 20
"""Below this many the bootstrap alone covers too seldom (measured: 80-93 % of 95 %)."""
BOOTSTRAP_SEED = 20_240_229
"""Fixed: the same run folder gives the same interval in every report."""


def samples_needed(quantile: float, confidence: float = CONFIDENCE) -> int:
    """Fewest samples that carry a two-sided interval of the quantile (0 < quantile < 1).

    The interval's upper end is an order statistic, at best the largest of n samples, and all of
    them lie below the quantile with probability quantile**n: that must not exceed half of what
    confidence leaves. p99 needs 368, p99.9 3,688, p99.99 36,887.
    """
    side = max(quantile, 1.0 - quantile)
    return math.ceil(math.log((1.0 - confidence) / 2.0) / math.log(side))


def share_bounds(
    hits: float, total: float, *, tail: float = (1.0 - CONFIDENCE) / 2.0
) -> tuple[float, float]:
    """Clopper–Pearson bounds of a share, each missed with probability `tail` at most.

    `hits` and `total` need not be whole: under correlation both are divided by the design effect
    (Korn and Graubard 1998). (0.0, 1.0) when there is nothing to judge by.
    """
    if total <= 0:
        return 0.0, 1.0
    if hits <= 0:
        return 0.0, 1.0 - tail ** (1.0 / total)
    if hits >= total:
        return tail ** (1.0 / total), 1.0
    low = beta_quantile(hits, total - hits + 1.0, tail)
    high = beta_quantile(hits + 1.0, total - hits, 1.0 - tail)
    return low, high


def slice_length(hits: NDArray[np.float64], totals: NDArray[np.float64]) -> int:
    """How many neighbouring slices to join so that the joined ones look independent.

    Doubles while the lag-1 autocorrelation of the residuals hits - share x totals is significant
    (one-sided 5 %) and MIN_SLICES joined slices remain; more than MAX_SLICES are always joined.
    """
    length = max(1, math.ceil(len(totals) / MAX_SLICES))
    while len(totals) // (2 * length) >= MIN_SLICES:
        joined, weight = join(hits, length), join(totals, length)
        residual = joined - joined.sum() / max(weight.sum(), 1.0) * weight
        spread = float(residual @ residual)
        if (
            spread <= 0
            or float(residual[:-1] @ residual[1:]) / spread < NORMAL_95 / len(joined) ** 0.5
        ):
            break
        length *= 2
    return length


def join(slices: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Sum every `length` neighbours along axis 0; the last one may be short."""
    if length == 1:
        return slices
    whole = len(slices) // length * length
    joined = slices[:whole].reshape(-1, length, *slices.shape[1:]).sum(axis=1)
    left = slices[whole:].sum(axis=0, keepdims=True)
    return np.concatenate([joined, left]) if whole < len(slices) else joined


@dataclass(frozen=True, slots=True)
class Effective:
    """What correlation leaves of a sample.

    size: requests that would tell as much if they were independent (at most the true count);
    design_effect: variance of the share over its binomial variance, at least 1; slices: judged by.
    """

    size: float
    design_effect: float
    slices: int


def effective_size(hits: NDArray[np.float64], totals: NDArray[np.float64]) -> Effective:
    """Effective number of requests behind sum(hits) / sum(totals), both per slice of time.

    Ratio estimator over joined slices, shrunk by the t quantile of the few slices there are (Korn
    and Graubard 1998). With fewer than two slices correlation cannot be seen: size = the count.
    """
    total = float(totals.sum())
    share = float(hits.sum()) / total if total > 0 else 0.0
    filled = totals > 0
    hits, totals = hits[filled], totals[filled]
    if len(totals) >= 2:
        length = slice_length(hits, totals)
        hits, totals = join(hits, length), join(totals, length)
    count = len(totals)
    if count < 2 or not 0.0 < share < 1.0:
        return Effective(total, 1.0, count)
    residual = hits - share * totals
    variance = count / (count - 1) * float(residual @ residual) / total**2
    effect = variance / (share * (1.0 - share) / total)
    if effect <= 1.0:
        return Effective(total, 1.0, count)
    few = (NORMAL_95 / student_quantile(count - 1, 0.95)) ** 2
    return Effective(total / effect * few, effect / few, count)


@dataclass(frozen=True, slots=True)
class ShareTest:
    """Is a share below `allowed`? One-sided 95 % for each answer; neither may hold. Where several
    are tested together, pass_tail and fail_tail are what Holm leaves for each answer.

    total requests, of which `thinning` (0..1] is what correlation leaves (effective_size). "The
    quantile p is at most T" is this test of the share above T with allowed = 1 - p: of 10,000
    requests at most 463 may exceed a p95.
    """

    total: float
    allowed: float
    thinning: float = 1.0
    pass_tail: float = ONE_SIDED
    fail_tail: float = ONE_SIDED

    def below(self, hits: float) -> bool:
        """True when the share's upper bound is below what is allowed."""
        high = share_bounds(hits * self.thinning, self.total * self.thinning, tail=self.pass_tail)[
            1
        ]
        return high < self.allowed

    def above(self, hits: float) -> bool:
        """True when the share's lower bound is above what is allowed."""
        low = share_bounds(hits * self.thinning, self.total * self.thinning, tail=self.fail_tail)[0]
        return low > self.allowed

    def exceeds(self, hits: float) -> bool:
        """True when the share itself is above what is allowed, settled or not."""
        return hits > self.allowed * self.total

    def needed(self, hits: float) -> int | None:
        """Requests that would settle it if the share stayed as it is; None when none would."""
        share = hits / self.total
        gap = share - self.allowed
        if gap == 0:
            return None
        spread = max(share * (1.0 - share), self.allowed * (1.0 - self.allowed))
        size = NORMAL_95**2 * spread / gap**2 / self.thinning
        if share < self.allowed < 1.0:
            size = max(size, math.log(ONE_SIDED) / math.log1p(-self.allowed) / self.thinning)
        return math.ceil(size) if size < NEEDED_MAX else None


def percentile_columns(
    slices: NDArray[np.float64], quantiles: tuple[float, ...], *, seed: int = BOOTSTRAP_SEED
) -> list[tuple[int, int] | None]:
    """95 % interval of each quantile, as (lowest, highest) column of `slices`.

    slices: (time slice, bin) weights, one row per second. The bootstrap over slices decides; with
    fewer than FEW_SLICES its ends are widened to those of the order statistics of an effective
    sample (Woodruff 1952), because a quantile that lives in one slice of five is not seen by
    resampling five. None where the sample cannot carry the quantile (see samples_needed).
    """
    totals = slices.sum(axis=1)
    if not (totals > 0).all():
        slices, totals = slices[totals > 0], totals[totals > 0]
    total = float(totals.sum())
    if total <= 0:
        return [None] * len(quantiles)
    cumulative = np.cumsum(slices.sum(axis=0))
    above = [slices[:, _column(cumulative, level) + 1 :].sum(axis=1) for level in quantiles]
    length = max(slice_length(hits, totals) for hits in above)
    drawn = bootstrap_columns(join(slices, length), quantiles, seed=seed)
    result: list[tuple[int, int] | None] = []
    for quantile, hits, draw in zip(quantiles, above, drawn, strict=True):
        if total < samples_needed(quantile):
            result.append(None)
        elif draw is None or len(slices) < FEW_SLICES:
            size = effective_size(hits, totals).size
            low, high = share_bounds(quantile * size, size)
            rank = (_column(cumulative, low), _column(cumulative, high))
            other = draw or rank
            result.append((min(rank[0], other[0]), max(rank[1], other[1])))
        else:
            result.append(draw)
    return result


def _column(cumulative: NDArray[np.float64], level: float) -> int:
    """First column at which the cumulated weight reaches the level's share, and holds some."""
    rank = max(level * cumulative[-1] * (1.0 - 1e-12), 1e-9)
    return int(min(np.searchsorted(cumulative, rank), len(cumulative) - 1))


@lru_cache(maxsize=8)
def _draws(count: int, seed: int) -> NDArray[np.float64]:
    """(RESAMPLES, count): how often each slice was drawn. Without numpy.random, which loads
    slowly; 32 bits per draw favour a slice by less than count / 2**32."""
    words = np.frombuffer(Random(seed).randbytes(4 * RESAMPLES * count), np.uint32)
    drawn = (words.astype(np.uint64) * np.uint64(count)) >> np.uint64(32)
    places = drawn.astype(np.int64) + np.arange(RESAMPLES).repeat(count) * count
    times = np.bincount(places, minlength=RESAMPLES * count)
    return times.reshape(RESAMPLES, count).astype(np.float64)


def bootstrap_columns(
    slices: NDArray[np.float64], quantiles: tuple[float, ...], *, seed: int = BOOTSTRAP_SEED
) -> list[tuple[int, int] | None]:
    """The bootstrap alone: slices with content are drawn with replacement and merged.

    Few slices make the plain percentile interval too narrow: its levels are widened by the t
    quantile and sqrt(k / (k - 1)) (Hesterberg 2015, "expanded percentile interval"). None with
    fewer than two slices.
    """
    count = len(slices)
    if count < 2:
        return [None] * len(quantiles)
    widened = student_quantile(count - 1, 0.5 + CONFIDENCE / 2.0) * (count / (count - 1)) ** 0.5
    level = math.erfc(widened / 2**0.5) / 2.0  # of the normal distribution
    used = np.flatnonzero(slices.any(axis=0))
    cumulative, draws = np.cumsum(slices[:, used], axis=1), _draws(count, seed)
    places = np.append(np.arange(0, len(used) - 1, COARSE), len(used) - 1)
    merged = draws @ cumulative[:, places]
    result: list[tuple[int, int] | None] = []
    for quantile in quantiles:
        rank = quantile * merged[:, -1:] * (1.0 - 1e-12)
        coarse = np.argmax(merged >= rank, axis=1)
        least = int(places[max(0, int(coarse.min()) - 1)])
        fine = draws @ cumulative[:, least : int(places[coarse.max()]) + 1]
        columns = np.sort(least + np.argmax(fine >= rank, axis=1))
        low = columns[math.floor(level * (RESAMPLES - 1))]
        high = columns[math.ceil((1.0 - level) * (RESAMPLES - 1))]
        result.append((int(used[low]), int(used[high])))
    return result
