"""From before when each tier of points may be dropped, and whose points become a file first. Pure.

Chunks hold points of many runs. A tier is dropped up to the first point of any run whose time has
not come; so whoever keeps points for longer keeps those of others that trained beside.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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
        kept: Whether nothing may be lost of a run: its rollups stay until its points are a file,
            or, when its points were dropped before it was kept, until the rollups are one.
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
        has_points = world.has_points(tier)
        lengths_of = seconds[class_of]
        becomes_file = (exported if tier is Tier.POINTS else kept) & ~world.runs.is_exported
        if tier is not Tier.POINTS:
            lengths_of[becomes_file & world.has_points(Tier.POINTS)] = np.inf
        edge = _edge(world, has_points, lengths_of, int(now.timestamp()))
        if edge is None:
            continue
        runs = world.runs
        exports = np.flatnonzero(has_points & (runs.first_points < edge) & becomes_file)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TierStep:
    """A part of a drop, which a run may hold up."""

    before: dt.datetime
    runs: Int64s  #: places of runs whose points go with it, and of which no file has them


def drop_steps(
    world: World, tier: Tier, *, before: dt.datetime, in_files: Bools, most: int
) -> Iterator[TierStep]:
    """The parts of a drop, the earliest first: each adds about `most` runs to those before it.

    Args:
        before: Up to where the tier is dropped; of a whole hour.
        in_files: Whether a file has the run's points, shape `(n,)`.
    """
    runs, end = world.runs, int(before.timestamp())
    at_stake = world.has_points(tier) & ~in_files & (runs.first_points < end)
    firsts = np.sort(runs.first_points[at_stake])
    edges = np.unique(firsts[most::most] // _HOUR * _HOUR)
    low = NONE
    for high in [*edges[edges > int(firsts[0] if len(firsts) else 0)].tolist(), end]:
        places = np.flatnonzero(at_stake & (runs.first_points < high) & (runs.last_points >= low))
        yield TierStep(before=dt.datetime.fromtimestamp(high, dt.UTC), runs=places)
        low = high
