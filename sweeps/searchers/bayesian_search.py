"""Bayesian optimisation: a model of the objective says where to look next.

Few configurations first, spread by a Sobol' sequence; then expected improvement under a Gaussian
process. What the model is fitted to follows from the journal alone: its hyperparameters from the
first results up to a scheduled number, so that they are fitted seldom and every suggestion can be
computed again; its data from all results, of which the most telling are kept beyond some hundreds.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sweeps.journal import History
from sweeps.searchers.bayes.acquisition import expected_improvement, ranked_candidates
from sweeps.searchers.bayes.encoding import Encoding, Rows
from sweeps.searchers.bayes.fidelity import rung_targets
from sweeps.searchers.bayes.gaussian_process import GaussianProcess, Hyperparameters, fit
from sweeps.searchers.bayes.targets import (
    Targets,
    earlier_targets,
    final_targets,
    standardised,
    unseen_pending,
)
from sweeps.searchers.bayes.threads import one_thread
from sweeps.searchers.random_search import sample_unseen
from sweeps.searchers.sobol_search import sobol_search
from sweeps.spaces import Configuration, SearchSpace, key

_FITTED = 150  # rows that hyperparameters are fitted to: 0.2 s with 8 columns
_KEPT = 300  # rows that the model holds: a suggestion takes 40 ms
_EVERY = 20  # results up to which each one is a reason to fit anew
_GROWTH = 1.1  # afterwards a tenth more is
_SAME = 0.99  # correlation with a pending configuration: a tenth of a length scale away
_LISTED = 2_000  # configurations of a finite space that are all looked at


@dataclass(frozen=True, slots=True)
class _Data:
    """Targets as the model takes them."""

    rows: Rows
    values: NDArray[np.float64]
    extra_noise: NDArray[np.float64]

    def most_telling(self, n: int) -> "_Data":
        """The best half of `n` rows, and as many evenly from the rest, in their order."""
        if len(self.values) <= n:
            return self
        order = np.argsort(self.values, kind="stable")
        best, rest = order[: n // 2], np.sort(order[n // 2 :])
        spread = rest[np.linspace(0, len(rest) - 1, n - n // 2).round().astype(int)]
        chosen = np.sort(np.concatenate([best, spread]))
        return _Data(self.rows[chosen], self.values[chosen], self.extra_noise[chosen])


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
        self._fitted: dict[bytes, Hyperparameters] = {}

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
        data = self._data(targets)
        model = GaussianProcess(
            self._hyperparameters(history),
            *self._kept(data),
            self._encoding.is_categorical,
        )
        pending = self._encoding.encode(unseen_pending(history, measured=bool(self._levels)))
        believed = model.believe(pending)
        # What is pending counts as found: to find it again is no improvement.
        best = float(np.min(model.predict(np.vstack([data.most_telling(64).rows, pending]))))

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
        known = data.rows[np.argsort(data.values, kind="stable")[:8]]
        for row in ranked_candidates(self._encoding, score, known=known, rng=rng):
            configuration = self._encoding.decode(row.tolist())
            if self._space.allows(configuration) and not history.has(configuration):
                return configuration
        return sample_unseen(self._space, rng, history)

    def _listed(self, history: History) -> list[Configuration] | None:
        """What is left of a small finite space; None when there is no listing it."""
        bound = self._space.bound()
        if bound is None or bound > _LISTED:
            return None
        return [c for c in self._space.configurations() if key(c) not in history.keys]

    def _data(self, targets: Targets) -> _Data:
        ready = standardised(targets, unskew=not self._levels)
        rows = self._encoding.encode(ready.configurations)
        return _Data(rows, ready.values, ready.extra_noise)

    @staticmethod
    def _kept(data: _Data) -> tuple[Rows, NDArray[np.float64], NDArray[np.float64]]:
        kept = data.most_telling(_KEPT)
        return kept.rows, kept.values, kept.extra_noise

    def _hyperparameters(self, history: History) -> Hyperparameters:
        """Those of the first results, up to the last scheduled number of them."""
        first = self._targets(self._beginning(history))
        content = first.values.tobytes()
        if content not in self._fitted:
            data = self._data(first).most_telling(_FITTED)
            self._fitted.clear()  # the journal only grows: what was is not asked for again
            self._fitted[content] = fit(
                data.rows, data.values, data.extra_noise, self._encoding.is_categorical
            )
        return self._fitted[content]

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
