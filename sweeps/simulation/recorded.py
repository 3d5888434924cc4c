"""Learning curves as earlier trials recorded them, for any configuration of a space.

A configuration that was recorded follows its own curve, any other one the whole curve of the
recorded configuration that is nearest to it. One neighbour and not a mean of several: means are
less spread than what they are made of, so the best recorded value would be out of reach, and a
mean of curves that cross tells early stopping nothing.

The distance is Gower's: the mean, over parameters, of the difference on the unit interval for
numbers and ordinals, and of 0 or 1 for anything else; 1 where only one has the parameter at all.

Between two recorded levels values are interpolated. Beyond a curve's ends its value is held, and
its seconds go on at the mean rate: a trial that was stopped early is taken not to have improved.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sweeps import spaces
from sweeps.errors import PermanentError
from sweeps.objectives import Objective
from sweeps.simulation.curves import Outcome
from sweeps.spaces import Configuration, Float, Int, Ordinal, SearchSpace

_UNKNOWN = -1.0  # a choice that the space no longer has: like no other
_ABSENT = math.nan


class InvalidCurves(PermanentError):
    """Learning curves that nothing can be simulated with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What a trial reported at a resource level."""

    level: int
    value: float
    seconds: float  #: of training from scratch up to there


class RecordedTrial:
    """A configuration and its curve, of at least one point."""

    def __init__(self, configuration: Configuration, points: Iterable[Point]) -> None:
        """Of several points at a level the last one counts; levels start at 1."""
        by_level = {max(point.level, 1): point for point in points}
        self.configuration = configuration
        self.levels = sorted(by_level)
        self._values = [by_level[level].value for level in self.levels]
        seconds = np.array([by_level[level].seconds for level in self.levels])
        self._seconds: list[float] = np.maximum.accumulate(seconds).tolist()

    def at(self, level: int) -> Outcome:
        """Value and seconds at any level."""
        return Outcome(value=self._value_at(level), seconds=self._seconds_at(level))

    def _value_at(self, level: int) -> float:
        return _interpolated(self.levels, self._values, level)

    def _seconds_at(self, level: int) -> float:
        end = min(max(level, self.levels[0]), self.levels[-1])
        return _interpolated(self.levels, self._seconds, end) * level / end


class RecordedCurves:
    """`Curves` made of recorded trials."""

    def __init__(self, space: SearchSpace, trials: Sequence[RecordedTrial]) -> None:
        """The curves of `trials`, for configurations of `space`.

        Raises:
            InvalidCurves: There are no trials.
        """
        if not trials:
            raise InvalidCurves("no trial with a report was recorded")
        self._space = space
        # Of equally near ones the first is taken: the one that was trained longest.
        self.trials = tuple(sorted(trials, key=lambda trial: -trial.levels[-1]))
        self.levels = tuple(sorted({level for trial in trials for level in trial.levels}))
        self._codes = np.array([self._encoded(trial.configuration) for trial in self.trials])
        self._is_graded = np.array(
            [isinstance(p, (Float, Int, Ordinal)) for p in space.parameters.values()]
        )
        self._nearest: dict[object, RecordedTrial] = {}

    def __call__(self, configuration: Configuration, level: int) -> Outcome:
        """A point of the nearest recorded curve."""
        return self.nearest(configuration).at(level)

    def nearest(self, configuration: Configuration) -> RecordedTrial:
        """The recorded trial whose curve `configuration` follows."""
        key = spaces.key(configuration)
        if key not in self._nearest:
            distances = self.distances(configuration)
            self._nearest[key] = self.trials[int(np.argmin(distances))]
        return self._nearest[key]

    def distances(self, configuration: Configuration) -> npt.NDArray[np.float64]:
        """Gower's distance to each of `trials`, between 0 and 1."""
        here = np.array(self._encoded(configuration))
        gaps = np.where(self._is_graded, np.abs(self._codes - here), self._codes != here)
        lacks, is_lacking = np.isnan(self._codes), np.isnan(here)
        gaps = np.where(lacks | is_lacking, lacks != is_lacking, gaps)
        return gaps.mean(axis=1, dtype=np.float64)

    def best(self, objective: Objective) -> float | None:
        """The best value at the highest level; None when no finite one is known."""
        ends = [trial.at(self.levels[-1]).value for trial in self.trials]
        return min((v for v in ends if math.isfinite(v)), key=objective.loss, default=None)

    @property
    def n_whole(self) -> int:
        """How many of the trials were trained to the highest level."""
        return sum(trial.levels[-1] == self.levels[-1] for trial in self.trials)

    def _encoded(self, configuration: Configuration) -> list[float]:
        return [
            self._code(name, configuration) if name in configuration else _ABSENT
            for name in self._space.parameters
        ]

    def _code(self, name: str, configuration: Configuration) -> float:
        parameter, value = self._space.parameters[name], configuration[name]
        if isinstance(parameter, (Float, Int)):
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            return parameter.to_unit(value) if is_number else _ABSENT
        if not parameter.contains(value):
            return _UNKNOWN
        return parameter.to_unit(value)


def _interpolated(levels: Sequence[int], heights: Sequence[float], level: int) -> float:
    """The height at `level` on the line through the points; held beyond both ends."""
    place = bisect_left(levels, level)
    if place == len(levels):
        return heights[-1]
    if place == 0 or levels[place] == level:
        return heights[place]
    share = (level - levels[place - 1]) / (levels[place] - levels[place - 1])
    return (1 - share) * heights[place - 1] + share * heights[place]
