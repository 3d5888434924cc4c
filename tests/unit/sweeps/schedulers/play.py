"""A field of trials that run under a scheduler in any order, without a controller."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from sweeps.journal import Measurement
from sweeps.states import Decision
from sweeps.strategies import TrialScheduler

Loss = Callable[[int, int], float]  #: of number and level
Happens = Callable[[int, int], bool]  #: to that trial at that level


def never(number: int, level: int) -> bool:
    """Nothing happens."""
    return False


def sometimes(seed: object, what: str, share: float) -> Happens:
    """Happens to `share` of trials and levels, the same ones for the same seed."""
    return lambda number, level: random.Random(f"{seed} {what} {number} {level}").random() < share


@dataclass
class Field:
    """Runs trials on `slots` slots until nothing is left to do."""

    scheduler: TrialScheduler
    loss: Loss
    max_trials: int
    slots: int = 1
    fails: Happens = never  #: on the way to the level
    skips: Happens = never  #: does not report there, unless it is the last
    dies: Happens = never  #: while it is paused there
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    events: list[tuple[str, int, int]] = field(default_factory=list[tuple[str, int, int]])
    met: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    told: list[tuple[str, int | Measurement]] = field(
        default_factory=list[tuple[str, int | Measurement]]
    )  #: what the scheduler was told, in order
    paused: set[int] = field(default_factory=set[int])
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
            level = self._next_level(number, live[number])
            if self.fails(number, level):
                self._end("fail", number, level)
                del live[number]
                continue
            live[number] = reached[number] = level
            self.met.setdefault(level, []).append(number)
            measurement = Measurement(number=number, level=level, loss=self.loss(number, level))
            self.told.append(("decide", measurement))
            decision = self.scheduler.decide(measurement)
            self.events.append((str(decision), number, level))
            if decision is Decision.PAUSE:
                del live[number]
                if self.dies(number, level):
                    self._end("die", number, level)
                else:
                    self.paused.add(number)
            elif decision is Decision.STOP or level == self.scheduler.max_resource:
                self._end("end", number, level)
                del live[number]
        raise AssertionError("it never ends")

    def _next_level(self, number: int, reached: int) -> int:
        ahead = [rung for rung in self.scheduler.rungs(number) if rung > reached]
        return next(
            (rung for rung in ahead[:-1] if not self.skips(number, rung)),
            ahead[-1],
        )

    def _next(self) -> int | None:
        is_closed = self.n_started >= self.max_trials
        promoted = self.scheduler.promotable(is_closed=is_closed)
        if promoted is not None:
            self.paused.remove(promoted)  # or it was not paused
            self.told.append(("promote", promoted))
            self.scheduler.promote(promoted)
            self.events.append(("promote", promoted, 0))
            return promoted
        if is_closed:
            return None
        self.n_started += 1
        self.told.append(("start", self.n_started))
        self.scheduler.start(self.n_started)
        return self.n_started

    def _end(self, what: str, number: int, level: int) -> None:
        self.events.append((what, number, level))
        self.told.append(("conclude", number))
        self.scheduler.conclude(number)

    def counts(self) -> dict[int, int]:
        """How many trials met each level."""
        return {level: len(numbers) for level, numbers in sorted(self.met.items())}


def retell(field: Field, scheduler: TrialScheduler) -> list[tuple[str, int, int]]:
    """Tell a fresh scheduler all that the field's was told, and give its decisions.

    Who is promotable is not asked on the way, as it is not while a journal is read.
    """
    decisions: list[tuple[str, int, int]] = []
    for what, about in field.told:
        if isinstance(about, Measurement):
            decisions.append((str(scheduler.decide(about)), about.number, about.level))
        else:
            getattr(scheduler, what)(about)
    return decisions


def decisions(field: Field) -> list[tuple[str, int, int]]:
    """What the field's scheduler decided."""
    return [event for event in field.events if event[0] in set(Decision)]


def by_number(number: int, level: int) -> float:
    """Later trials are better, at every level."""
    return 1.0 / number


def worse_by_number(number: int, level: int) -> float:
    """Earlier trials are better, at every level."""
    return float(number)
