"""What will have become free in a scope by when, if everybody ends when that is expected."""

import math

import numpy as np

from governance.scheduling.dimensions import Floats, flatten
from governance.scheduling.room import Scope

_MANY = 200  #: holders that came since; from then on it is quicker to sort anew


class Releases:
    """Ends of those who hold something in a scope, those included who come later."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._read()

    def _read(self) -> None:
        members = self._scope.members
        self._n = len(members)
        whose, indices, amounts = flatten([holder.needs for holder in members])
        until = np.array([holder.until for holder in members], dtype=np.float64)[whose]
        order = np.argsort(until, kind="stable")
        self._until, self._indices, self._amounts = until[order], indices[order], amounts[order]
        self._of: dict[int, tuple[Floats, Floats]] = {}

    def of(self, index: int) -> tuple[Floats, Floats]:
        """The ends, the unknown ones last, and how much of a dimension is free by then."""
        if len(self._scope.members) > self._n:
            self._read()
        return self._known(index)

    def by(self, at: float, index: int) -> float:
        """How much of a dimension is free by a time that somebody can tell."""
        members = self._scope.members
        if len(members) - self._n > _MANY:
            self._read()
        ends, released = self._known(index)
        place = int(np.searchsorted(ends, at, side="right"))
        found = float(released[place - 1]) if place else 0.0
        for holder in members[self._n :]:
            if holder.until <= at < math.inf:
                found += sum(amount for known, amount in holder.needs if known == index)
        return found

    def _known(self, index: int) -> tuple[Floats, Floats]:
        if index not in self._of:
            here = self._indices == index
            self._of[index] = self._until[here], np.cumsum(self._amounts[here])
        return self._of[index]
