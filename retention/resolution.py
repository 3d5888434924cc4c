"""How finely a curve is shown: by what a plot can show, and by what may be read for it.

Pure. Steps are integers; times are tenths of a second since 1970 UTC, as metric points have them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

MINUTE, HOUR = 600, 36_000  #: widths of the rollups' buckets, in tenths of a second
_ALWAYS_RAW = 200  # points: below that, buckets save nothing worth having
_RAW_PER_PIXEL = 2
_GREATEST_WIDTH = 2**62  # of a bucket, in whatever unit: what databases divide by has 64 bits


class Axis(StrEnum):
    """What a curve is drawn over."""

    STEP = "step"
    RELATIVE = "relative"  #: time since the run began
    WALL = "wall"


class Resolution(StrEnum):
    """What is read, and in what form it is given."""

    RAW = "raw"  #: every point
    BUCKETS = "buckets"  #: least and greatest of the points that fall on a pixel
    MINUTES = "1m"  #: the same, from rollups of a minute
    HOURS = "1h"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What is cheap to know about a curve; of one that grows, as it was a few seconds ago."""

    count: int
    first_step: int  #: the least
    last_step: int  #: the greatest
    first_time: int
    last_time: int
    start: int = 0  #: when its run began


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewport:
    """A plot: its axis, its width, and the part of the axis that it shows, both ends included.

    Attributes:
        low: A step, or tenths of a second: since 1970 for ``wall``, since the run's start for
            ``relative``. None: from the first point on.
        high: Likewise.
    """

    axis: Axis
    pixels: int = 800
    low: int | None = None
    high: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it shows all there is."""
        return self.low is None and self.high is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How many rows may be read for one answer."""

    points: int = 1_200_000
    minutes: int = 400_000  #: rows of that rollup, which are wider


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """From when on the finer tiers are still there."""

    points_since: int = -(2**63)
    minutes_since: int = -(2**63)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """How an answer is cut: buckets of one width for all, and what each curve is read from."""

    width: int  #: in steps, or tenths of a second
    resolutions: tuple[Resolution, ...]


@dataclass(frozen=True, slots=True)
class _Visible:
    span: int  #: of the axis
    count: int  #: about how many points
    read: int  #: about how many have to be read to get them
    minutes: int  #: about how many rows of the rollup
    first_time: int


def choose(
    curves: Sequence[Extent],
    viewport: Viewport,
    *,
    kept: Kept | None = None,
    budget: Budget | None = None,
) -> Grid:
    """How to read these curves for one plot.

    All of them share a grid as wide as the plot. The smaller a curve, the sooner it may be read
    from its points; those that would be too much are read from a rollup, whose least and greatest
    values are those of the points.
    """
    kept, budget = kept or Kept(), budget or Budget()
    visible = [_visible(curve, viewport) for curve in curves]
    width = _width(curves, viewport)
    by_points = _affordable([one.read for one in visible], budget.points)
    left = [0 if fits else one.minutes for one, fits in zip(visible, by_points, strict=True)]
    by_minutes = _affordable(left, budget.minutes)
    resolutions: list[Resolution] = []
    for one, points, minutes in zip(visible, by_points, by_minutes, strict=True):
        if one.first_time < kept.minutes_since:
            resolutions.append(Resolution.HOURS)
        elif points and one.first_time >= kept.points_since:
            pixels = -(-one.span // width)
            fits = one.count <= max(_RAW_PER_PIXEL * pixels, _ALWAYS_RAW)
            resolutions.append(Resolution.RAW if fits else Resolution.BUCKETS)
        else:
            resolutions.append(Resolution.MINUTES if minutes else Resolution.HOURS)
    return Grid(width=width, resolutions=tuple(resolutions))


def _ends(curve: Extent, axis: Axis) -> tuple[int, int]:
    match axis:
        case Axis.STEP:
            return curve.first_step, curve.last_step
        case Axis.RELATIVE:
            return curve.first_time - curve.start, curve.last_time - curve.start
        case Axis.WALL:
            return curve.first_time, curve.last_time


def _visible(curve: Extent, viewport: Viewport) -> _Visible:
    """The part of a curve that is in the viewport, taken to be spread evenly."""
    first, last = _ends(curve, viewport.axis)
    low = first if viewport.low is None else max(viewport.low, first)
    high = last if viewport.high is None else min(viewport.high, last)
    lasts = curve.last_time - curve.first_time + 1
    span = high - low + 1
    if span <= 0:
        return _Visible(span=0, count=0, read=0, minutes=0, first_time=curve.last_time)
    share = span / (last - first + 1)
    count = -int(-curve.count * share // 1)
    # By step, points are found through the hours they are in.
    edges = 0 if viewport.is_whole or viewport.axis is not Axis.STEP else 2 * HOUR / lasts
    return _Visible(
        span=span,
        count=count,
        read=int(min(curve.count, count + edges * curve.count)),
        minutes=int(min(count, lasts * share / MINUTE + 2)),
        first_time=int(curve.first_time + lasts * (low - first) / (last - first + 1)),
    )


def _width(curves: Sequence[Extent], viewport: Viewport) -> int:
    ends = [_ends(curve, viewport.axis) for curve in curves]
    low = min((first for first, _ in ends), default=0) if viewport.low is None else viewport.low
    high = max((last for _, last in ends), default=0) if viewport.high is None else viewport.high
    return min(max(1, -(-(high - low + 1) // viewport.pixels)), _GREATEST_WIDTH)


def _affordable(sizes: Sequence[int], budget: int) -> list[bool]:
    """Which of them to take: those that fit, if all larger ones took as much. Equal ones are equal."""
    taken = [False] * len(sizes)
    smallest_first = sorted(range(len(sizes)), key=sizes.__getitem__)
    for done, place in enumerate(smallest_first):
        if sizes[place] * (len(sizes) - done) > budget:
            break
        budget -= sizes[place]
        taken[place] = True
    return taken
