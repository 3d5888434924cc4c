"""What of the values of several seeds is held to a bound. Pure."""

import math
import statistics
from collections.abc import Sequence

from governance.promotion.policy import Statistic
from sweeps.objectives import Direction


def statistic(
    values: Sequence[float], on: Statistic, direction: Direction, confidence: float
) -> float:
    """What of the values is held to a bound. NaN if one of them is, which reaches none."""
    if any(math.isnan(value) for value in values):
        return math.nan
    pick = min if direction is Direction.MAXIMIZE else max
    match on:
        case Statistic.MEAN:
            return mean(values)
        case Statistic.WORST:
            return float(pick(values))
        case Statistic.CONFIDENCE:
            half = _half_width(values, confidence)
            return mean(values) + (-half if direction is Direction.MAXIMIZE else half)


def mean(values: Sequence[float]) -> float:
    """Of values of which none is NaN; infinite if one of them is."""
    if not all(map(math.isfinite, values)):
        return sum(values)
    return statistics.mean(values)  # in fractions: no sum overflows


def _half_width(values: Sequence[float], confidence: float) -> float:
    """From the mean to its one-sided bound, by Student's t. NaN of a single value."""
    if len(values) < 2:
        return math.nan
    if not all(map(math.isfinite, values)):
        return math.inf
    # Imported when it is needed: it takes a while.
    from scipy.special import stdtrit  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType] - it has none

    quantile = float(stdtrit(len(values) - 1, confidence))  # pyright: ignore[reportUnknownArgumentType]
    try:
        return quantile * statistics.stdev(values) / math.sqrt(len(values))
    except OverflowError:
        return math.inf


def name_of(on: Statistic, confidence: float) -> str:
    """A statistic in words."""
    return f"bound of the mean at {confidence:.4g}" if on is Statistic.CONFIDENCE else str(on)
