"""Quasi-random search along a scrambled Sobol' sequence.

Source: Sobol', USSR Comput. Math. Math. Phys. 7 (1967); Owen's scrambling, J. Complexity 14 (1998),
as in scipy. Points spread more evenly than random ones, best at powers of two.
"""

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sweeps.searchers.point_search import PointSearch, varying
from sweeps.spaces import SearchSpace

_FIRST_POINTS = 64  # a power of two; the sequence is computed in doublings


class SobolPoints:
    """The points of one sequence, a function of the seed and the number of dimensions."""

    def __init__(self, dimensions: int, *, seed: int) -> None:
        # 0.3 s to import; a sweep with another strategy must not pay for it.
        from scipy.stats import qmc  # pyright: ignore[reportMissingTypeStubs] - it has none

        rng = np.random.default_rng(np.random.SeedSequence([seed, dimensions, 2]))
        self._engine = qmc.Sobol(dimensions, scramble=True, rng=rng)
        # Suggestions are made in the background, and now and then by the controller itself.
        self._growing = threading.Lock()
        self._points: NDArray[np.float64] = np.empty((0, dimensions))  # (n_points, n_dims)

    def at(self, index: int) -> Sequence[float]:
        """Point `index` (from 0)."""
        with self._growing:
            while len(self._points) <= index:
                more = self._engine.random(max(len(self._points), _FIRST_POINTS))
                self._points = np.concatenate([self._points, more])
        return self._points[index].tolist()


def sobol_search(space: SearchSpace, *, seed: int, tried_first: int = 0) -> PointSearch:
    """A searcher along the sequence of a sweep's `seed`."""
    points = SobolPoints(max(len(varying(space)), 1), seed=seed)
    return PointSearch(space, points, tried_first=tried_first)
