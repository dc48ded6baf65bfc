"""The Universal Scalability Law (Gunther 1993): X(N) = λN / (1 + σ(N−1) + κN(N−1)), fitted.

First N/X = 1/λ + σ/λ (N−1) + κ/λ N(N−1), linear with coefficients that are never negative (NNLS);
from there weighted least squares on X itself. scipy is imported when a curve is asked for.
"""

from random import Random

import numpy as np
from numpy.typing import NDArray

from velroload.analysis.beta import student_quantile
from velroload.analysis.outlook import Usl

LEVELS_LEAST = 6
PARAMETERS = 3
RESAMPLES = 1_000
BELIEVED = 2.0
"""Nothing is said beyond so many times the largest level."""
SEED = 20_240_601
EVALUATIONS = 4_000

Floats = NDArray[np.float64]


def curve(users: Floats, parameters: Floats) -> Floats:
    """X(N) for parameters λ, σ, κ."""
    rate, contention, coherency = parameters
    below = 1.0 + contention * (users - 1.0) + coherency * users * (users - 1.0)
    return np.asarray(rate * users / below)


def fit_usl(users: Floats, per_s: Floats, errors: Floats | None = None) -> Usl | None:
    """The curve through levels of users (> 0) and rates (> 0), errors being their standard errors
    (equal shares of the rate without). None below LEVELS_LEAST different levels, or where no curve
    fits."""
    if len(np.unique(users)) < LEVELS_LEAST or (users <= 0).any() or (per_s <= 0).any():
        return None
    weights = per_s if errors is None else np.maximum(errors, 1e-3 * per_s)
    best = _fit(users, per_s, weights)
    if best is None:
        return None
    fitted = curve(users, best)
    freedom = len(users) - PARAMETERS
    half = student_quantile(freedom, 0.975) * _spread(users, per_s, fitted, weights)
    spread = float(((per_s - per_s.mean()) ** 2).sum())
    peak, top = _peak(best, float(users.max()))

    def ends(place: int) -> tuple[float, float]:
        low, high = best[place] - half[place], best[place] + half[place]
        return max(0.0, float(low)), float(high)

    return Usl(
        per_user_per_s=float(best[0]),
        per_user_interval=ends(0),
        contention=float(best[1]),
        contention_interval=ends(1),
        coherency=float(best[2]),
        coherency_interval=ends(2),
        peak_users=peak,
        peak_per_s=top,
        r_squared=1.0 - float(((per_s - fitted) ** 2).sum()) / spread if spread else 1.0,
        largest_users=float(users.max()),
    )


def _peak(parameters: Floats, largest: float) -> tuple[float | None, float | None]:
    """Where the curve turns, within what may be believed."""
    _, contention, coherency = parameters
    if coherency <= 0.0 or contention >= 1.0:
        return None, None
    users = float(np.sqrt((1.0 - contention) / coherency))
    if users > BELIEVED * largest:
        return None, None
    return users, float(curve(np.array([users]), parameters)[0])


def _fit(users: Floats, per_s: Floats, weights: Floats) -> Floats | None:
    from scipy.optimize import least_squares, nnls

    inverse = users / per_s
    scale = per_s / weights / inverse
    found, _ = nnls(_design(users) * scale[:, np.newaxis], inverse * scale)
    if found[0] <= 0.0:
        return None
    first = np.array([1.0 / found[0], found[1] / found[0], found[2] / found[0]])
    result = least_squares(
        lambda p: (curve(users, p) - per_s) / weights,
        first,
        bounds=([1e-12, 0.0, 0.0], np.inf),
        x_scale=np.maximum(first, [1e-9, 1e-4, 1e-8]),
        max_nfev=EVALUATIONS,
    )
    return np.asarray(result.x, dtype=np.float64)


def _spread(users: Floats, per_s: Floats, fitted: Floats, weights: Floats) -> Floats:
    """Standard deviation of λ, σ and κ over curves through resampled residuals. Without bounds and
    in the linear form: near 0 the bounded fit would hide how little is known."""
    count = len(users)
    freedom = count - PARAMETERS
    residuals = (per_s - fitted) / weights * (count / freedom) ** 0.5
    residuals = residuals - residuals.mean()
    scale = fitted**2 / weights / users
    design = _design(users) * scale[:, np.newaxis]
    random = Random(SEED)
    places = np.array([random.randrange(count) for _ in range(RESAMPLES * count)])
    drawn = fitted + residuals[places].reshape(RESAMPLES, count) * weights
    inverse = (users / np.maximum(drawn, 1e-3 * fitted)) * scale
    found = inverse @ np.linalg.pinv(design).T
    found = found[found[:, 0] > 0.0]
    ratios = found[:, 1:] / found[:, :1]
    return np.asarray(np.column_stack([1.0 / found[:, 0], ratios]).std(axis=0))


def _design(users: Floats) -> Floats:
    return np.column_stack([np.ones_like(users), users - 1.0, users * (users - 1.0)])
