"""Hyperband: brackets of successive halving that wait for whole rungs.

Source: Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar, "Hyperband: A Novel Bandit-Based Approach
to Hyperparameter Optimization", JMLR 18 (2018), Algorithm 1. Symbols: eta is `reduction_factor`,
R the last of `levels`, s the bracket: s_max begins with many trials at the lowest rung, 0 with few
that run to R. Sizes are the ceil form, survivors ``floor(n / eta^i)``; of equal losses the lower
number is the better.

Trials belong to brackets by their number: s_max, s_max - 1, ..., 0, then over again. Inside a
bracket a trial pauses at its rung until all of the rung have come, or ended; then the best go on.
Between brackets nobody waits: a free slot goes to the next bracket's trials.
"""

import math
from bisect import insort
from dataclasses import dataclass, field

from sweeps.journal import Measurement
from sweeps.schedulers.brackets import bracket_size
from sweeps.schedulers.rungs import rung_below
from sweeps.states import Decision


@dataclass(slots=True)
class _Rung:
    """A rung of a bracket, while it is the one that trials are on their way to."""

    place: int = 0  # from the bracket's lowest
    chosen: list[int] = field(default_factory=list[int])  # may go on to it; the best first
    awaited: set[int] = field(default_factory=set[int])  # are on their way
    met: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    # loss and number of those that have been there, ascending


class _Bracket:
    """One run of successive halving. It is at one rung at a time, and climbs with a promotion."""

    def __init__(self, levels: tuple[int, ...], *, n: int, eta: int) -> None:
        self._levels = levels
        self._n = n  # trials that begin
        self._eta = eta
        self._n_started = 0
        self._rung = _Rung()
        self._latest: dict[int, tuple[int, float]] = {}  # highest level met, and the loss there
        self._gone: set[int] = set()  # ended for good

    def start(self, number: int) -> None:
        self._n_started += 1
        self._rung.awaited.add(number)

    def meet(self, number: int, level: int, loss: float) -> None:
        self._latest[number] = (level, loss)
        if number in self._rung.awaited:
            self._rung.awaited.discard(number)
            if math.isfinite(loss):
                insort(self._rung.met, (loss, number))

    def leave(self, number: int) -> None:
        """A trial has ended for good; its place goes to nobody else."""
        self._rung.awaited.discard(number)
        self._gone.add(number)

    def promotable(self, *, is_closed: bool) -> int | None:
        rung = self._rung
        while (number := self._waiting(rung)) is None and self._is_complete(
            rung, is_closed=is_closed
        ):
            rung = self._above(rung)
        return number

    def promote(self, number: int) -> None:
        while number not in self._rung.chosen:
            self._rung = self._above(self._rung)
        self._rung.chosen.remove(number)
        self._rung.awaited.add(number)

    @property
    def is_over(self) -> bool:
        """Whether nobody of it will ever go on."""
        is_full = self._n_started == self._n
        return is_full and not self._rung.awaited and self.promotable(is_closed=False) is None

    def _waiting(self, rung: _Rung) -> int | None:
        return next((number for number in rung.chosen if number not in self._gone), None)

    def _is_complete(self, rung: _Rung, *, is_closed: bool) -> bool:
        """Whether nobody is still to come, and there is a rung above."""
        is_full = rung.place > 0 or is_closed or self._n_started == self._n
        return is_full and not rung.awaited and rung.place < len(self._levels) - 1

    def _above(self, rung: _Rung) -> _Rung:
        """The next rung, as the best of a complete one find it."""
        place = rung.place + 1
        # A bracket that the end of the sweep cut short still brings one trial to the top.
        places = max(1, self._n_started // self._eta**place)
        best = [number for _, number in rung.met[:places]]
        # Whoever skipped the rung below is there already, and waits for the others.
        there = {number for number in best if self._latest[number][0] >= self._levels[place]}
        return _Rung(
            place=place,
            chosen=[number for number in best if number not in there],
            met=sorted((self._latest[number][1], number) for number in there),
        )


class Hyperband:
    """A `TrialScheduler`."""

    def __init__(self, levels: tuple[int, ...], *, reduction_factor: int) -> None:
        """Compare trials at `levels`, the last of which is R."""
        self._levels = levels
        self._eta = reduction_factor
        s_max = len(levels) - 1
        self._sizes = [
            bracket_size(s, s_max=s_max, reduction_factor=reduction_factor)
            for s in range(s_max, -1, -1)
        ]
        self._brackets: dict[int, _Bracket] = {}  # by place, while somebody of it may go on

    @property
    def max_resource(self) -> int | None:
        """R."""
        return self._levels[-1]

    def rungs(self, number: int) -> tuple[int, ...]:
        """The rungs of the trial's bracket."""
        return self._levels[self._place(number) % len(self._sizes) :]

    def rung_at(self, number: int, level: int) -> int | None:
        """The highest rung of the trial's bracket not above `level`."""
        return rung_below(self.rungs(number), level)

    def start(self, number: int) -> None:
        """The trial joins its bracket."""
        place = self._place(number)
        if place not in self._brackets:
            self._brackets[place] = _Bracket(
                self.rungs(number), n=self._sizes[place % len(self._sizes)], eta=self._eta
            )
        self._brackets[place].start(number)

    def decide(self, measurement: Measurement) -> Decision:
        """Pause at every rung but the last; what is not finite is ended."""
        bracket = self._brackets.get(self._place(measurement.number))
        if bracket is not None:
            bracket.meet(measurement.number, measurement.level, measurement.loss)
        if measurement.level == self.max_resource:
            return Decision.CONTINUE
        return Decision.PAUSE if math.isfinite(measurement.loss) else Decision.STOP

    def conclude(self, number: int) -> None:
        """The trial is not waited for any longer."""
        bracket = self._brackets.get(self._place(number))
        if bracket is not None:
            bracket.leave(number)

    def promotable(self, *, is_closed: bool) -> int | None:
        """The best survivor of the oldest bracket that has one."""
        for place, bracket in list(self._brackets.items()):
            number = bracket.promotable(is_closed=is_closed)
            if number is not None:
                return number
            if bracket.is_over:
                del self._brackets[place]
        return None

    def promote(self, number: int) -> None:
        """The trial goes on to its bracket's next rung."""
        self._brackets[self._place(number)].promote(number)

    def _place(self, number: int) -> int:
        """Which bracket the trial belongs to, counted from the first of all."""
        cycles, left = divmod(number - 1, sum(self._sizes))
        for bracket, size in enumerate(self._sizes):
            if left < size:
                return cycles * len(self._sizes) + bracket
            left -= size
        raise AssertionError("a cycle has room for every number")
