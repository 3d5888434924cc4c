"""Search along a fixed sequence of points of the unit cube: trial n is point n."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from sweeps.journal import History
from sweeps.searchers.random_search import sample_unseen
from sweeps.spaces import Configuration, SearchSpace


class Points(Protocol):
    """A sequence of points; the same index is always the same point."""

    def at(self, index: int) -> Sequence[float]:
        """Point `index` (from 0): a place in ``[0, 1)`` for every dimension."""
        ...


def varying(space: SearchSpace) -> tuple[str, ...]:
    """Parameters with more than one value: the dimensions of a point."""
    return tuple(name for name, parameter in space.parameters.items() if parameter.count() != 1)


class PointSearch:
    """A `Searcher` that takes one point per trial.

    A point that breaks a constraint, or that falls on a configuration asked for before, as
    happens where values are few, is replaced by a random draw.
    """

    def __init__(self, space: SearchSpace, points: Points, *, tried_first: int = 0) -> None:
        """The first `tried_first` trials of the sweep may be somebody else's."""
        self._space = space
        self._points = points
        self._tried_first = tried_first
        self._varying = varying(space)

    def suggest(
        self, *, number: int, history: History, rng: np.random.Generator
    ) -> Configuration | None:
        """The configuration at the trial's point, or None when a finite space is used up."""
        index = number - 1 - self._tried_first
        if index >= 0 and self._varying:
            unit_by_name = dict(zip(self._varying, self._points.at(index), strict=True))
            units = [unit_by_name.get(name, 0.5) for name in self._space.parameters]
            configuration = self._space.from_units(units)
            if self._space.allows(configuration) and not history.has(configuration):
                return configuration
        return sample_unseen(self._space, rng, history)
