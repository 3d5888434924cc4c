"""Where to look next: expected improvement, maximised over the space.

Source: Jones, Schonlau and Welch, J. Global Optim. 13 (1998), equation 15, as scikit-optimize has
it. The only module that knows that library.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sweeps.searchers.bayes.encoding import Encoding, Rows
from sweeps.spaces import Configuration

Vector = NDArray[np.float64]

_SPREAD = 768  # candidates all over the space
_NEIGHBOURS = 64  # around each of the best known, at each distance
_DISTANCES = (0.2, 0.05, 0.01)
_BEST = 4  # known configurations that are looked around, and candidates of either kind
_ROUNDS = 4  # of refinement; each looks at half the distance of the one before
_REFINED = 24  # candidates a round around each
_CLIMBED = 4  # candidates whose tops are found


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


def best_candidate(
    encoding: Encoding,
    score: Callable[[Rows], Vector],
    *,
    known: Rows,
    rng: np.random.Generator,
    climb: Callable[[Vector], Vector],
    propose: Callable[[Sequence[float]], Configuration | None],
) -> Configuration | None:
    """The most promising configuration found, after refinement; None when none would do.

    Places all over the space and places near the best known are refined side by side: together,
    those near the best would crowd out the others.

    Args:
        known: The best configurations so far, the very best first.
        climb: From a row to the top near it.
        propose: The configuration of a row, or None where it will not do. Only rows that will are
            refined, so that an optimum at the edge of a constraint is found there.
    """
    usable: dict[bytes, Configuration | None] = {}

    def is_usable(row: Vector) -> bool:
        content = row.tobytes()
        if content not in usable:
            usable[content] = propose(row.tolist())
        return usable[content] is not None

    starts = (rng.random((_SPREAD, encoding.n_columns)), _around_known(encoding, known, rng))
    found: list[tuple[float, Vector]] = []
    for pool in map(encoding.snap, starts):
        scores = score(pool)
        found += [(float(scores[p]), pool[p]) for p in _usable(scores, pool, is_usable, _BEST)]
    for round_ in range(_ROUNDS if found else 0):
        centres = np.array([row for _, row in found])
        closer = encoding.snap(_around(encoding, centres, 0.1 * 0.45**round_, _REFINED, rng))
        scores = score(closer)
        for place in range(len(found)):
            near = slice(place * _REFINED, (place + 1) * _REFINED)
            for p in _usable(scores[near], closer[near], is_usable, 1):
                if scores[near][p] > found[place][0]:
                    found[place] = float(scores[near][p]), closer[near][p]
    found.sort(key=lambda pair: -pair[0])
    for _, row in found[:_CLIMBED]:
        top = climb(row)[None, :]
        if is_usable(top[0]):
            found.append((float(score(top)[0]), top[0]))
    return usable[max(found, key=lambda pair: pair[0])[1].tobytes()] if found else None


def _usable(scores: Vector, pool: Rows, is_usable: Callable[[Vector], bool], n: int) -> list[int]:
    """Places of the `n` best rows that will do, or of as many as there are."""
    order: list[int] = np.argsort(-scores, kind="stable").tolist()
    return list(itertools.islice((place for place in order if is_usable(pool[place])), n))


def _around_known(encoding: Encoding, known: Rows, rng: np.random.Generator) -> Rows:
    return np.vstack(
        [
            np.empty((0, encoding.n_columns)),
            *(_around(encoding, known[:_BEST], d, _NEIGHBOURS, rng) for d in _DISTANCES),
        ]
    )


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
