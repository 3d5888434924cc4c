"""What will have become free in a scope by when, if everybody ends when that is expected."""

import math

import numpy as np
import numpy.typing as npt

from governance.scheduling.room import Scope

Floats = npt.NDArray[np.float64]
_MANY = 200  #: holders that came since; from then on it is quicker to sort anew


class Releases:
    """Ends of those who hold something in a scope, those included who come later."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._read()

    def _read(self) -> None:
        members = self._scope.members
        self._n = len(members)
        rows = [
            (holder.until, index, amount) for holder in members for index, amount in holder.needs
        ]
        self._rows = np.array(rows, dtype=np.float64).reshape(-1, 3)
        self._rows = self._rows[np.argsort(self._rows[:, 0], kind="stable")]
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
            rows = self._rows[self._rows[:, 1] == index]
            self._of[index] = rows[:, 0], np.cumsum(rows[:, 2])
        return self._of[index]
