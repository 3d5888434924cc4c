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
from sweeps.spaces.conditions import parents_first

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
        self.is_continuous = np.array(
            [
                centres is None and name not in space.conditions
                for name, centres in zip(self.names, self._centres, strict=True)
            ],
            dtype=bool,
        )  #: columns that may have any value in the unit interval
        # Nothing is ever absent from most spaces.
        self._order = (
            parents_first(tuple(space.parameters), space.conditions) if space.conditions else ()
        )

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
        snapped = rows.copy()
        for column, centres in enumerate(self._centres):
            if centres is None:
                continue
            if self.is_categorical[column]:
                index = np.floor(rows[:, column] * len(centres)).astype(int)
            else:
                index = np.searchsorted((centres[1:] + centres[:-1]) / 2, rows[:, column])
            snapped[:, column] = centres[np.clip(index, 0, len(centres) - 1)]
        return self._without_absent(snapped)

    def _without_absent(self, rows: Rows) -> Rows:
        """`rows`, in place, with parameters marked whose conditions do not hold."""
        space = self._space
        present: dict[str, NDArray[np.bool_]] = {}
        for name in self._order:
            present[name] = np.ones(len(rows), dtype=bool)
            for parent, values in space.conditions.get(name, {}).items():
                allowed = [value for value in values if space.parameters[parent].contains(value)]
                present[name] &= present[parent]
                if parent in self.names:
                    places = [space.parameters[parent].to_unit(value) for value in allowed]
                    present[name] &= np.isin(rows[:, self.names.index(parent)], places)
                elif not allowed:
                    present[name][:] = False
            if name in self.names:
                rows[~present[name], self.names.index(name)] = self._absent(name)
        return rows

    def _absent(self, name: str) -> float:
        return _ABSENT_CHOICE if isinstance(self._space.parameters[name], Categorical) else 0.5

    def _place(self, name: str, configuration: Configuration) -> float:
        if name in configuration:
            return self._space.parameters[name].to_unit(configuration[name])
        return self._absent(name)

    def _centres_of(self, name: str) -> NDArray[np.float64] | None:
        parameter = self._space.parameters[name]
        count = parameter.count()
        if count is None or count > _SNAPPABLE:
            return None
        return np.array([parameter.to_unit(value) for value in parameter.values() or ()])
