"""Objectives made symmetric, so that a Gaussian process fits them.

Two families. Yeo and Johnson's powers (Biometrika 87 (2000)) take the skew from most objectives, as
in HEBO (Cowen-Rivers et al., JAIR 74 (2022), section 3.1). Where losses span orders of magnitude
they flatten the differences among the best; there a logarithm from just below the best one is
better (Snelson, Rasmussen and Ghahramani, "Warped Gaussian Processes", NIPS 2003, for choosing by
the likelihood of the process with the slopes of the transformation).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sweeps.searchers.bayes.choosing import spread_over

Vector = NDArray[np.float64]

_FEW = 8  # values before their distribution says anything
_ENOUGH = 300  # of them for its shape
_POWERS = np.linspace(-2.0, 4.0, 61)
_OFFSETS = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0])


@dataclass(frozen=True, slots=True)
class Warp:
    """A rising function of standardised values."""

    function: Callable[[Vector, float], tuple[Vector, Vector]]
    parameter: float

    def __call__(self, values: Vector) -> tuple[Vector, Vector]:
        """What becomes of each value, and the logarithm of the slope there."""
        return self.function(values, self.parameter)


def warps(values: Vector) -> tuple[Warp, ...]:
    """The likeliest of each family, the safer one first; none where values are few.

    Args:
        values: Standardised.
    """
    if len(values) < _FEW or len(np.unique(values)) <= 2:
        return ()
    some = spread_over(np.sort(values), _ENOUGH)
    return (_likeliest(power, _POWERS, some), _likeliest(from_best, _OFFSETS, some))


def power(values: Vector, exponent: float) -> tuple[Vector, Vector]:
    """Yeo and Johnson's transformation; `exponent` is their lambda, 1 leaves all as it is."""
    logs = np.log1p(np.abs(values))
    above = logs if abs(exponent) < 1e-9 else np.expm1(exponent * logs) / exponent
    rest = 2.0 - exponent
    below = logs if abs(rest) < 1e-9 else np.expm1(rest * logs) / rest
    return np.where(values >= 0.0, above, -below), (exponent - 1.0) * np.sign(values) * logs


def from_best(values: Vector, offset: float) -> tuple[Vector, Vector]:
    """Logarithm of the distance to a point below the best value.

    Args:
        offset: That point's distance, in those from the best to the median.
    """
    best = float(values.min())
    reach = float(np.median(values)) - best or float(values.max()) - best
    logs = np.log(values - best + offset * reach)
    return logs, -logs


def _likeliest(
    function: Callable[[Vector, float], tuple[Vector, Vector]], grid: Vector, values: Vector
) -> Warp:
    """At the parameter of the grid at which values become most normal."""

    def log_likelihood(parameter: float) -> float:
        warped, log_slopes = function(values, parameter)
        spread = float(warped.std())
        if not 0.0 < spread < np.inf:
            return -np.inf
        return float(log_slopes.sum()) - len(values) * float(np.log(spread))

    return Warp(function, max(grid.tolist(), key=log_likelihood))
