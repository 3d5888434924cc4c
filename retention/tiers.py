"""The tiers of metric points, from fine to coarse, and what keeps them.

In a coarser tier lives on what is dropped in a finer one. All times are UTC.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Tier(StrEnum):
    """A tier, by the name of its table or view."""

    POINTS = "metric_points"  #: as they came
    MINUTES = "metric_points_1m"
    HOURS = "metric_points_1h"


ROLLUPS = (Tier.MINUTES, Tier.HOURS)  #: in the order in which each needs the one before


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkCount:
    """Chunks, or partitions, of metric points that are in one state."""

    state: (
        str  #: ``open``, ``closed``, ``compressed``, ``partial``, or ``far``: clocks that are off
    )
    chunks: int
    bytes: int
    uncompressed_bytes: int  #: what they took before


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunks:
    """Chunks of the points themselves."""

    by_state: Sequence[ChunkCount]
    to_close: int  #: chunks to be compressed, and days to be merged


@dataclass(frozen=True, slots=True, kw_only=True)
class TierState:
    """How a tier is now."""

    tier: Tier
    stored_until: dt.datetime | None  #: what is newer is computed when asked for; None: everything
    lag: dt.timedelta  #: how long points that are due have waited to be stored; zero: none do
    bytes: int
    row_estimate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """Points of a day up to where its rollup is stored, counted on both sides."""

    points: int
    rolled_up: int
    buckets: int  #: rows of the rollup

    @property
    def is_complete(self) -> bool:
        """Whether every point is in the rollup, once."""
        return self.points == self.rolled_up


class MetricTiers(Protocol):
    """Keeps the tiers.

    **Idempotency.** Everything may be called at any time, and again.

    Every method raises `StorageUnavailable` when the database does not answer, or is busy with the
    same thing.
    """

    def refresh(self, tier: Tier) -> None:
        """Store what is new, or has changed, in a rollup: all of it that is ten minutes old."""
        ...

    def rebuild(self, tier: Tier, *, day: dt.date) -> None:
        """Roll a day up anew, whatever is known of it."""
        ...

    def close_chunks(self) -> None:
        """Compress chunks that have closed, and merge those of days that are over."""
        ...

    def state(self, tier: Tier) -> TierState:
        """How the tier is."""
        ...

    def chunks(self) -> Chunks:
        """Chunks of the points themselves."""
        ...

    def completeness(self, tier: Tier, *, day: dt.date) -> Completeness:
        """Count a day; reads all of its points."""
        ...
