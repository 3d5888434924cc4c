"""Asynchronous successive halving (ASHA) in both forms.

Source: Li, Jamieson, Rostamizadeh, Gonina, Ben-Tzur, Hardt, Recht and Talwalkar, "A System for
Massively Parallel Hyperparameter Tuning", MLSys 2020, Algorithm 2. Symbols: eta is
`reduction_factor`, r `min_resource`, R `max_resource`, s (the early-stopping rate) the bracket.

**Promotion** is the paper's: a trial pauses at each rung, and a free worker first looks for one
to promote, from the highest rung down: the best that is among the top 1/eta of its rung and was
not promoted yet. Its rule is in `promotable`.

**Stopping** judges on arrival, so that nothing has to be resumed: a trial goes on if it is no
worse than the best ``max(1, n // eta)`` of the n that have met the rung, itself included. That is
Optuna's and Determined's rule, and stops the second trial if it is worse than the first; Syne
Tune lets everybody pass until a rung holds eta results.

Equal losses go on together: at a first rung where all are still at chance level, nobody is ended
for having come later. Losses that are no finite number are worse than any other.
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

    losses: list[float] = field(default_factory=list[float])  # ascending
    paused: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])  # a heap

    def place(self, loss: float) -> int:
        """How many losses are strictly better."""
        return bisect_left(self.losses, loss)


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
        self._rungs = [{level: _Rung() for level in ladder} for ladder in self._ladders]
        self._at: dict[int, int] = {}  # rung of each paused trial
        self._gone: set[int] = set()  # trials that ended while they were paused

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
        if not math.isfinite(measurement.loss):
            insort(rung.losses, math.inf)
            return Decision.STOP
        insort(rung.losses, measurement.loss)
        if self._pauses:
            self._at[measurement.number] = measurement.level
            heappush(rung.paused, (measurement.loss, measurement.number))
            return Decision.PAUSE
        places = max(1, len(rung.losses) // self._eta)
        return Decision.CONTINUE if rung.place(measurement.loss) < places else Decision.STOP

    def conclude(self, number: int) -> None:
        """A trial that ends while it is paused can no longer be promoted."""
        if self._at.pop(number, None) is not None:
            self._gone.add(number)

    def promotable(self, *, is_closed: bool) -> int | None:  # noqa: ARG002 - nobody is waited for
        """The best paused trial of the highest rung where one is in the top 1/eta."""
        for ladder, rungs in zip(self._ladders, self._rungs, strict=True):
            for level in reversed(ladder[:-1]):
                number = self._promotable_at(rungs[level])
                if number is not None:
                    return number
        return None

    def promote(self, number: int) -> None:
        """The trial goes on to the next rung."""
        rung = self._rungs[self._bracket(number)][self._at.pop(number)]
        assert rung.paused[0][1] == number  # it was the promotable one
        heappop(rung.paused)

    def _promotable_at(self, rung: _Rung) -> int | None:
        while rung.paused and rung.paused[0][1] in self._gone:
            self._gone.discard(heappop(rung.paused)[1])
        if not rung.paused:
            return None
        loss, number = rung.paused[0]
        return number if rung.place(loss) < len(rung.losses) // self._eta else None

    def _bracket(self, number: int) -> int:
        return self._cycle[(number - 1) % len(self._cycle)]
