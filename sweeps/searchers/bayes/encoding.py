"""Configurations as rows of numbers, for models of the objective.

A row has one column per parameter that varies: the place in ``[0, 1]`` that the parameter's prior
gives its value; for a categorical one, the middle of its choice's interval, where only equal and
different mean anything. A parameter that is absent is in the middle of its range, or at a choice of
its own.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from sweeps.spaces import Categorical, Configuration, SearchSpace

Rows = NDArray[np.float64]  #: (n_rows, n_columns)

_ABSENT_CHOICE = -1.0
_SNAPPABLE = 10_000  # values of a discrete parameter; more are as good as a continuum


class Encoding:
    """Rows of one space, and back."""

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self.names = [name for name, p in space.parameters.items() if p.count() != 1]
        self.is_categorical = np.array(
            [isinstance(space.parameters[name], Categorical) for name in self.names], dtype=bool
        )
        self._centres = [self._centres_of(name) for name in self.names]

    @property
    def n_columns(self) -> int:
        """Parameters that vary."""
        return len(self.names)

    def encode(self, configurations: Iterable[Configuration]) -> Rows:
        """A row for each configuration; values of other spaces must fit this one's ranges."""
        rows = [[self._place(name, c) for name in self.names] for c in configurations]
        return np.array(rows, dtype=float).reshape(len(rows), self.n_columns)

    def decode(self, row: Sequence[float]) -> Configuration:
        """The configuration of a row, whether or not constraints hold."""
        unit_by_name = dict(zip(self.names, row, strict=True))
        units = [min(max(unit_by_name.get(n, 0.5), 0.0), 1.0) for n in self._space.parameters]
        return self._space.from_units(units)

    def snap(self, rows: Rows) -> Rows:
        """Points of the unit cube moved to rows that configurations really have."""
        if self._space.conditions:
            return self.encode(self.decode(row) for row in rows.tolist())
        snapped = rows.copy()
        for column, centres in enumerate(self._centres):
            if centres is None:
                continue
            if self.is_categorical[column]:
                index = np.floor(rows[:, column] * len(centres)).astype(int)
            else:
                index = np.searchsorted((centres[1:] + centres[:-1]) / 2, rows[:, column])
            snapped[:, column] = centres[np.clip(index, 0, len(centres) - 1)]
        return snapped

    def _place(self, name: str, configuration: Configuration) -> float:
        if name in configuration:
            return self._space.parameters[name].to_unit(configuration[name])
        is_choice = isinstance(self._space.parameters[name], Categorical)
        return _ABSENT_CHOICE if is_choice else 0.5

    def _centres_of(self, name: str) -> NDArray[np.float64] | None:
        parameter = self._space.parameters[name]
        count = parameter.count()
        if count is None or count > _SNAPPABLE:
            return None
        return np.array([parameter.to_unit(value) for value in parameter.values() or ()])
