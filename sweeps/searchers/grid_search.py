"""Grid search: every combination, in the order of the sweep file, the last parameter fastest."""

import math
from collections.abc import Sequence

import numpy as np

from sweeps.journal import History
from sweeps.spaces import Configuration, Float, Int, Parameter, Scalar, SearchSpace


def axis(parameter: Parameter, *, points_per_parameter: int) -> tuple[Scalar, ...]:
    """Values of one parameter on the grid, ascending or in file order, without repetitions.

    A float, and an integer range wider than `points_per_parameter`, get that many values at equal
    distances, in the logarithm where the parameter is logarithmic; both ends are included.
    """
    match parameter:
        case Int(low=low, high=high) if high - low + 1 > points_per_parameter:
            spread = (
                np.geomspace(low, high, points_per_parameter)
                if parameter.log
                else np.linspace(low, high, points_per_parameter)
            )
            return tuple(dict.fromkeys(round(float(value)) for value in spread))
        case Float():
            units = np.linspace(0.0, 1.0, points_per_parameter)[1:-1]
            inner = (parameter.from_unit(float(unit)) for unit in units)
            # Not by `from_unit`: the logarithm would round the ends away.
            ends = (parameter.high,) if points_per_parameter > 1 else ()
            return tuple(dict.fromkeys((parameter.low, *inner, *ends)))
        case _:
            return parameter.values() or ()


def axes(space: SearchSpace, *, points_per_parameter: int) -> list[tuple[Scalar, ...]]:
    """Values of every parameter on the grid."""
    return [
        axis(parameter, points_per_parameter=points_per_parameter)
        for parameter in space.parameters.values()
    ]


def grid_size(space: SearchSpace, *, points_per_parameter: int) -> int:
    """How many configurations the grid has."""
    return math.prod(
        _axis_length(parameter, points_per_parameter) for parameter in space.parameters.values()
    )


def _axis_length(parameter: Parameter, points_per_parameter: int) -> int:
    if isinstance(parameter, Int) and not parameter.log:  # without listing a huge range
        return min(parameter.high - parameter.low + 1, points_per_parameter)
    return len(axis(parameter, points_per_parameter=points_per_parameter))


def configuration_at(
    space: SearchSpace, values: Sequence[Sequence[Scalar]], index: int
) -> Configuration:
    """Combination number `index` (from 0) of `values`, one sequence per parameter."""
    digits: list[Scalar] = []
    for choices in reversed(values):
        index, digit = divmod(index, len(choices))
        digits.append(choices[digit])
    return dict(zip(space.parameters, reversed(digits), strict=True))


class GridSearch:
    """A `Searcher` that walks through the grid."""

    def __init__(self, space: SearchSpace, *, points_per_parameter: int) -> None:
        self._space = space
        self._axes = axes(space, points_per_parameter=points_per_parameter)
        self._size = math.prod(len(values) for values in self._axes)

    def suggest(
        self,
        *,
        number: int,
        history: History,  # noqa: ARG002 - the port's signature
        rng: np.random.Generator,  # noqa: ARG002 - the port's signature
    ) -> Configuration | None:
        """Combination `number` (from 1), or None past the end."""
        if number > self._size:
            return None
        return configuration_at(self._space, self._axes, number - 1)
