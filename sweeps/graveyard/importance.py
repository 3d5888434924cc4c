"""Which parameters the result of a sweep hangs on.

A forest of regression trees learns the rank of a trial from its configuration; how much worse it
gets on trials that it has not seen when one parameter is shuffled is what that parameter is worth.

Source: permutation importance of Breiman, Random Forests (2001), section 10, on held-out folds.
Unlike functional ANOVA (Hutter, Hoos, Leyton-Brown 2014) it needs no integral over the space, and
says of parameters that work together that each of them matters.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sweeps.searchers.bayes.encoding import Encoding
from sweeps.spaces import Configuration, SearchSpace

FEWEST_TRIALS = 10  #: below that nothing is said
_PER_PARAMETER = 3  # trials that each parameter asks for in addition
_MOST_TRIALS = 1_000  # more make it slower, and no clearer
_FOLDS, _TREES, _SHUFFLES = 5, 100, 10
_LEAST_SCORE = 0.1  # share of the differences that has to be predicted before anything is said


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """What each parameter is worth."""

    shares: Mapping[str, float] = field(default_factory=dict[str, float])
    #: by parameter, the greatest first; they add up to 1. Empty: nothing can be said
    score: float | None = None  #: share of the differences between trials that is predicted
    n_trials: int = 0
    doubt: str = ""  #: why nothing can be said


def importance(
    space: SearchSpace, trials: Sequence[tuple[Configuration, float]], *, seed: int = 0
) -> Importance:
    """What each parameter that varies is worth.

    Args:
        trials: Configurations with their loss, finite, lower is better.
    """
    encoding = Encoding(space)
    names = encoding.names
    needed = FEWEST_TRIALS + _PER_PARAMETER * len(names)
    if not names:
        return Importance(n_trials=len(trials), doubt="nothing was varied")
    if len(trials) < needed:
        return Importance(
            n_trials=len(trials),
            doubt=f"{len(trials)} results are too few for {_count(len(names), 'parameter')}; "
            f"about {needed} would do",
        )
    rng = np.random.default_rng(seed)
    if len(trials) > _MOST_TRIALS:
        chosen = rng.choice(len(trials), size=_MOST_TRIALS, replace=False)
        trials = [trials[int(place)] for place in sorted(chosen)]
    rows = encoding.encode(configuration for configuration, _ in trials)
    # Ranks: one trial that diverged would else be all that the forest learns.
    ranks = _ranks(np.array([loss for _, loss in trials]))
    if np.ptp(ranks) == 0:
        return Importance(n_trials=len(trials), doubt="all results are the same")
    score, worth = _shuffled(rows, ranks, seed=seed)
    total = float(worth.sum())
    if score < _LEAST_SCORE or total <= 0:
        return Importance(
            score=score,
            n_trials=len(trials),
            doubt="the results do not follow from the parameters: noise, or a seed, decides",
        )
    order = sorted(range(len(names)), key=lambda place: (-worth[place], names[place]))
    shares = {names[place]: float(worth[place]) / total for place in order}
    return Importance(shares=shares, score=score, n_trials=len(trials))


def _ranks(losses: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Places from 0 to 1; equal losses share the middle of theirs."""
    values, inverse, counts = np.unique(losses, return_inverse=True, return_counts=True)
    del values
    ends = np.cumsum(counts)
    middles = ends - (counts + 1) / 2
    return middles[inverse] / max(1, len(losses) - 1)


def _shuffled(
    rows: np.ndarray[Any, np.dtype[np.float64]],
    ranks: np.ndarray[Any, np.dtype[np.float64]],
    *,
    seed: int,
) -> tuple[float, np.ndarray[Any, np.dtype[np.float64]]]:
    """Score on what was held out, and what each column adds to it; never below 0."""
    # Imported here: it takes a second, and most of the platform never needs it. It has no types.
    ensemble: Any = importlib.import_module("sklearn.ensemble")
    selection: Any = importlib.import_module("sklearn.model_selection")
    rng = np.random.default_rng(seed)
    folds = min(_FOLDS, len(rows) // 4)
    error = np.zeros(len(rows))
    worse = np.zeros((rows.shape[1], len(rows)))
    for train, test in selection.KFold(folds, shuffle=True, random_state=seed).split(rows):
        forest = ensemble.RandomForestRegressor(
            n_estimators=_TREES, min_samples_leaf=2, random_state=seed, n_jobs=1
        )
        forest.fit(rows[train], ranks[train])
        error[test] = (forest.predict(rows[test]) - ranks[test]) ** 2
        for column in range(rows.shape[1]):
            shuffled = np.repeat(rows[test][None], _SHUFFLES, axis=0)
            for copy in shuffled:
                copy[:, column] = rng.permutation(copy[:, column])
            guesses = forest.predict(shuffled.reshape(-1, rows.shape[1]))
            wrong = (guesses.reshape(_SHUFFLES, -1) - ranks[test]) ** 2
            worse[column, test] = wrong.mean(axis=0)
    score = 1.0 - float(error.mean()) / float(np.var(ranks))
    return score, np.clip(worse.mean(axis=1) - error.mean(), 0.0, None)


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"
