"""Configurations that the sweep file wants tried first, before any searcher's."""

from collections.abc import Sequence

import numpy as np

from sweeps.journal import History
from sweeps.spaces import Configuration, SearchSpace
from sweeps.strategies import Searcher

_DRAWS = 64  # for a completion that was not asked for yet


class TriesFirst:
    """A `Searcher` that answers the first trials itself and leaves the others to another one."""

    def __init__(
        self, searcher: Searcher, space: SearchSpace, configurations: Sequence[Configuration]
    ) -> None:
        self._searcher = searcher
        self._space = space
        self._configurations = configurations

    def suggest(
        self, *, number: int, history: History, rng: np.random.Generator
    ) -> Configuration | None:
        """Configuration `number` of the list, what it leaves out drawn; then the searcher's.

        One that was asked for already is not evaluated again: the searcher answers instead.
        """
        if number <= len(self._configurations):
            given = self._configurations[number - 1]
            is_whole = self._space.contains(given)
            for _ in range(1 if is_whole else _DRAWS):
                configuration = self._space.complete(given, rng)
                if configuration is not None and not history.has(configuration):
                    return configuration
        return self._searcher.suggest(number=number, history=history, rng=rng)
