"""Which of many results a model holds."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Element = TypeVar("_Element", np.float64, np.intp)


def most_telling(values: NDArray[np.float64], n: int) -> NDArray[np.intp]:
    """Places of the best half of `n` values and of as many evenly from the rest, ascending."""
    if len(values) <= n:
        return np.arange(len(values), dtype=np.intp)
    order = np.argsort(values, kind="stable")
    rest = spread_over(np.sort(order[n // 2 :]), n - n // 2)
    return np.sort(np.concatenate([order[: n // 2], rest]))


def spread_over(ordered: NDArray[_Element], n: int) -> NDArray[_Element]:
    """At most `n` of them at even distances, the first and the last included."""
    if len(ordered) <= n:
        return ordered
    return ordered[np.linspace(0, len(ordered) - 1, n).round().astype(int)]
