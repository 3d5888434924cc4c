"""Metric points in all tiers, and what a plain GROUP BY says of them."""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from retention.tiers import ROLLUPS, Tier
from storage.database import Pool, transaction
from storage.points.late_points import note_late_points
from storage.points.metric_store import MetricStore, copy_points
from storage.points.point_import import import_points
from storage.points.points import Curves, RunPoints
from storage.points.rollups import PostgresMetricTiers
from sweeps.clock import SystemClock

US = 1_000_000
MINUTE_US, HOUR_US, DAY_US = 60 * US, 3600 * US, 86_400 * US
NAN, INF = math.nan, math.inf

Point = tuple[int, int, int, float]  # series, step, microseconds, value

# Written apart from what it judges: other functions, other ways to cut time and to find the last.
_GROUP_BY = """
    SELECT series_id, floor(time_ds / {width}.0)::bigint * {width} AS bucket, count(*),
           count(*) FILTER (WHERE value = 'NaN' OR abs(value) > 1e290),
           sum(value) FILTER (WHERE value <> 'NaN' AND abs(value) <= 1e290),
           min(value) FILTER (WHERE value <> 'NaN' AND abs(value) <= 1e290),
           max(value) FILTER (WHERE value <> 'NaN' AND abs(value) <= 1e290),
           (array_agg(value ORDER BY time_ds DESC, step DESC, value DESC))[1],
           min(step), max(step)
    FROM metric_points
    WHERE series_id = ANY(%(ids)s)
    GROUP BY 1, 2
    ORDER BY 1, 2
"""
_ROLLUP = """
    SELECT series_id, bucket, count, nonfinite_count, sum, min, max, last, first_step, last_step
    FROM {tier}
    WHERE series_id = ANY(%(ids)s)
    ORDER BY 1, 2
"""
_WIDTHS = {Tier.MINUTES: 600, Tier.HOURS: 36_000}


def us(at: dt.datetime) -> int:
    return int(at.timestamp()) * US


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


@dataclass(frozen=True)
class TierWorld:
    pool: Pool
    now: dt.datetime = field(default_factory=_now)  # when the test began

    @property
    def now_us(self) -> int:
        return us(self.now)

    def ago(self, **spans: float) -> int:
        """Microseconds of the beginning of the minute that was then."""
        return us(self.now - dt.timedelta(**spans)) // MINUTE_US * MINUTE_US

    @property
    def tiers(self) -> PostgresMetricTiers:
        return PostgresMetricTiers(self.pool)

    @property
    def has_compression(self) -> bool:
        return bool(self.rows("SELECT has_compression FROM metric_storage")[0][0])

    @property
    def has_continuous_aggregates(self) -> bool:
        return bool(self.rows("SELECT has_continuous_aggregates FROM metric_storage")[0][0])

    def rows(self, statement: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        with transaction(self.pool) as connection:
            cursor = connection.execute(statement, parameters)  # pyright: ignore[reportArgumentType]  literals of tests
            return cursor.fetchall() if cursor.description else []

    def write(self, points: Sequence[Point]) -> None:
        """As the ingest does it."""
        if not points:
            return
        batch = [run_points(points)]
        MetricStore(self.pool, clock=SystemClock()).ensure_partitions([batch[0].times])
        with transaction(self.pool) as connection:
            copy_points(connection, batch)
            note_late_points(connection, batch, now_us=self.now_us)

    def bring(self, points: Sequence[Point]) -> None:
        """As an import does it."""
        batch = [run_points(points)]
        MetricStore(self.pool, clock=SystemClock()).ensure_partitions([batch[0].times])
        with transaction(self.pool) as connection:
            import_points(connection, batch)

    def refresh(self, *, until: dt.datetime | None = None) -> None:
        for tier in ROLLUPS:
            self.tiers.refresh(tier, until=until)

    def run_policies(self) -> int:
        """What background workers do in time; returns how many there are."""
        if not self.has_continuous_aggregates:
            return 0
        jobs = self.rows(
            "SELECT job_id FROM timescaledb_information.jobs WHERE job_id >= 1000"
            " ORDER BY proc_name DESC, job_id"
        )
        for (job,) in jobs:
            with self.pool.connection() as connection:
                connection.autocommit = True
                connection.execute("CALL run_job(%s)", [job])
                connection.autocommit = False
        return len(jobs)

    def rollup(self, tier: Tier, ids: Sequence[int]) -> list[tuple[Any, ...]]:
        return self.rows(_ROLLUP.format(tier=tier), {"ids": list(ids)})

    def group_by(self, tier: Tier, ids: Sequence[int]) -> list[tuple[Any, ...]]:
        return self.rows(_GROUP_BY.format(width=_WIDTHS[tier]), {"ids": list(ids)})

    def assert_rolled_up(self, ids: Sequence[int]) -> None:
        """Both rollups say what a GROUP BY over the points says."""
        for tier in ROLLUPS:
            found, expected = self.rollup(tier, ids), self.group_by(tier, ids)
            assert [row[:2] for row in found] == [row[:2] for row in expected], tier
            for row, wanted in zip(found, expected, strict=True):
                assert all(map(_alike, row, wanted)), (tier, row, wanted)


def run_points(points: Sequence[Point]) -> RunPoints:
    ids = np.array([point[0] for point in points], dtype=np.int64)
    curves = Curves(run_id="r", keys=[str(i) for i in ids], digest=b"", series_ids=ids)
    return RunPoints(
        curves=curves,
        counts=np.ones(len(points), dtype=np.int64),
        steps=np.array([point[1] for point in points], dtype=np.int64),
        times=np.array([point[2] for point in points], dtype=np.int64),
        values=np.array([point[3] for point in points], dtype=np.float64),
    )


def _alike(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, float) and isinstance(found, float):
        if math.isnan(wanted):
            return math.isnan(found)
        # Sums of the same numbers in another order.
        return found == wanted or math.isclose(found, wanted, rel_tol=1e-9, abs_tol=1e-9)
    return found == wanted
