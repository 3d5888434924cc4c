"""Whether early values predict late ones: without that, early stopping ends the wrong trials.

Measured as Spearman's rank correlation between neighbouring rungs, over the trials that met both.
Those are the survivors of the lower rung, so the figure is lower than it would be over all trials;
the warning's threshold allows for that.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sweeps.journal import Measurement

MIN_TRIALS = 8  #: that met both rungs, before their correlation says anything
MIN_CORRELATION = 0.2  #: below it, a lower rung hardly predicts the next


@dataclass(frozen=True, slots=True, kw_only=True)
class RungCorrelation:
    """How well losses at one rung predict those at the next."""

    low: int  #: resource level of the lower rung
    high: int  #: of the next one
    n_trials: int  #: that met both, with finite losses
    rank_correlation: float | None  #: Spearman's; None with fewer than 3 trials, or all equal

    @property
    def warning(self) -> str | None:
        """A sentence for the person who set the rungs, or None while there is no reason."""
        if (
            self.rank_correlation is None
            or self.n_trials < MIN_TRIALS
            or self.rank_correlation >= MIN_CORRELATION
        ):
            return None
        return (
            f"values at level {self.low} hardly predict those at level {self.high}: rank "
            f"correlation {self.rank_correlation:.2f} over {self.n_trials} trials; early stopping "
            "ends good trials, so raise min_resource or grace"
        )


def rung_correlations(measurements: Iterable[Measurement]) -> list[RungCorrelation]:
    """One entry for each pair of neighbouring rungs, ascending."""
    by_level: dict[int, dict[int, float]] = {}
    for measurement in measurements:
        if math.isfinite(measurement.loss):
            by_level.setdefault(measurement.level, {})[measurement.number] = measurement.loss
    levels = sorted(by_level)
    return [
        _between(low, high, by_level[low], by_level[high])
        for low, high in itertools.pairwise(levels)
    ]


def _between(
    low: int, high: int, at_low: dict[int, float], at_high: dict[int, float]
) -> RungCorrelation:
    both = [number for number in at_high if number in at_low]
    return RungCorrelation(
        low=low,
        high=high,
        n_trials=len(both),
        rank_correlation=spearman([at_low[n] for n in both], [at_high[n] for n in both]),
    )


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Pearson's correlation of the ranks, ties sharing their mean rank; None when undefined."""
    if len(first) < 3:
        return None
    one, other = _ranks(first), _ranks(second)
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(np.corrcoef(one, other)[0, 1])


def _ranks(values: Sequence[float]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    _, inverse, counts = np.unique(
        np.asarray(values, dtype=float), return_inverse=True, return_counts=True
    )
    last = np.cumsum(counts)
    mean_rank = last - (counts - 1) / 2
    return mean_rank[inverse]
