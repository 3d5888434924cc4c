"""For how long what is measured beside the training is kept: shorter than what scripts log."""

import datetime as dt
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """What was removed."""

    runs: int
    points: int


class SystemMetrics(Protocol):
    """Points of the family `system` of all runs. What became of each curve, its summary, stays.

    **Idempotency.** Everything may be called at any time, and again.

    Every method raises `StorageUnavailable` when the database does not answer.
    """

    def kept(self) -> dt.timedelta | None:
        """For how long after a run was sealed, by the policy of retention; None: for ever."""
        ...

    def count_due(self, *, sealed_before: dt.datetime) -> int:
        """How many runs have points that are no longer kept."""
        ...

    def drop(self, *, sealed_before: dt.datetime) -> Dropped:
        """Remove these points, run by run."""
        ...
