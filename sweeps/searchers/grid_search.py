"""Grid search: every combination, in the order of the sweep file, the last parameter fastest.

A parameter that is absent is not varied: combinations that would differ in it only are one.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import islice

import numpy as np

from sweeps.journal import History
from sweeps.spaces import Configuration, Float, Int, Parameter, Scalar, SearchSpace

_COUNTABLE = 100_000  # combinations that constraints are tried on to count them


def axis(parameter: Parameter, *, points_per_parameter: int) -> tuple[Scalar, ...]:
    """Values of one parameter on the grid, ascending or in file order, without repetitions.

    A float, and a range of more values than `points_per_parameter`, get that many values at equal
    distances, in the logarithm or by the prior where the parameter has one; both ends are included.
    """
    if not isinstance(parameter, (Float, Int)):
        return parameter.values() or ()
    count = parameter.count()
    if count is not None and count <= points_per_parameter:
        return parameter.values() or ()
    units = np.linspace(0.0, 1.0, points_per_parameter)[1:-1]
    inner = (parameter.nearest(parameter.scale.value_at(float(unit))) for unit in units)
    # Not by the scale: the logarithm would round the ends away.
    ends = (parameter.nearest(parameter.high),) if points_per_parameter > 1 else ()
    return tuple(dict.fromkeys((parameter.low, *inner, *ends)))


def axes(space: SearchSpace, *, points_per_parameter: int) -> dict[str, tuple[Scalar, ...]]:
    """Values of every parameter on the grid."""
    return {
        name: axis(parameter, points_per_parameter=points_per_parameter)
        for name, parameter in space.parameters.items()
    }


def axis_lengths(space: SearchSpace, *, points_per_parameter: int) -> dict[str, int]:
    """Number of values of every parameter on the grid."""
    values = axes(space, points_per_parameter=points_per_parameter)
    return {name: len(axis_values) for name, axis_values in values.items()}


def grid_size(space: SearchSpace, *, points_per_parameter: int) -> int:
    """How many configurations the grid has; constraints are left out where they are too many."""
    values = axes(space, points_per_parameter=points_per_parameter)
    bound = space.count({name: len(axis_values) for name, axis_values in values.items()}, values)
    assert bound is not None  # every axis is finite
    if not space.constraints or bound > _COUNTABLE:
        return bound
    return sum(1 for _ in space.combinations(values))


def configuration_at(values: Mapping[str, Sequence[Scalar]], index: int) -> Configuration:
    """Combination number `index` (from 0) of `values`, without listing the others."""
    digits: list[Scalar] = []
    for choices in reversed([*values.values()]):
        index, digit = divmod(index, len(choices))
        digits.append(choices[digit])
    return dict(zip(values, reversed(digits), strict=True))


class GridSearch:
    """A `Searcher` that walks through the grid."""

    def __init__(
        self, space: SearchSpace, *, points_per_parameter: int, tried_first: int = 0
    ) -> None:
        """The first `tried_first` trials of the sweep may be somebody else's."""
        self._space = space
        self._tried_first = tried_first
        self._axes = axes(space, points_per_parameter=points_per_parameter)
        self._size = grid_size(space, points_per_parameter=points_per_parameter)

    def suggest(
        self,
        *,
        number: int,
        history: History,
        rng: np.random.Generator,  # noqa: ARG002 - the port's signature
    ) -> Configuration | None:
        """The first combination that was not asked for yet, or None past the end."""
        # All before this one were asked for: each trial took the first that was left.
        first = max(0, number - 1 - self._tried_first)
        for index in range(first, self._size):
            configuration = self._at(index)
            if not history.has(configuration):
                return configuration
        return None

    def _at(self, index: int) -> Configuration:
        if self._space.conditions or self._space.constraints:
            return self._listed[index]
        return configuration_at(self._axes, index)

    @cached_property
    def _listed(self) -> list[Configuration]:
        return list(islice(self._space.combinations(self._axes), self._size))
