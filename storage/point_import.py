"""Points of the past in bulk: imports, and runs that are sent long after they have ended."""

from collections.abc import Sequence
from typing import Any

import psycopg

from storage import queries
from storage.late_points import note_late_points
from storage.metric_store import PointColumns, copy_columns
from storage.points import RunPoints

_QUERIES = queries.load("metrics")
Connection = psycopg.Connection[tuple[Any, ...]]


def import_points(connection: Connection, batch: Sequence[RunPoints]) -> None:
    """Append many points, series by series; compressed on their way in where the server can.

    For as many points of a series as there are: compressed in batches of less than a hundred they
    take more than they did. Make room for them before (`MetricStore.ensure_partitions`).
    """
    connection.execute(_QUERIES["compress_directly"], {"setting": "on"})
    copy_columns(connection, PointColumns.of(batch).by_series())
    connection.execute(_QUERIES["compress_directly"], {"setting": "off"})
    note_late_points(connection, batch, now_us=None)
