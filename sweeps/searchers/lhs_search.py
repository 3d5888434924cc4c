"""Search along Latin hypercubes: in every block of n trials, each n-th of every range is met once.

Source: McKay, Beckman and Conover, Technometrics 21 (1979), as in scipy. A block has as many points
as the sweep has trials, at most `MAX_BLOCK`; then the next, independent hypercube begins.
"""

from collections.abc import Sequence

import numpy as np

from sweeps.searchers.point_search import PointSearch, varying
from sweeps.spaces import SearchSpace

MAX_BLOCK = 1024  #: points of a hypercube; larger ones are hardly more even
DEFAULT_BLOCK = 32  #: where nobody knows how many trials there will be


class LatinHypercubePoints:
    """Blocks of points, a function of the seed, the dimensions and the size of a block."""

    def __init__(self, dimensions: int, *, seed: int, block: int) -> None:
        self._dimensions = dimensions
        self._seed = seed
        self._block = block
        self._blocks: dict[int, list[list[float]]] = {}

    def at(self, index: int) -> Sequence[float]:
        """Point `index` (from 0)."""
        number, place = divmod(index, self._block)
        if number not in self._blocks:
            self._blocks[number] = self._hypercube(number)
        return self._blocks[number][place]

    def _hypercube(self, number: int) -> list[list[float]]:
        # 0.3 s to import; a sweep with another strategy must not pay for it.
        from scipy.stats import qmc  # pyright: ignore[reportMissingTypeStubs] - it has none

        rng = np.random.default_rng(np.random.SeedSequence([self._seed, number, 3]))
        return qmc.LatinHypercube(self._dimensions, rng=rng).random(self._block).tolist()


def lhs_search(
    space: SearchSpace, *, seed: int, trials: int | None = None, tried_first: int = 0
) -> PointSearch:
    """A searcher along the hypercubes of a sweep's `seed`.

    Args:
        trials: Of the whole sweep, where that is known.
        tried_first: Trials before the first point.
    """
    block = DEFAULT_BLOCK if trials is None else min(max(trials - tried_first, 1), MAX_BLOCK)
    points = LatinHypercubePoints(max(len(varying(space)), 1), seed=seed, block=block)
    return PointSearch(space, points, tried_first=tried_first)
