"""Hyperband: brackets of successive halving that wait for whole rungs.

Source: Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar, "Hyperband: A Novel Bandit-Based Approach
to Hyperparameter Optimization", JMLR 18 (2018), Algorithm 1. Symbols: eta is `reduction_factor`,
R the last of `levels`, s the bracket: s_max begins with many trials at the lowest rung, 0 with few
that run to R. Sizes are the ceil form, survivors ``floor(n / eta^i)``.

Trials belong to brackets by their number: s_max, s_max - 1, ..., 0, then over again. Inside a
bracket a trial pauses at its rung until all of the rung have come, or ended; then the best go on.
Between brackets nobody waits: a free slot goes to the next bracket's trials.
"""

import math

from sweeps.journal import Measurement
from sweeps.schedulers.brackets import bracket_size
from sweeps.schedulers.rungs import rung_below
from sweeps.states import Decision


class _Bracket:
    """One run of successive halving. It is at one rung at a time, and climbs with a promotion."""

    def __init__(self, levels: tuple[int, ...], *, n: int, eta: int) -> None:
        self.levels = levels
        self._n = n  # trials that begin
        self._eta = eta
        self._n_started = 0
        self._rung = 0
        self._awaited: set[int] = set()  # have not met the rung yet
        self._met: list[tuple[float, int]] = []  # loss and number of those that have
        self._chosen: list[int] = []  # to go on to the rung, the best first
        self._gone: set[int] = set()  # ended for good
        self._beyond: dict[int, tuple[int, float]] = {}  # met a higher rung than they should

    def start(self, number: int) -> None:
        self._n_started += 1
        self._awaited.add(number)

    def meet(self, number: int, level: int, loss: float) -> None:
        if level > self.levels[self._rung]:
            self._beyond[number] = (level, loss)
        if number in self._awaited:
            self._awaited.discard(number)
            self._met.append((loss if math.isfinite(loss) else math.inf, number))

    def leave(self, number: int) -> None:
        """A trial has ended for good; its place goes to nobody else."""
        self._awaited.discard(number)
        self._gone.add(number)

    def promotable(self, *, is_closed: bool) -> int | None:
        waiting = self._alive(self._chosen)
        if not waiting and self._is_rung_complete(is_closed=is_closed):
            waiting = self._alive(self._best())
        return waiting[0] if waiting else None

    def promote(self, number: int) -> None:
        if number not in self._chosen:
            self._chosen, self._met = self._best(), []
            self._rung += 1
        self._chosen.remove(number)
        level, loss = self._beyond.get(number, (0, 0.0))
        if level >= self.levels[self._rung]:  # it has been there already
            self._met.append((loss, number))
        else:
            self._awaited.add(number)

    def is_over(self, *, is_closed: bool) -> bool:
        """Whether nobody of it will ever go on."""
        return (
            self._is_rung_complete(is_closed=is_closed)
            and self.promotable(is_closed=is_closed) is None
        )

    def _is_rung_complete(self, *, is_closed: bool) -> bool:
        is_full = self._rung > 0 or is_closed or self._n_started == self._n
        return is_full and not self._awaited and not self._alive(self._chosen)

    def _best(self) -> list[int]:
        """Who goes on to the next rung, the best first."""
        if self._rung == len(self.levels) - 1:
            return []
        # A bracket that the end of the sweep cut short still brings one trial to the top.
        n = min(self._n, self._n_started)
        places = max(1, n // self._eta ** (self._rung + 1))
        ranked = sorted(entry for entry in self._met if math.isfinite(entry[0]))
        return [number for _, number in ranked[:places]]

    def _alive(self, numbers: list[int]) -> list[int]:
        return [number for number in numbers if number not in self._gone]


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
            if bracket.is_over(is_closed=is_closed):
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
