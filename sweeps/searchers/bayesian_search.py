"""Bayesian optimisation: a model of the objective says where to look next.

Few configurations first, spread by a Sobol' sequence; then expected improvement under a Gaussian
process. What the model is fitted to follows from the journal alone: its hyperparameters from the
first results up to a scheduled number, so that they are fitted seldom and every suggestion can be
computed again; its data from all results, of which the most telling are kept beyond some hundreds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sweeps.journal import History
from sweeps.searchers.bayes.acquisition import best_candidate, expected_improvement
from sweeps.searchers.bayes.choosing import most_telling
from sweeps.searchers.bayes.climbing import climb
from sweeps.searchers.bayes.encoding import Encoding, Rows
from sweeps.searchers.bayes.fidelity import rung_targets
from sweeps.searchers.bayes.gaussian_process import GaussianProcess, Hyperparameters, fit
from sweeps.searchers.bayes.targets import (
    Targets,
    earlier_targets,
    final_targets,
    standardised,
    unseen_pending,
    warped,
)
from sweeps.searchers.bayes.threads import one_thread
from sweeps.searchers.bayes.warping import Warp, warps
from sweeps.searchers.random_search import sample_unseen
from sweeps.searchers.sobol_search import sobol_search
from sweeps.spaces import Configuration, SearchSpace, key

_FITTED = 150  # rows that hyperparameters are fitted to: 0.2 s with 8 columns
_KEPT = 200  # rows that the model holds: a suggestion takes 50 ms
_EVERY = 20  # results up to which each one is a reason to fit anew
_GROWTH = 1.1  # afterwards a tenth more is
_CLEARLY = 5.0  # nats by which the warp for orders of magnitude must win: few values flatter it
_LOOKED_AT = 64  # of the best known, for the value to improve on
_SAME = 0.99  # correlation with a pending configuration: a tenth of a length scale away
_LISTED = 2_000  # configurations of a finite space that are all looked at


@dataclass(frozen=True, slots=True)
class _Data:
    """Targets as the model takes them."""

    rows: Rows
    values: NDArray[np.float64]
    extra_noise: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Fit:
    """What is fitted seldom."""

    hyperparameters: Hyperparameters
    warp: Warp | None


class BayesianSearch:
    """A `Searcher` that models the objective."""

    def __init__(
        self,
        space: SearchSpace,
        *,
        initial_points: int,
        levels: tuple[int, ...] = (),
        seed: int = 0,
        tried_first: int = 0,
    ) -> None:
        """Search `space`, from all `levels` at which trials are compared; empty: at their ends.

        Args:
            initial_points: Results before the model is trusted.
            tried_first: Trials at the beginning whose configurations are not ours.
        """
        self._space = space
        self._initial_points = initial_points
        self._levels = levels if len(levels) > 1 else ()
        self._encoding = Encoding(space)
        self._initial = sobol_search(space, seed=seed, tried_first=tried_first)
        self._last_fit: tuple[bytes, _Fit] | None = None  # and what it was fitted to

    def suggest(
        self, *, number: int, history: History, rng: np.random.Generator
    ) -> Configuration | None:
        """The most promising configuration that was not asked for yet; a spread of them at first."""
        targets = self._targets(history)
        if targets.n_finite < self._initial_points or not self._encoding.n_columns:
            return self._initial.suggest(number=number, history=history, rng=rng)
        with one_thread():
            return self._propose(history, targets, rng)

    def _targets(self, history: History) -> Targets:
        if self._levels and history.measurements:
            present = rung_targets(history, self._levels)
        else:
            present = final_targets(history.observations)
        return earlier_targets(history.earlier, present)

    def _propose(
        self, history: History, targets: Targets, rng: np.random.Generator
    ) -> Configuration | None:
        fitted = self._fit(history)
        ready = standardised(targets)
        if fitted.warp is not None:
            ready, _ = warped(ready, fitted.warp)
        data = self._data(ready, most_telling(ready.values, _KEPT))
        model = GaussianProcess(
            fitted.hyperparameters,
            data.rows,
            data.values,
            data.extra_noise,
            self._encoding.is_categorical,
        )
        pending = self._encoding.encode(unseen_pending(history, measured=bool(self._levels)))
        believed = model.believe(pending)
        # What is pending counts as found: to find it again is no improvement.
        known = data.rows[np.argsort(data.values, kind="stable")[:_LOOKED_AT]]
        best = float(np.min(model.predict(np.vstack([known, pending]))))

        def score(rows: Rows) -> NDArray[np.float64]:
            improvement = expected_improvement(believed, rows, best)
            # What is as good as under evaluation tells nothing new, however promising.
            is_known = believed.is_close(rows, pending, correlation=_SAME)
            return np.where(is_known, -np.inf, improvement)

        listed = self._listed(history)
        if listed is not None:
            if not listed:
                return None
            rows = self._encoding.encode(listed)
            return listed[int(np.argmax(score(rows)))]
        configuration = best_candidate(
            self._encoding,
            score,
            known=known,
            rng=rng,
            climb=lambda row: climb(believed, row, best=best, is_free=self._encoding.is_continuous),
            propose=lambda row: self._unseen(row, history),
        )
        return configuration or sample_unseen(self._space, rng, history)

    def _unseen(self, row: Sequence[float], history: History) -> Configuration | None:
        """The configuration of a row, unless it breaks a constraint or was asked for before."""
        configuration = self._encoding.decode(row)
        is_new = self._space.allows(configuration) and not history.has(configuration)
        return configuration if is_new else None

    def _listed(self, history: History) -> list[Configuration] | None:
        """What is left of a small finite space; None when there is no listing it."""
        bound = self._space.bound()
        if bound is None or bound > _LISTED:
            return None
        return [c for c in self._space.configurations() if key(c) not in history.keys]

    def _fit(self, history: History) -> _Fit:
        """What the first results say, up to the last scheduled number of them."""
        targets = standardised(self._targets(self._beginning(history)))
        chosen = most_telling(targets.values, _FITTED)
        data = self._data(targets, chosen)
        content = data.rows.tobytes() + targets.values.tobytes() + targets.extra_noise.tobytes()
        last = self._last_fit  # read once: suggestions may be made on two threads
        if last is None or last[0] != content:
            last = content, self._fit_anew(targets, chosen, data.rows)
            self._last_fit = last
        return last[1]

    def _fit_anew(self, targets: Targets, chosen: NDArray[np.intp], rows: Rows) -> _Fit:
        # Values at lower rungs are mapped by straight lines, which a warp would bend.
        candidates = () if self._levels else warps(targets.values)
        best, most_likely = None, -math.inf
        for warp in candidates or (None,):
            ready, log_slopes = (targets, None) if warp is None else warped(targets, warp)
            hyperparameters, likelihood = fit(
                rows,
                ready.values[chosen],
                ready.extra_noise[chosen],
                self._encoding.is_categorical,
            )
            if log_slopes is not None:
                likelihood += float(log_slopes[chosen].sum())
            if best is None or likelihood > most_likely + _CLEARLY:
                best, most_likely = _Fit(hyperparameters, warp), likelihood
        assert best is not None  # there was a candidate
        return best

    def _data(self, targets: Targets, chosen: NDArray[np.intp]) -> _Data:
        rows = self._encoding.encode(targets.configurations[int(place)] for place in chosen)
        return _Data(rows, targets.values[chosen], targets.extra_noise[chosen])

    def _beginning(self, history: History) -> History:
        if self._levels and history.measurements:
            n = _scheduled(len(history.measurements))
            return replace(history, measurements=history.measurements[:n])
        n = _scheduled(len(history.observations))
        return replace(history, observations=history.observations[:n])


def _scheduled(n: int) -> int:
    """The last number of results, not above `n`, at which hyperparameters are fitted."""
    if n <= _EVERY:
        return n
    steps = math.floor(math.log(n / _EVERY) / math.log(_GROWTH) + 1e-9)
    return min(n, round(_EVERY * _GROWTH**steps))
