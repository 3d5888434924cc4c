"""Curves as a plot wants them: of many runs, cut to its width, computed by the database."""

import concurrent.futures
import datetime as dt
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.errors import NumericValueOutOfRange
from psycopg.rows import class_row, dict_row

from retention.resolution import (
    HOUR,
    MINUTE,
    Axis,
    Budget,
    Extent,
    Grid,
    Kept,
    Resolution,
    Viewport,
    choose,
)
from retention.tiers import Tier
from storage import queries
from storage.arrays import column_cursor
from storage.database import Pool, transaction
from storage.points.curve_columns import Column, column_of, is_sound
from storage.points.points import USER
from sweeps.errors import RunNotFound
from sweeps.ids import RunId, TenantId

_QUERIES = queries.load("curves")
_EVER = 2**62  # as an end of a range: beyond every step or time that is meant
_AT_ONCE = 2  # statements of one answer; more would only take the cores from other answers
_FINDS_BY_HOURS = 20_000  # points from which on it pays to look where a range of steps is
_TIER_WIDTH = {Resolution.MINUTES: MINUTE, Resolution.HOURS: HOUR}
_STATEMENT = {
    Resolution.BUCKETS: "buckets",
    Resolution.MINUTES: "minutes",
    Resolution.HOURS: "hours",
}
#: What stands in for statements that cannot bear every value.
_CAREFUL = {f"buckets_by_{axis}": f"careful_buckets_by_{axis}" for axis in ("step", "time")}


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveRun:
    """A run that curves are asked of."""

    run_id: RunId
    settled_at: dt.datetime | None  #: from then on no answer about it changes
    started: int | None  #: tenths of a second since 1970


@dataclass(frozen=True, slots=True, kw_only=True)
class _Curve:
    series_id: int
    run_id: RunId
    key: str
    extent: Extent


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """Curves that one statement reads."""

    query: str
    resolution: Resolution
    width: int
    places: tuple[int, ...]
    lows: tuple[int, ...]
    highs: tuple[int, ...]


