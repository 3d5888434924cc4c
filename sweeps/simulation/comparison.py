"""Strategies side by side: the same curves, the same seeds, what each finds and what it costs."""

import math
import statistics
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sweeps.objectives import Objective
from sweeps.simulation.curves import Curves
from sweeps.simulation.simulated_run import SimulatedRun, simulate
from sweeps.simulation.simulated_sweep import Step
from sweeps.specs import StrategySpec, SweepSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyFigures:
    """One strategy over all seeds: medians, unless said otherwise; infinite: more seeds failed."""

    strategy: str
    best: float | None
    best_range: tuple[float, float] | None  #: worst and best of the seeds
    regret: float  #: how much worse than the reference
    resource: float
    full_trainings: float  #: the same in trials trained to the end
    cost_seconds: float
    seconds: float
    n_trials: float
    n_stopped: float
    stopped_share: float
    duplicate_rate: float
    resource_to_goal: float  #: spent until the regret was no more than the goal
    cost_to_goal: float  #: the same in seconds of training


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Every strategy, in the order asked for."""

    objective: Objective
    reference: float  #: value that regret is measured against
    goal_regret: float  #: median final regret of `goal_strategy`; infinite: no strategy sets one
    goal_strategy: str | None
    full: int  #: resource of a trial trained to the end
    strategies: tuple[StrategyFigures, ...]
    runs: tuple[SimulatedRun, ...]

    def regret(self, best: float | None) -> float:
        """How much worse than the reference; never negative, infinite when there is no value."""
        return _regret(self.objective, self.reference, best)

    def regret_at(self, strategy: str, resource: float) -> float:
        """Median regret of a strategy once it has spent that much."""
        runs = [run for run in self.runs if run.strategy == strategy]
        return _median(self.regret(_best_at(run.steps, resource)) for run in runs)


def compare(
    spec: SweepSpec,
    strategies: Mapping[str, StrategySpec],
    curves: Curves,
    levels: tuple[int, ...],
    *,
    seeds: int,
    evaluations: int | None = None,
    reference: float | None = None,
    goal_strategy: str | None = None,
    resume_from_checkpoint: bool = True,
    on_run: Callable[[SimulatedRun], None] = lambda _: None,
) -> Comparison:
    """Simulate the sweep with each strategy and seed.

    Args:
        spec: The sweep; its own strategy and seed are replaced, seeds count on from its own.
        strategies: By the name that is shown for each.
        levels: Of the curves, ascending.
        evaluations: So many trainings to the end are what each may spend, however many trials
            that makes; None: the sweep's limits hold as they are.
        reference: The best value there is; None: the best one that any run has found.
        goal_strategy: The one whose final regret the others are to reach.
    """
    runs: list[SimulatedRun] = []
    for name, strategy in strategies.items():
        for seed in range(spec.seed, spec.seed + seeds):
            asked = replace(spec, strategy=strategy, seed=seed)
            runs.append(
                simulate(
                    asked,
                    curves,
                    levels,
                    name=name,
                    evaluations=evaluations,
                    resume_from_checkpoint=resume_from_checkpoint,
                )
            )
            on_run(runs[-1])
    return _compared(runs, spec.objective, levels[-1], reference, goal_strategy)


def _compared(
    runs: Sequence[SimulatedRun],
    objective: Objective,
    full: int,
    reference: float | None,
    goal_strategy: str | None,
) -> Comparison:
    found = [run.best for run in runs if run.best is not None]
    known = [*found, *([] if reference is None else [reference])]
    zero = min(known, key=objective.loss, default=math.nan)
    by_strategy: dict[str, list[SimulatedRun]] = {}
    for run in runs:
        by_strategy.setdefault(run.strategy, []).append(run)
    setters = by_strategy.get(goal_strategy or "", [])
    goal = _median(_regret(objective, zero, run.best) for run in setters) if setters else math.inf
    return Comparison(
        objective=objective,
        reference=zero,
        goal_regret=goal,
        goal_strategy=goal_strategy,
        full=full,
        strategies=tuple(
            _figures(name, of_name, objective, zero, goal, full)
            for name, of_name in by_strategy.items()
        ),
        runs=tuple(runs),
    )


def _figures(
    name: str,
    runs: Sequence[SimulatedRun],
    objective: Objective,
    reference: float,
    goal: float,
    full: int,
) -> StrategyFigures:
    found = sorted((r.best for r in runs if r.best is not None), key=objective.loss, reverse=True)
    regret = _median(_regret(objective, reference, run.best) for run in runs)
    reached = [_first(run.steps, objective, reference, goal) for run in runs]
    resource = _median(run.resource for run in runs)
    return StrategyFigures(
        strategy=name,
        best=statistics.median(found) if len(found) * 2 > len(runs) else None,
        best_range=(found[0], found[-1]) if found else None,
        regret=regret,
        resource=resource,
        full_trainings=resource / full,
        cost_seconds=_median(run.cost_seconds for run in runs),
        seconds=_median(run.seconds for run in runs),
        n_trials=_median(run.n_trials for run in runs),
        n_stopped=_median(run.n_stopped for run in runs),
        stopped_share=_median(run.stopped_share for run in runs),
        duplicate_rate=_median(run.duplicate_rate for run in runs),
        resource_to_goal=_median(step.resource if step else math.inf for step in reached),
        cost_to_goal=_median(step.cost_seconds if step else math.inf for step in reached),
    )


def _first(
    steps: Sequence[Step], objective: Objective, reference: float, goal: float
) -> Step | None:
    """The first step with no more regret than the goal."""
    found = (step for step in steps if step.best is not None)
    return next((s for s in found if _regret(objective, reference, s.best) <= goal), None)


def _best_at(steps: Sequence[Step], resource: float) -> float | None:
    place = bisect_right(steps, resource, key=lambda step: step.resource)
    return steps[place - 1].best if place else None


def _regret(objective: Objective, reference: float, best: float | None) -> float:
    if best is None:
        return math.inf
    return max(objective.loss(best) - objective.loss(reference), 0.0)


def _median(values: Iterable[float]) -> float:
    return float(statistics.median(values))
