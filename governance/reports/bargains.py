"""The cheapest trial that is nearly as good as the best, and what the best costs beside it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from governance.reports.rows import Priced
from sweeps.objectives import Direction, Objective

TOLERANCES = (0.01, 0.02, 0.05)
_WORTH_SAYING = 1.5  # times that the best costs as much
_ROUNDING = 1 + 1e-9  # 0.99 is within a hundredth of 1, whatever floats say


@dataclass(frozen=True, slots=True, kw_only=True)
class Bargain:
    """The cheapest trial within a tolerance."""

    tolerance: float
    trial: Priced
    worse_by: float  #: share of the best result; 0 when it is as good
    times: float | None  #: that the best costs as much; None when this one cost nothing


def front(trials: Iterable[Priced], direction: Direction) -> list[Priced]:
    """Those that no other one beats in both result and price, cheapest first.

    The best one, and the cheapest of any that are good enough, are always among them. Of equal ones
    the first by number stays; results that are no finite number do not count.
    """
    loss = Objective(metric="", direction=direction).loss
    kept: list[Priced] = []
    counting = [trial for trial in trials if math.isfinite(trial.objective)]
    for trial in sorted(counting, key=lambda t: (t.cost_usd, loss(t.objective), t.number)):
        if not kept or loss(trial.objective) < loss(kept[-1].objective):
            kept.append(trial)
    return kept


def best_of(trials: Sequence[Priced], direction: Direction) -> Priced | None:
    """The best result; of equal ones the cheapest, then the first."""
    loss = Objective(metric="", direction=direction).loss
    return min(trials, key=lambda t: (loss(t.objective), t.cost_usd, t.number), default=None)


def bargain(trials: Sequence[Priced], direction: Direction, *, tolerance: float) -> Bargain | None:
    """The cheapest trial whose result is at most so much worse than the best.

    Args:
        trials: With finite results; those of a front are enough.
        tolerance: Share of the best result's size. When that is 0, only what is as good counts.
    """
    best = best_of(trials, direction)
    if best is None:
        return None
    loss = Objective(metric="", direction=direction).loss
    near = [t for t in trials if _worse_by(t, best) <= tolerance * _ROUNDING]
    found = min(near, key=lambda t: (t.cost_usd, loss(t.objective), t.number))
    return Bargain(
        tolerance=tolerance,
        trial=found,
        worse_by=_worse_by(found, best),
        times=float(best.cost_usd / found.cost_usd) if found.cost_usd else None,
    )


def bargains(trials: Sequence[Priced], direction: Direction) -> tuple[Priced, list[Bargain]] | None:
    """The best, and the cheapest within each of `TOLERANCES`; None: there is nothing."""
    best = best_of(trials, direction)
    near = [bargain(trials, direction, tolerance=tolerance) for tolerance in TOLERANCES]
    found = [one for one in near if one is not None]
    return None if best is None else (best, found)


def most_telling(near: Sequence[Bargain]) -> Bargain | None:
    """That of the narrowest tolerance that saves something worth a sentence; None: none does."""
    return next((one for one in near if (one.times or 0) >= _WORTH_SAYING), None)


def _worse_by(trial: Priced, best: Priced) -> float:
    difference = abs(trial.objective - best.objective)
    if not difference:
        return 0.0
    return difference / abs(best.objective) if best.objective else math.inf