class CurveStore:
    """Reads curves of a tenant's runs."""

    def __init__(self, pool: Pool, *, budget: Budget | None = None) -> None:
        self._pool = pool
        self._budget = budget or Budget()
        self._threads = concurrent.futures.ThreadPoolExecutor(
            max_workers=2 * _AT_ONCE, thread_name_prefix="curves"
        )

    def runs(self, run_ids: Sequence[RunId], *, tenant_id: TenantId) -> list[CurveRun]:
        """Those runs, in that order.

        Raises:
            RunNotFound: One of them is none of the tenant's.
        """
        parameters = {"run_ids": list(run_ids), "tenant_id": tenant_id}
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(CurveRun))
            found = {
                run.run_id: run for run in cursor.execute(_QUERIES["runs_of_curves"], parameters)
            }
        for run_id in run_ids:
            if run_id not in found:
                raise RunNotFound(run_id)
        return [found[run_id] for run_id in run_ids]

    def read(
        self,
        runs: Sequence[CurveRun],
        keys: Sequence[str],
        viewport: Viewport,
        *,
        family: str = USER,
    ) -> list[Column]:
        """The curves of these runs that there are, by run and key in the order asked for."""
        curves, kept = self._curves(runs, keys, family)
        if not curves:
            return []
        extents = [curve.extent for curve in curves]
        grid = choose(extents, viewport, kept=kept, budget=self._budget)
        bounds = self._bounds(curves, grid, viewport)
        columns = self._run(_jobs(grid, viewport, bounds), curves, viewport)
        # What has a NaN in it is read once more, by a statement that looks at every value.
        odd = [place for place, column in columns.items() if not is_sound(column)]
        if odd:
            columns |= self._run([_careful(grid, viewport, bounds, odd)], curves, viewport)
        order = {
            pair: n for n, pair in enumerate(itertools.product([r.run_id for r in runs], keys))
        }
        return sorted(columns.values(), key=lambda column: order[column.run_id, column.key])

    def _curves(
        self, runs: Sequence[CurveRun], keys: Sequence[str], family: str
    ) -> tuple[list[_Curve], Kept]:
        parameters = {
            "run_ids": [run.run_id for run in runs],
            "family": family,
            "keys": list(keys),
        }
        with transaction(self._pool) as connection:
            since = dict(connection.execute(_QUERIES["kept_since"]))
            cursor = connection.cursor(row_factory=dict_row)
            rows = cursor.execute(_QUERIES["extents"], parameters).fetchall()
            unknown = {row["series_id"]: row for row in rows if row["count"] is None}
            if unknown:
                asked = {"series_ids": list(unknown)}
                for row in cursor.execute(_QUERIES["extents_anew"], asked):
                    unknown[row["series_id"]].update(row)
        known = [row for row in rows if row["count"] is not None]
        starts = _starts(runs, known)
        curves = [
            _Curve(
                series_id=row.pop("series_id"),
                run_id=row["run_id"],
                key=row.pop("key"),
                extent=Extent(start=starts[row.pop("run_id")], **row),
            )
            for row in known
        ]
        kept = Kept(points_since=since[Tier.POINTS], minutes_since=since[Tier.MINUTES])
        return curves, kept

    def _bounds(
        self, curves: Sequence[_Curve], grid: Grid, viewport: Viewport
    ) -> list[tuple[int, int]]:
        """In which stretch of time each curve has what is asked for, in tenths of a second."""
        if viewport.axis is not Axis.STEP:
            return [
                (
                    -_EVER if viewport.low is None else viewport.low + shift,
                    _EVER if viewport.high is None else viewport.high + shift,
                )
                for shift in (_shift(curve, viewport.axis) for curve in curves)
            ]
        bounds = dict.fromkeys((curve.series_id for curve in curves), (-_EVER, _EVER))
        large = [
            curve.series_id
            for curve, resolution in zip(curves, grid.resolutions, strict=True)
            if resolution in {Resolution.RAW, Resolution.BUCKETS}
            and curve.extent.count > _FINDS_BY_HOURS
        ]
        if large and not viewport.is_whole:
            low, high = _step_range(viewport)
            parameters = {"series_ids": large, "low": low, "high": high}
            with transaction(self._pool) as connection:
                for series_id, *ends in connection.execute(_QUERIES["times_of_steps"], parameters):
                    bounds[series_id] = (ends[0], ends[1])
        return [bounds[curve.series_id] for curve in curves]

    def _run(
        self, jobs: Iterable[_Job], curves: Sequence[_Curve], viewport: Viewport
    ) -> dict[int, Column]:
        """Read by several connections at once: one uses one core."""

        def read(job: _Job) -> dict[int, Column]:
            return self._read(job, curves, viewport)

        columns: dict[int, Column] = {}
        for part in self._threads.map(read, jobs):
            columns |= part
        return columns

    def _read(self, job: _Job, curves: Sequence[_Curve], viewport: Viewport) -> dict[int, Column]:
        step_low, step_high = _step_range(viewport)
        parameters = {
            "series_ids": [curves[place].series_id for place in job.places],
            "lows": list(job.lows),
            "highs": list(job.highs),
            "width": job.width,
            "step_low": step_low,
            "step_high": step_high,
        }
        columns: dict[int, Column] = {}
        for row in self._rows(job.query, parameters):
            place = job.places[int(row["place"]) - 1]
            curve = curves[place]
            columns[place] = column_of(
                row,
                run_id=curve.run_id,
                key=curve.key,
                resolution=job.resolution,
                width=job.width,
                axis=viewport.axis,
                shift=_shift(curve, viewport.axis),
            )
        return columns

    def _rows(self, query: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        with transaction(self._pool) as connection:
            cursor = column_cursor(connection, dict_row)
            try:
                with connection.transaction():
                    return cursor.execute(_QUERIES[query], parameters).fetchall()
            except NumericValueOutOfRange:
                if query not in _CAREFUL:
                    raise
            # Finite values, whose sum is not: one of the curves has them, and all are looked at.
            return cursor.execute(_QUERIES[_CAREFUL[query]], parameters).fetchall()


def _starts(runs: Sequence[CurveRun], rows: Sequence[Mapping[str, Any]]) -> dict[RunId, int]:
    """When each run began: a clock that was behind, or an import, may have brought earlier points."""
    firsts: dict[RunId, int] = {}
    for row in rows:
        firsts[row["run_id"]] = min(row["first_time"], firsts.get(row["run_id"], _EVER))
    return {
        run.run_id: first if run.started is None else min(run.started, first)
        for run in runs
        if (first := firsts.get(run.run_id)) is not None
    }


def _shift(curve: _Curve, axis: Axis) -> int:
    return curve.extent.start if axis is Axis.RELATIVE else 0


def _step_range(viewport: Viewport) -> tuple[int, int]:
    if viewport.axis is not Axis.STEP:
        return -(2**63), 2**63 - 1
    low = -(2**63) if viewport.low is None else viewport.low
    return low, 2**63 - 1 if viewport.high is None else viewport.high


def _jobs(grid: Grid, viewport: Viewport, bounds: Sequence[tuple[int, int]]) -> list[_Job]:
    jobs: list[_Job] = []
    by_step = viewport.axis is Axis.STEP
    for resolution in Resolution:
        places = [p for p, chosen in enumerate(grid.resolutions) if chosen is resolution]
        query = (
            "raw"
            if resolution is Resolution.RAW
            else f"{_STATEMENT[resolution]}_by_{'step' if by_step else 'time'}"
        )
        if resolution is Resolution.BUCKETS and by_step and not viewport.is_whole:
            query = "careful_buckets_by_step"  # the quick one compares no steps
        width = _width(grid, viewport, resolution)
        parts = (places[first::_AT_ONCE] for first in range(_AT_ONCE))
        jobs.extend(_job(query, resolution, width, part, bounds) for part in parts if part)
    return jobs


def _careful(
    grid: Grid, viewport: Viewport, bounds: Sequence[tuple[int, int]], places: Sequence[int]
) -> _Job:
    by = "step" if viewport.axis is Axis.STEP else "time"
    width = _width(grid, viewport, Resolution.BUCKETS)
    return _job(f"careful_buckets_by_{by}", Resolution.BUCKETS, width, places, bounds)


def _width(grid: Grid, viewport: Viewport, resolution: Resolution) -> int:
    """Buckets of time are made of whole rollups."""
    tier = _TIER_WIDTH.get(resolution, 1)
    if viewport.axis is Axis.STEP:
        return grid.width
    return -(-grid.width // tier) * tier


def _job(
    query: str,
    resolution: Resolution,
    width: int,
    places: Sequence[int],
    bounds: Sequence[tuple[int, int]],
) -> _Job:
    tier = _TIER_WIDTH.get(resolution, 1)
    return _Job(
        query=query,
        resolution=resolution,
        width=width,
        places=tuple(places),
        lows=tuple(bounds[place][0] // tier * tier for place in places),
        highs=tuple(bounds[place][1] for place in places),
    )
