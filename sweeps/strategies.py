"""The two halves of a strategy, and how a sweep file names them.

A **searcher** proposes configurations; a **trial scheduler** decides who goes on. They know
nothing of each other, of launching, or of the database. `sweeps.searchers` and
`sweeps.schedulers` hold one module for each.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sweeps.journal import History, Measurement
from sweeps.spaces import Configuration
from sweeps.specs import SweepSpec
from sweeps.states import Decision


class Searcher(Protocol):
    """Proposes configurations.

    **Purity.** The same arguments give the same answer: no clock, no global random state, nothing
    kept between calls that the history does not tell. What is kept to save work, such as a fitted
    model, must not change any answer.
    """

    def suggest(
        self, *, number: int, history: History, rng: np.random.Generator
    ) -> Configuration | None:
        """Configuration of trial `number`, or None when the space has no other one left."""
        ...


class TrialScheduler(Protocol):
    """Decides at rungs whether a trial goes on, and which paused one may.

    **Replay.** Its state is what `start`, `decide`, `conclude` and `promote` made of it, called in
    journal order: another instance that is told the same answers the same.

    **Ledger.** Whoever calls sees to it that a trial meets each rung at most once, rising: reports
    that come twice, late or from between two rungs never get here.
    """

    @property
    def max_resource(self) -> int | None:
        """Resource level at which a trial is complete (R in the papers); None: its script knows."""
        ...

    def rungs(self, number: int) -> tuple[int, ...]:
        """Levels at which trial `number` is compared, ascending; `max_resource`, if any, last.

        Scripts wait for an answer there, except at the last.
        """
        ...

    def rung_at(self, number: int, level: int) -> int | None:
        """The rung that a report of trial `number` at `level` belongs to: the highest not above."""
        ...

    def start(self, number: int) -> None:
        """Trial `number` has begun."""
        ...

    def decide(self, measurement: Measurement) -> Decision:
        """What becomes of a trial that has met a rung. NaN and infinity are worse than anything."""
        ...

    def conclude(self, number: int) -> None:
        """Trial `number` has ended for good, in whatever way; nobody waits for it any longer."""
        ...

    def promotable(self, *, is_closed: bool) -> int | None:
        """The paused trial that should go on next, if any; changes nothing.

        Args:
            is_closed: Whether no more trials will start, so that none need be waited for.
        """
        ...

    def promote(self, number: int) -> None:
        """Trial `number`, paused until now, goes on."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """A searcher and a scheduler."""

    searcher: Searcher
    scheduler: TrialScheduler
    is_costly: bool = False  #: suggestions take so long that they are made ahead of demand


def make_strategy(spec: SweepSpec) -> Strategy:
    """The strategy that the sweep file names."""
    from sweeps.schedulers.catalog import make_scheduler
    from sweeps.searchers.catalog import is_costly, make_searcher

    scheduler = make_scheduler(spec.strategy.scheduler)
    searcher = make_searcher(
        spec.strategy.searcher,
        spec.space,
        levels=scheduler_levels(scheduler),
        seed=spec.seed,
        trials=spec.limits.max_trials,
        initial_configurations=spec.initial_configurations,
    )
    return Strategy(
        searcher=searcher, scheduler=scheduler, is_costly=is_costly(spec.strategy.searcher)
    )


def scheduler_levels(scheduler: TrialScheduler) -> tuple[int, ...]:
    """Every level at which some trial may be compared: rungs of the first trial hold them all."""
    return scheduler.rungs(1)


def suggestion_rng(seed: int, number: int) -> np.random.Generator:
    """Random numbers for the suggestion of trial `number`, the same after any restart."""
    return np.random.default_rng(np.random.SeedSequence([seed, number, 0]))


def trial_seed(seed: int, number: int) -> int:
    """Seed handed to trial `number`: 32 bits, far from its neighbours'."""
    return int(np.random.SeedSequence([seed, number, 1]).generate_state(1)[0])
