"""Quantiles of the beta and of Student's t distribution.

Written here because importing scipy.special costs half a second of CPU, more than all the rest of
a run's start and end; scipy is the oracle of the tests.
"""

import itertools
import math

PRECISION = 1e-12
LOGIT_MOST = 700.0
"""exp() of more would overflow; no share of a run is nearer to 0 or 1."""
STEPS_MOST = 200
"""Bisection alone needs 60 from LOGIT_MOST down to PRECISION."""


def beta_quantile(a: float, b: float, level: float) -> float:
    """The share x at which the beta distribution (a, b > 0) reaches `level` (0 < level < 1).

    Newton's method on the logit of x, kept in a bracket. The logarithms of the gamma function cost
    digits: relative errors stay below 1e-6 up to a + b = 10**9.
    """
    low, high = -LOGIT_MOST, LOGIT_MOST
    at = _guess(a, b, level) if a > 1 and b > 1 else math.log(a / b)
    for _ in range(STEPS_MOST):
        reached, slope = _reached(a, b, at)
        low, high = (at, high) if reached < level else (low, at)
        step = (level - reached) / slope if slope > 0 else math.inf
        if abs(step) <= PRECISION * max(1.0, abs(at)):
            break
        at = at + step if low < at + step < high else (low + high) / 2
    return 1.0 / (1.0 + math.exp(-at))


def student_quantile(freedom: float, level: float) -> float:
    """The t that Student's distribution with `freedom` > 0 stays below with `level` in 0.5..1."""
    x = beta_quantile(freedom / 2, 0.5, 2 * (1 - level))
    return math.sqrt(freedom * (1 - x) / x)


def _guess(a: float, b: float, level: float) -> float:
    """The logit by Cochran's approximation (Abramowitz and Stegun 26.2.22 and 26.5.22)."""
    t = math.sqrt(-2 * math.log(min(level, 1 - level)))
    z = t - (2.30753 + 0.27061 * t) / (1 + t * (0.99229 + 0.04481 * t))
    z = z if level < 0.5 else -z
    p, q = 1 / (2 * a - 1), 1 / (2 * b - 1)
    third = (z * z - 3) / 6
    h = 2 / (p + q)
    w = z * math.sqrt(h + third) / h - (q - p) * (third + 5 / 6 - 2 / (3 * h))
    return math.log(a / b) - 2 * w


def _reached(a: float, b: float, logit: float) -> tuple[float, float]:
    """The distribution function where x has this logit, and its slope there per unit of logit."""
    x, y = 1 / (1 + math.exp(-logit)), 1 / (1 + math.exp(logit))
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    slope = math.exp(scale + a * math.log(x) + b * math.log(y))
    if x < (a + 1) / (a + b + 2):
        return slope * _fraction(a, b, x) / a, slope
    return 1 - slope * _fraction(b, a, y) / b, slope


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method;
    takes about sqrt(max(a, b)) terms below the mean."""
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    value = d
    for m in itertools.count(1):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d, c = 1 / (1 + even * d), 1 + even / c
        value *= d * c
        d, c = 1 / (1 + odd * d), 1 + odd / c
        value *= d * c
        if abs(d * c - 1) <= PRECISION:
            break
    return value
