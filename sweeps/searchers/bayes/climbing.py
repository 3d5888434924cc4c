"""The last steps to a maximum of expected improvement: along its slopes.

The logarithm is climbed, as improvement itself is flat far from its maxima (Ament et al.,
"Unexpected Improvements to Expected Improvement", NeurIPS 2023).
"""

import math

import numpy as np
from numpy.typing import NDArray

from sweeps.searchers.bayes.gaussian_process import GaussianProcess
from sweeps.searchers.bayes.numerics import minimise

Vector = NDArray[np.float64]

_STEPS = 40
_FAR = -5.0  # standard deviations; beyond, its asymptote, a few percent off, leads the same way


def climb(
    model: GaussianProcess, row: Vector, *, best: float, is_free: NDArray[np.bool_]
) -> Vector:
    """The top near `row`, moved in its free columns only.

    Args:
        best: The value to improve on.
    """

    def loss(free: Vector) -> tuple[float, Vector]:
        at = row.copy()
        at[is_free] = free
        mean, deviation, mean_slopes, deviation_slopes = model.predict_with_slopes(at)
        value, by_mean, by_deviation = log_improvement(mean, deviation, best)
        return -value, -(by_mean * mean_slopes + by_deviation * deviation_slopes)[is_free]

    if not is_free.any():
        return row
    bounds = [(0.0, 1.0)] * int(is_free.sum())
    _, found = minimise(loss, row[is_free], bounds=bounds, iterations=_STEPS)
    top = row.copy()
    top[is_free] = found
    return top


def log_improvement(mean: float, deviation: float, best: float) -> tuple[float, float, float]:
    """Logarithm of expected improvement, and its derivatives by mean and by deviation."""
    z = (best - mean) / deviation
    if z < _FAR:
        value = math.log(deviation) - 0.5 * z * z - 0.5 * math.log(2.0 * math.pi) - math.log(z * z)
        return value, (z + 2.0 / z) / deviation, (z * z + 3.0) / deviation
    density = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    below = 0.5 * math.erfc(-z / math.sqrt(2.0))
    improvement = deviation * (density + z * below)
    return math.log(improvement), -below / improvement, density / improvement
