"""What the trials of a sweep cost beside what they came to. Pure."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sweeps.ids import RunId
from sweeps.objectives import Objective
from sweeps.specs import SchedulerSpec
from sweeps.states import RunState
from sweeps.trials import Trial

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """What stopping trials early has saved, as far as that can be told."""

    usd: Decimal
    trials: int  #: that were stopped and are counted
    uncounted: int  #: that were stopped before any level, or whose cost is not known

    def share_of(self, spent: Decimal) -> float | None:
        """Of what the sweep would have cost without stopping."""
        return float(self.usd / (spent + self.usd)) if spent + self.usd else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialCosts:
    """A sweep's money by trial."""

    by_trial: Mapping[int, Decimal]  #: by number; 0 for one that held nothing
    best: Trial | None
    best_usd: Decimal | None
    #: The cheapest trial whose objective is within a hundredth of the best one's.
    near_best: Trial | None
    near_best_usd: Decimal | None
    saving: Saving | None  #: None: nothing was stopped


def trial_costs(
    trials: Sequence[Trial],
    *,
    spent: Mapping[RunId, Decimal],
    objective: Objective,
    scheduler: SchedulerSpec,
    unpriced: Collection[RunId] = (),
    within: float = 0.01,
) -> TrialCosts:
    """Costs by trial, of the best, and what early stopping saved.

    Args:
        spent: Dollars by run.
        unpriced: Runs of which something has no price: they count for no saving.
        within: How near to the best counts as as good, as a share of the best objective.
    """
    cost = {trial.number: spent.get(trial.run_id, _ZERO) for trial in trials}
    judged = [
        trial
        for trial in trials
        if trial.state in {RunState.COMPLETED, RunState.STOPPED}
        and trial.objective is not None
        and math.isfinite(trial.objective)
    ]
    best = min(judged, key=lambda t: (objective.loss(t.objective or 0.0), t.number), default=None)
    near = None
    if best is not None and best.objective is not None:
        limit = objective.loss(best.objective) + abs(best.objective) * within
        as_good = [t for t in judged if objective.loss(t.objective or 0.0) <= limit]
        near = min(as_good, key=lambda t: (cost[t.number], t.number))
    return TrialCosts(
        by_trial=cost,
        best=best,
        best_usd=None if best is None else cost[best.number],
        near_best=near,
        near_best_usd=None if near is None else cost[near.number],
        saving=saved_by_stopping(trials, spent=spent, scheduler=scheduler, unpriced=unpriced),
    )


def saved_by_stopping(
    trials: Sequence[Trial],
    *,
    spent: Mapping[RunId, Decimal],
    scheduler: SchedulerSpec,
    unpriced: Collection[RunId] = (),
) -> Saving | None:
    """What trials that were stopped would have cost on the rest of their way, at their own pace.

    Their way goes to the last level of the scheduler, or where it names none, to the highest that a
    trial has reached: as the query `stopped_early` of reports has it. None when none was stopped.
    """
    stopped = [trial for trial in trials if trial.state is RunState.STOPPED]
    if not stopped:
        return None
    goal = scheduler.max_resource or max(trial.resource_level or 0 for trial in trials)
    counted = [
        (spent[trial.run_id], trial.resource_level)
        for trial in stopped
        if trial.resource_level and trial.run_id in spent and trial.run_id not in unpriced
    ]
    usd = sum((cost * max(0, goal - level) / level for cost, level in counted), _ZERO)
    return Saving(usd=usd, trials=len(counted), uncounted=len(stopped) - len(counted))
