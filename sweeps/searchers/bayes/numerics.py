"""The pieces of scipy that the models use, with types, imported when they are first needed.

scipy takes 0.3 s to import; a sweep with another strategy must not pay for it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Matrix = NDArray[np.floating[Any]]  #: as numpy's decompositions are typed


def solve_cholesky(lower: Matrix, right: Array) -> Array:
    """X of ``A x = right``, where ``A = lower lower'``."""
    from scipy import linalg  # pyright: ignore[reportMissingTypeStubs] - it has none

    module: Any = linalg
    solution: Array = module.cho_solve((lower, True), right, check_finite=False)
    return solution


def solve_lower(lower: Matrix, right: Array) -> Array:
    """X of ``lower x = right``."""
    from scipy import linalg  # pyright: ignore[reportMissingTypeStubs] - it has none

    module: Any = linalg
    solution: Array = module.solve_triangular(lower, right, lower=True, check_finite=False)
    return solution


def minimise(
    loss: Callable[[Array], tuple[float, Array]],
    start: Array,
    *,
    bounds: Sequence[tuple[float, float]],
    iterations: int,
) -> tuple[float, Array]:
    """Least loss found from `start` by L-BFGS-B, and where; `loss` gives its gradient too."""
    from scipy import optimize  # pyright: ignore[reportMissingTypeStubs] - it has none

    module: Any = optimize
    found = module.minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": iterations}
    )
    return float(found.fun), found.x
