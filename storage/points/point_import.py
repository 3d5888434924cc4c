"""Points of the past in bulk: imports, and runs that are sent long after they have ended."""

from collections.abc import Sequence
from typing import Any

import psycopg

from storage import queries
from storage.points.late_points import note_late_points
from storage.points.metric_store import PointColumns, copy_columns
from storage.points.points import RunPoints

_QUERIES = queries.load("metrics")
_POINTS_A_CURVE = 100  # less would be more overhead than it saves
_PAST_US = 2 * 3_600_000_000  # chunks of which are closed
Connection = psycopg.Connection[tuple[Any, ...]]


def is_import(points: RunPoints, *, now_us: int) -> bool:
    """Whether it pays to compress a flush as it comes: many points a curve, none of them new."""
    return (
        len(points.values) >= _POINTS_A_CURVE * len(points.counts)
        and bool(points.counts.any())
        and points.times.max() < now_us - _PAST_US
    )


def import_points(connection: Connection, batch: Sequence[RunPoints]) -> None:
    """Append many points, series by series; compressed on their way in where the server can.

    Make room for them before (`MetricStore.ensure_partitions`).
    """
    connection.execute(_QUERIES["compress_directly"], {"setting": "on"})
    copy_columns(connection, PointColumns.of(batch).by_series())
    connection.execute(_QUERIES["compress_directly"], {"setting": "off"})
    note_late_points(connection, batch, now_us=None)
