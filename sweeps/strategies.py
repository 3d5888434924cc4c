"""The two halves of a strategy, and how a sweep file names them.

A **searcher** proposes configurations; a **trial scheduler** decides who goes on. They know
nothing of each other, of launching, or of the database.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sweeps.journal import History
from sweeps.spaces import Configuration
from sweeps.specs import SweepSpec
from sweeps.states import Decision
from sweeps.trials import Report


class Searcher(Protocol):
    """Proposes configurations.

    **Purity.** The same arguments give the same answer: no clock, no global random state, nothing
    kept between calls that the history does not tell.
    """

    def suggest(
        self, *, number: int, history: History, rng: np.random.Generator
    ) -> Configuration | None:
        """Configuration of trial `number`, or None when the space has no other one left."""
        ...


class TrialScheduler(Protocol):
    """Decides after a report whether a trial goes on."""

    @property
    def rungs(self) -> tuple[int, ...]:
        """Resource levels at which trials are compared; scripts wait for an answer there."""
        ...

    def decide(self, report: Report) -> Decision:
        """What becomes of the trial; called once per report, in journal order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """A searcher and a scheduler."""

    searcher: Searcher
    scheduler: TrialScheduler


def make_strategy(spec: SweepSpec) -> Strategy:
    """The strategy that the sweep file names."""
    from sweeps.schedulers.run_to_completion import RunToCompletion

    return Strategy(searcher=_searcher(spec), scheduler=RunToCompletion())


def _searcher(spec: SweepSpec) -> Searcher:
    match spec.strategy.name:
        case "random":
            from sweeps.searchers.random_search import RandomSearch

            return RandomSearch(spec.space)
        case "grid":
            from sweeps.searchers.grid_search import GridSearch

            return GridSearch(spec.space, points_per_parameter=spec.strategy.points_per_parameter)
        case "bayes":
            from sweeps.searchers.bayesian_search import BayesianSearch

            return BayesianSearch(spec.space, initial_points=spec.strategy.initial_points)
        case other:  # a spec is checked when it is parsed
            raise ValueError(f"no strategy {other!r}")


def suggestion_rng(seed: int, number: int) -> np.random.Generator:
    """Random numbers for the suggestion of trial `number`, the same after any restart."""
    return np.random.default_rng(np.random.SeedSequence([seed, number, 0]))


def trial_seed(seed: int, number: int) -> int:
    """Seed handed to trial `number`: 32 bits, far from its neighbours'."""
    return int(np.random.SeedSequence([seed, number, 1]).generate_state(1)[0])
