"""How well a sweep searches: what it repeated, what early stopping cost and saved, how it improved."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sweeps import spaces
from sweeps.board import Board
from sweeps.rung_correlation import RungCorrelation, rung_correlations
from sweeps.states import RunState
from sweeps.strategies import make_strategy
from sweeps.trials import SweepSnapshot, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Improvement:
    """A moment at which a sweep's best value changed."""

    seconds: float  #: since the sweep began
    trial: int
    value: float  #: in the metric's own direction
    regret: float  #: how much worse than the best value of the sweep, so never negative


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchReport:
    """Figures about the search itself."""

    duplicate_rate: float  #: share of trials whose configuration had been tried before
    busy_seconds: float  #: of all attempts together
    stopped_share: float  #: of the busy seconds, spent on trials that were stopped early
    rungs: tuple[RungCorrelation, ...]
    improvements: tuple[Improvement, ...]
    warnings: tuple[str, ...]  #: sentences for the person who wrote the sweep file


def search_report(snapshot: SweepSnapshot) -> SearchReport:
    """The figures of a sweep, finished or not."""
    scheduler = make_strategy(snapshot.sweep.spec).scheduler
    measurements = Board(snapshot, scheduler).journal.history().measurements
    rungs = tuple(rung_correlations(measurements))
    seconds = snapshot.busy_seconds()
    busy = sum(seconds.values())
    stopped = sum(
        seconds.get(trial.run_id, 0.0)
        for trial in snapshot.trials
        if trial.state in {RunState.STOPPED, RunState.PAUSED}
    )
    return SearchReport(
        duplicate_rate=duplicate_rate(snapshot.trials),
        busy_seconds=busy,
        stopped_share=stopped / busy if busy else 0.0,
        rungs=rungs,
        improvements=_improvements(snapshot),
        warnings=tuple(rung.warning for rung in rungs if rung.warning is not None),
    )


def duplicate_rate(trials: Sequence[Trial]) -> float:
    """Share of trials whose configuration an earlier one had."""
    counts = Counter(spaces.key(trial.configuration) for trial in trials)
    repeated = sum(count - 1 for count in counts.values())
    return repeated / len(trials) if trials else 0.0


def _improvements(snapshot: SweepSnapshot) -> tuple[Improvement, ...]:
    sweep = snapshot.sweep
    objective = sweep.spec.objective
    begun = sweep.started_at or sweep.created_at
    counting = sorted(
        (trial.ended_at, trial.number, trial.objective)
        for trial in snapshot.trials
        if trial.state in {RunState.COMPLETED, RunState.STOPPED}
        and trial.ended_at is not None
        and trial.objective is not None
        and math.isfinite(trial.objective)
    )
    best: list[tuple[float, int, float]] = []
    for ended_at, number, value in counting:
        if not best or objective.is_better(value, best[-1][2]):
            best.append(((ended_at - begun).total_seconds(), number, value))
    return tuple(
        Improvement(seconds=seconds, trial=number, value=value, regret=abs(value - best[-1][2]))
        for seconds, number, value in best
    )
