"""Asynchronous successive halving (ASHA) in both forms.

Source: Li, Jamieson, Rostamizadeh, Gonina, Ben-Tzur, Hardt, Recht and Talwalkar, "A System for
Massively Parallel Hyperparameter Tuning", MLSys 2020, Algorithm 2. Symbols: eta is
`reduction_factor`, r `min_resource`, R `max_resource`, s (the early-stopping rate) the bracket.

**Promotion** is the paper's: a trial pauses at each rung, and a free worker first looks for one
to promote, from the highest rung down: the best that is among the top ``n // eta`` of the n that
have met its rung and was not promoted yet. Of equal losses, the first that came is the better.

**Stopping** judges on arrival, so that nothing has to be resumed: a trial goes on if it is no
worse than the best ``max(1, n // eta)`` of the n that have met the rung, itself included. That is
Optuna's and Determined's rule, and stops the second trial if it is worse than the first; Syne
Tune lets everybody pass until a rung holds eta results.

There equal losses go on together: at a first rung where all are still at chance level, nobody is
ended for having come later. In both forms, losses that are no finite number are worse than any
other, and end the trial.
"""

import math
from bisect import bisect_left, insort
from dataclasses import dataclass, field
from heapq import heappop, heappush

from sweeps.journal import Measurement
from sweeps.schedulers.brackets import bracket_cycle
from sweeps.schedulers.rungs import rung_below
from sweeps.states import Decision


@dataclass(slots=True)
class _Rung:
    """What was measured at one rung of one bracket."""

    met: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    # loss and order of arrival, ascending
    paused: list[tuple[float, int, int]] = field(default_factory=list[tuple[float, int, int]])
    # the same and the trial, a heap; some of them have gone on or ended since


class Asha:
    """A `TrialScheduler`."""

    def __init__(
        self, levels: tuple[int, ...], *, reduction_factor: int, pauses: bool, brackets: int = 1
    ) -> None:
        """Compare trials at `levels`, the last of which is R.

        Args:
            pauses: Whether trials pause and are promoted, or are stopped on arrival.
            brackets: Ladders: the second begins one rung higher than the first, and so on.
        """
        self._eta = reduction_factor
        self._pauses = pauses
        self._ladders = [levels[s:] for s in range(min(brackets, len(levels)))]
        self._cycle = bracket_cycle(len(self._ladders), reduction_factor)
        self._rungs = [{level: _Rung() for level in ladder[:-1]} for ladder in self._ladders]
        self._downward = sorted(
            ((level, rung) for rungs in self._rungs for level, rung in rungs.items()),
            key=lambda place: -place[0],
        )
        self._at: dict[int, int] = {}  # level of each paused trial

    @property
    def max_resource(self) -> int | None:
        """R."""
        return self._ladders[0][-1]

    def rungs(self, number: int) -> tuple[int, ...]:
        """The rungs of the trial's bracket."""
        return self._ladders[self._bracket(number)]

    def rung_at(self, number: int, level: int) -> int | None:
        """The highest rung of the trial's bracket not above `level`."""
        return rung_below(self.rungs(number), level)

    def start(self, number: int) -> None:
        """Nothing to note: the bracket follows from the number."""

    def decide(self, measurement: Measurement) -> Decision:
        """Pause, or judge by those that have met the rung so far."""
        if measurement.level == self.max_resource:
            return Decision.CONTINUE
        rung = self._rungs[self._bracket(measurement.number)][measurement.level]
        is_finite = math.isfinite(measurement.loss)
        entry = (measurement.loss if is_finite else math.inf, len(rung.met))
        insort(rung.met, entry)
        if not is_finite:
            return Decision.STOP
        if self._pauses:
            self._at[measurement.number] = measurement.level
            heappush(rung.paused, (*entry, measurement.number))
            return Decision.PAUSE
        n_better = bisect_left(rung.met, (measurement.loss, 0))
        places = max(1, len(rung.met) // self._eta)
        return Decision.CONTINUE if n_better < places else Decision.STOP

    def conclude(self, number: int) -> None:
        """A trial that ends while it is paused can no longer be promoted."""
        self._at.pop(number, None)

    def promotable(self, *, is_closed: bool) -> int | None:  # noqa: ARG002 - nobody is waited for
        """The best paused trial of the highest rung where one is in the top 1/eta."""
        for level, rung in self._downward:
            while rung.paused and self._at.get(rung.paused[0][-1]) != level:
                heappop(rung.paused)
            if rung.paused:
                loss, arrival, number = rung.paused[0]
                n_better = bisect_left(rung.met, (loss, arrival))
                if n_better < len(rung.met) // self._eta:
                    return number
        return None

    def promote(self, number: int) -> None:
        """The trial goes on to the next rung."""
        del self._at[number]

    def _bracket(self, number: int) -> int:
        return self._cycle[(number - 1) % len(self._cycle)]
