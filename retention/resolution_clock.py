"""From before when each tier of points may be dropped, and whose points become a file first. Pure.

Chunks hold points of many runs. A tier is dropped up to the first point of any run whose time has
not come; so whoever keeps points for longer keeps those of others that trained beside.
"""

import datetime as dt
from collections.abc import Sequence

import numpy as np

from retention.plans import TierDrop
from retention.policy import RetentionClass
from retention.tiers import Tier
from retention.world import NONE, Bools, Float64s, Int32s, Int64s, World

_HOUR = 3600


def tier_drops(
    world: World,
    class_of: Int32s,
    classes: Sequence[RetentionClass],
    *,
    exported: Bools,
    kept: Bools,
    now: dt.datetime,
) -> list[TierDrop]:
    """The tiers with something to drop.

    Args:
        class_of: The class of each run, as a place in `classes`; shape `(n,)`.
        exported: Whether a run's points are to become a file before they are dropped.
        kept: Whether nothing may be lost of a run: its rollups stay until its points are a file.
    """
    drops: list[TierDrop] = []
    lengths = {
        Tier.POINTS: [one.metrics.raw for one in classes],
        Tier.MINUTES: [one.metrics.minutes for one in classes],
        Tier.HOURS: [one.metrics.hours for one in classes],
    }
    for tier, by_class in lengths.items():
        seconds = np.array(
            [np.inf if one is None else one.total_seconds() for one in by_class], dtype=np.float64
        )
        has_points = world.runs.first_points != NONE
        if tier is Tier.POINTS:
            has_points &= world.runs.has_raw
        lengths_of = seconds[class_of]
        if tier is not Tier.POINTS:
            lengths_of[kept & ~world.runs.is_exported] = np.inf
        edge = _edge(world, has_points, lengths_of, int(now.timestamp()))
        if edge is None:
            continue
        runs = world.runs
        exports: Int64s = np.zeros(0, dtype=np.int64)
        if tier is Tier.POINTS:
            is_before = has_points & (runs.first_points < edge)
            exports = np.flatnonzero(is_before & exported & ~runs.is_exported)
        before = dt.datetime.fromtimestamp(edge, dt.UTC)
        drops.append(TierDrop(tier=tier, before=before, exports=exports))
    return drops


def _edge(world: World, has_points: Bools, lengths: Float64s, now: int) -> int | None:
    """The hour up to which nothing is to be kept; None when there is nothing before it."""
    runs = world.runs
    is_due = (runs.ended != NONE) & runs.is_sealed & (now - runs.ended > lengths)
    due, waiting = has_points & is_due, has_points & ~is_due
    if not due.any():
        return None
    # The last point of a run that is due is about as old as its end.
    edge = int(runs.ended[due].max()) + _HOUR
    if waiting.any():
        edge = min(edge, int(runs.first_points[waiting].min()))
    edge = edge // _HOUR * _HOUR
    return edge if bool((runs.first_points[due] < edge).any()) else None
