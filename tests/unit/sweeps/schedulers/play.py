"""A field of trials that run under a scheduler in any order, without a controller."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from sweeps.journal import Measurement
from sweeps.states import Decision
from sweeps.strategies import TrialScheduler

Loss = Callable[[int, int], float]  #: of number and level


@dataclass
class Field:
    """Runs trials on `slots` slots until nothing is left to do."""

    scheduler: TrialScheduler
    loss: Loss
    max_trials: int
    slots: int = 1
    fails: Callable[[int, int], bool] = lambda number, level: False
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    events: list[tuple[str, int, int]] = field(default_factory=list[tuple[str, int, int]])
    met: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    n_started: int = 0

    def run(self) -> None:
        live: dict[int, int] = {}  # number -> level reached
        reached: dict[int, int] = {}
        for _ in range(1_000_000):
            while len(live) < self.slots and (number := self._next()) is not None:
                live[number] = reached.get(number, 0)
            if not live:
                return
            number = self.chance.choice(sorted(live))
            level = next(r for r in self.scheduler.rungs(number) if r > live[number])
            if self.fails(number, level):
                self._end("fail", number, level)
                del live[number]
                continue
            live[number] = reached[number] = level
            self.met.setdefault(level, []).append(number)
            decision = self.scheduler.decide(
                Measurement(number=number, level=level, loss=self.loss(number, level))
            )
            self.events.append((str(decision), number, level))
            if decision is Decision.PAUSE:
                del live[number]
            elif decision is Decision.STOP or level == self.scheduler.max_resource:
                self._end("end", number, level)
                del live[number]
        raise AssertionError("it never ends")

    def _next(self) -> int | None:
        is_closed = self.n_started >= self.max_trials
        promoted = self.scheduler.promotable(is_closed=is_closed)
        if promoted is not None:
            self.scheduler.promote(promoted)
            self.events.append(("promote", promoted, 0))
            return promoted
        if is_closed:
            return None
        self.n_started += 1
        self.scheduler.start(self.n_started)
        return self.n_started

    def _end(self, what: str, number: int, level: int) -> None:
        self.events.append((what, number, level))
        self.scheduler.conclude(number)

    def counts(self) -> dict[int, int]:
        """How many trials met each level."""
        return {level: len(numbers) for level, numbers in sorted(self.met.items())}


def by_number(number: int, level: int) -> float:
    """Later trials are better, at every level."""
    return 1.0 / number


def worse_by_number(number: int, level: int) -> float:
    """Earlier trials are better, at every level."""
    return float(number)
