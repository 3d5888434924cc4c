"""Where to look next: expected improvement, maximised over the space.

Source: Jones, Schonlau and Welch, J. Global Optim. 13 (1998), equation 15, as scikit-optimize has
it. The only module that knows that library.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sweeps.searchers.bayes.encoding import Encoding, Rows

Vector = NDArray[np.float64]

_SPREAD = 768  # candidates all over the space
_NEIGHBOURS = 64  # around each of the best known, at each distance
_DISTANCES = (0.2, 0.05, 0.01)
_BEST = 4  # known configurations, and candidates, that are looked around
_ROUNDS = 7  # of refinement; each looks at half the distance of the one before
_REFINED = 48  # candidates a round around each


class Model(Protocol):
    """What scikit-optimize's acquisition functions ask of a surrogate."""

    def predict(self, X: Rows, return_std: bool = False) -> Any:  # noqa: N803, FBT001, FBT002 - its signature
        """Mean, or mean and standard deviation, at each row."""
        ...


def expected_improvement(model: Model, rows: Rows, best: float) -> Vector:
    """A score for each row, higher is better; never flat where improvement underflows.

    Args:
        best: The value to improve on.
    """
    from skopt import acquisition  # pyright: ignore[reportMissingTypeStubs] - it has none

    library: Any = acquisition
    improvement: Vector = library.gaussian_ei(rows, model, y_opt=best, xi=0.0)
    if (improvement > 0.0).any():
        return improvement
    mean, deviation = model.predict(rows, return_std=True)
    return np.asarray((best - mean) / np.maximum(deviation, 1e-12) - 1e6)


def ranked_candidates(
    encoding: Encoding,
    score: Callable[[Rows], Vector],
    *,
    known: Rows,
    rng: np.random.Generator,
) -> Rows:
    """Rows worth trying, the most promising first, after refinement.

    Args:
        known: The best configurations so far, the very best first.
    """
    pool = encoding.snap(
        np.vstack([rng.random((_SPREAD, encoding.n_columns)), *_around_known(encoding, known, rng)])
    )
    scores = score(pool)
    for round_ in range(_ROUNDS):
        best = np.argsort(-scores, kind="stable")[:_BEST]
        distance = 0.1 * 0.45**round_
        closer = encoding.snap(_around(encoding, pool[best], distance, _REFINED, rng))
        pool = np.vstack([pool[best], closer]) if round_ else np.vstack([pool, closer])
        scores = np.concatenate([scores[best] if round_ else scores, score(closer)])
    return pool[np.argsort(-scores, kind="stable")]


def _around_known(encoding: Encoding, known: Rows, rng: np.random.Generator) -> Sequence[Rows]:
    if not len(known):
        return []
    return [_around(encoding, known[:_BEST], d, _NEIGHBOURS, rng) for d in _DISTANCES]


def _around(
    encoding: Encoding, centres: Rows, distance: float, n: int, rng: np.random.Generator
) -> Rows:
    """`n` neighbours of each row: some columns moved by about `distance`, choices redrawn."""
    rows = np.repeat(centres, n, axis=0)
    n_rows, n_columns = rows.shape
    moves = rng.random((n_rows, n_columns)) < min(1.0, 2.0 / n_columns + 0.2)
    moves[np.arange(n_rows), rng.integers(n_columns, size=n_rows)] = True
    moved = np.clip(rows + distance * rng.standard_normal((n_rows, n_columns)), 0.0, 1.0)
    redrawn = rng.random((n_rows, n_columns))
    moved = np.where(encoding.is_categorical[None, :], redrawn, moved)
    # Steps of a coarse discrete parameter are longer than a small distance: redraw now and then.
    leaps = rng.random((n_rows, n_columns)) < 0.05
    return np.where(moves, np.where(leaps, redrawn, moved), rows)
