"""The median stopping rule.

Source: Golovin, Solnik, Moitra, Kochanski, Karro and Sculley, "Google Vizier: A Service for
Black-Box Optimization", KDD 2017, section 3.2.1: a trial is stopped at step s if its best value so
far is strictly worse than the median of the running averages, up to s, of the completed trials.

Completed are those that ended without having been stopped by the rule, and that reported at s
itself. Every report counts as a rung of its own, scripts wait for no answer, and nothing is
resumed. Kept are the averages of live trials, and of completed ones the newest 1000 a level.
"""

import math
from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction

from sweeps.journal import Measurement
from sweeps.states import Decision

_KEPT = 1000  # averages a level; the newest ones say enough about a median


@dataclass(slots=True)
class _Level:
    """Running averages of completed trials at one level."""

    ascending: list[float] = field(default_factory=list[float])
    by_age: deque[float] = field(default_factory=deque[float])

    def add(self, average: float) -> None:
        insort(self.ascending, average)
        self.by_age.append(average)
        if len(self.by_age) > _KEPT:
            oldest = self.by_age.popleft()
            del self.ascending[bisect_left(self.ascending, oldest)]

    def median(self) -> float:
        middle = len(self.ascending) // 2
        if len(self.ascending) % 2:
            return self.ascending[middle]
        low, high = self.ascending[middle - 1], self.ascending[middle]
        return max(low, low / 2 + high / 2)  # the sum of two huge ones is infinite


@dataclass(slots=True)
class _Curve:
    """A trial that is under way."""

    best: float = math.inf
    total: Fraction = Fraction(0)
    # exact: rounded sums make the average of equal losses less than each, and their curve worse
    averages: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])

    def add(self, level: int, loss: float) -> None:
        self.best = min(self.best, loss)
        self.total += Fraction(loss)
        self.averages.append((level, float(self.total / (len(self.averages) + 1))))


class MedianStopping:
    """A `TrialScheduler`."""

    def __init__(self, *, grace: int, min_trials: int, max_resource: int | None = None) -> None:
        """Judge from level `grace` on, once `min_trials` completed ones have been there."""
        self._grace = grace
        self._min_trials = max(1, min_trials)
        self._max_resource = max_resource
        self._curves: dict[int, _Curve] = {}
        self._levels: dict[int, _Level] = {}

    @property
    def max_resource(self) -> int | None:
        """As the sweep file has it."""
        return self._max_resource

    def rungs(self, number: int) -> tuple[int, ...]:  # noqa: ARG002 - the port's signature
        """No script waits anywhere; results at `max_resource` can be compared."""
        return () if self._max_resource is None else (self._max_resource,)

    def rung_at(self, number: int, level: int) -> int | None:  # noqa: ARG002 - the port's signature
        """Every report counts."""
        return level

    def start(self, number: int) -> None:
        """Nothing to note before the first report."""

    def decide(self, measurement: Measurement) -> Decision:
        """Stop if the best so far is worse than the median of the others' running averages."""
        number, level, loss = measurement.number, measurement.level, measurement.loss
        if not math.isfinite(loss):
            is_early = level < self._grace or level == self._max_resource
            return Decision.CONTINUE if is_early else self._stop(number)
        curve = self._curves.setdefault(number, _Curve())
        curve.add(level, loss)
        known = self._levels.get(level)
        if (
            level < self._grace
            or level == self._max_resource
            or known is None
            or len(known.ascending) < self._min_trials
            or curve.best <= known.median()
        ):
            return Decision.CONTINUE
        return self._stop(number)

    def conclude(self, number: int) -> None:
        """A trial that ran to its end is what later ones are measured by."""
        for level, average in self._curves.pop(number, _Curve()).averages:
            self._levels.setdefault(level, _Level()).add(average)

    def promotable(self, *, is_closed: bool) -> int | None:  # noqa: ARG002 - the port's signature
        """Nobody is ever paused."""
        return None

    def promote(self, number: int) -> None:
        """Never called: nobody is ever paused."""

    def _stop(self, number: int) -> Decision:
        self._curves.pop(number, None)
        return Decision.STOP
