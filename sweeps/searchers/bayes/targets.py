"""What a model learns from: one value per trial, comparable with the others, and how sure it is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sweeps.journal import History, Observation
from sweeps.searchers.bayes.warping import Warp
from sweeps.spaces import Configuration

Vector = NDArray[np.float64]
_TAIL = 5.0  # times the distance from the best to the median: beyond it, bad is bad


@dataclass(frozen=True, slots=True)
class Targets:
    """Training data, lower is better."""

    configurations: Sequence[Configuration]
    values: Vector  #: (n,)
    extra_noise: Vector  #: (n,), variance beyond that of an observation, in squares of `values`
    n_finite: int  #: how many came from losses; the rest are failures, as bad as the worst


def final_targets(observations: Sequence[Observation]) -> Targets:
    """From the losses at which trials ended."""
    losses = np.array([math.nan if o.loss is None else o.loss for o in observations], dtype=float)
    values, n_finite = _bounded(losses)
    return Targets(
        [observation.configuration for observation in observations],
        values,
        np.zeros(len(values)),
        n_finite,
    )


def _bounded(losses: Vector) -> tuple[Vector, int]:
    """Losses without holes and without a tail that would hide the differences among the good."""
    is_finite = np.isfinite(losses) & (np.abs(losses) < 1e150)  # models square them
    # Minus infinity is no result to follow: something broke.
    finite = losses[is_finite]
    if not len(finite):
        return np.zeros(len(losses)), 0
    best, median = float(finite.min()), float(np.median(finite))
    reach = median - best or float(finite.max()) - best
    worst = min(float(finite.max()), median + _TAIL * reach)
    bounded = np.where(is_finite, np.minimum(losses, worst), worst)
    return bounded, len(finite)


def standardised(targets: Targets) -> Targets:
    """Values with mean 0 and variance 1."""
    values, noise = _scaled(targets.values, targets.extra_noise)
    return Targets(targets.configurations, values, noise, targets.n_finite)


def warped(targets: Targets, warp: Warp) -> tuple[Targets, Vector]:
    """Standardised targets, warped and standardised again, and the logarithms of the slopes."""
    values, log_slopes = warp(targets.values)
    spread = float(values.std())
    if not 0.0 < spread < math.inf:
        return targets, np.zeros(len(values))
    return standardised(
        Targets(targets.configurations, values, targets.extra_noise * spread**2, targets.n_finite)
    ), log_slopes - math.log(spread)


def _scaled(values: Vector, noise: Vector) -> tuple[Vector, Vector]:
    spread = float(values.std())
    if not spread > 0.0:
        return np.zeros_like(values), np.zeros_like(noise)
    return (values - values.mean()) / spread, noise / spread**2


def earlier_targets(earlier: Sequence[Observation], present: Targets) -> Targets:
    """`present` with the results of earlier sweeps, which are a little less to be relied on.

    They measured the same metric, but perhaps other code or data: their own noise is a tenth of
    their variance.
    """
    if not earlier:
        return present
    learned = final_targets(earlier)
    if not learned.n_finite:
        return present
    noise = np.full(len(learned.values), 0.1 * float(learned.values.var()))
    return Targets(
        [*learned.configurations, *present.configurations],
        np.concatenate([learned.values, present.values]),
        np.concatenate([noise, present.extra_noise]),
        learned.n_finite + present.n_finite,
    )


def unseen_pending(history: History, *, measured: bool) -> list[Configuration]:
    """Configurations under evaluation of which nothing is known yet."""
    known = {m.number for m in history.measurements} if measured else set[int]()
    return [c for number, c in history.pending.items() if number not in known]
