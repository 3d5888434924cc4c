"""Learning from every rung: what a trial measured low on the ladder, as a value at its top.

BOHB (Falkner, Klein and Hutter, ICML 2018, section 3.2) models the highest rung with enough
results and forgets the others. Here every trial counts: trials that met two neighbouring rungs
give a line from values at the lower to values at the higher one, by least squares, and the
residual variance says how far to believe it. Who goes on is chosen by the lower value, which
biases no regression on it.
"""

import itertools
import math
from collections.abc import Mapping

import numpy as np

from sweeps.journal import History
from sweeps.searchers.bayes.targets import Targets, final_targets

_ENOUGH = 3  # results for a rung to be the one that others are mapped to
_PAIRS = 4  # for a line; with fewer, a shift


class _Step:
    """From values at one rung to values at the next."""

    def __init__(self, low: Mapping[int, float], high: Mapping[int, float]) -> None:
        both = [number for number in high if number in low]
        x = np.array([low[number] for number in both], dtype=float)
        y = np.array([high[number] for number in both], dtype=float)
        self.slope, self.shift = 1.0, float(np.median(y - x)) if both else 0.0
        spread = float(((x - x.mean()) ** 2).sum()) if both else 0.0
        if len(both) >= _PAIRS and spread > 0.0:  # squares of tiny differences are 0
            slope = float(((x - x.mean()) * (y - y.mean())).sum() / spread)
            self.slope = min(max(slope, 0.05), 3.0)  # better below is never worse above
            self.shift = float(y.mean() - self.slope * x.mean())
            residual = y - self.slope * x - self.shift
            self.variance = float((residual**2).sum() / max(len(both) - 2, 1))
        else:
            known = np.array([*low.values(), *high.values()], dtype=float)
            self.variance = 0.25 * float(known.var())

    def __call__(self, value: float, variance: float) -> tuple[float, float]:
        return self.slope * value + self.shift, self.slope**2 * variance + self.variance


def rung_targets(history: History, levels: tuple[int, ...]) -> Targets:
    """One value for each trial that met a rung, at the highest rung that has enough of them."""
    by_level: dict[int, dict[int, float]] = {level: {} for level in levels}
    highest: dict[int, int] = {}
    broken: set[int] = set()
    for measurement in history.measurements:
        if math.isfinite(measurement.loss) and abs(measurement.loss) < 1e150:
            by_level[measurement.level][measurement.number] = measurement.loss
            highest[measurement.number] = measurement.level
        else:
            broken.add(measurement.number)
    broken.update(o.number for o in history.observations if o.loss is None)
    used = [level for level in levels if by_level[level]]
    if not used:
        failed = [o for o in history.observations if o.number in broken]
        return final_targets(failed)
    top = max((lv for lv in used if len(by_level[lv]) >= _ENOUGH), default=used[-1])
    steps = {low: _Step(by_level[low], by_level[high]) for low, high in itertools.pairwise(used)}
    numbers = sorted((set(highest) | broken) & set(history.configurations))
    values, noise = np.full(len(numbers), math.nan), np.zeros(len(numbers))
    for place, number in enumerate(numbers):
        if number in broken:
            continue
        value, variance = by_level[highest[number]][number], 0.0
        for level in used[used.index(highest[number]) : used.index(top)]:
            value, variance = steps[level](value, variance)
        values[place], noise[place] = value, variance
    is_finite = np.isfinite(values)
    values[~is_finite] = values[is_finite].max() if is_finite.any() else 0.0
    return Targets(
        [history.configurations[number] for number in numbers],
        values,
        noise,
        int(is_finite.sum()),
    )
