"""Metric points on their way into the database, by binary COPY."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from storage import queries
from storage.database import Pool, transaction
from storage.points import Int64s, RunPoints
from sweeps.clock import Clock

_QUERIES = queries.load("metrics")
Connection = psycopg.Connection[tuple[Any, ...]]

_DAY_US = 86_400_000_000
_POSTGRES_EPOCH_US = 946_684_800_000_000  # 2000-01-01, from where PostgreSQL counts
_PARTITION_DAYS = range(-400, 3)  # around today; other days share the default partition

# One row as `COPY … FORMAT BINARY` wants it: number of fields, then length and bytes of each.
_ROW = np.dtype(
    [
        ("n_fields", ">i2"),
        ("series_length", ">i4"),
        ("series", ">i8"),
        ("step_length", ">i4"),
        ("step", ">i8"),
        ("time_length", ">i4"),
        ("time", ">i8"),
        ("value_length", ">i4"),
        ("value", ">f8"),
    ]
)
_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_TRAILER = b"\xff\xff"


class MetricStore:
    """Writes points inside the transactions of its caller.

    It remembers which partitions are there, so that a usual flush costs one COPY.
    """

    def __init__(self, pool: Pool, *, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._days: set[int] = set()

    def ensure_partitions(self, times: Iterable[Int64s]) -> None:
        """Make partitions for the days of `times`.

        In a transaction of its own: it locks the whole table, and must not wait for anything then.
        """
        present = {int(day) for column in times for day in np.unique(column // _DAY_US)}
        missing = present - self._days
        if not missing:
            return
        today = int(self._clock.now().timestamp() * 1_000_000) // _DAY_US
        wanted = sorted(day for day in missing if day - today in _PARTITION_DAYS)
        if wanted:
            epoch = dt.date(1970, 1, 1)
            days = [epoch + dt.timedelta(days=day) for day in wanted]
            with transaction(self._pool) as connection:
                connection.execute(_QUERIES["ensure_partitions"], {"days": days})
        self._days.update(wanted)

    def ensure_partition_of(self, day: dt.date) -> None:
        """Make the partition of one day, for instance tomorrow's before it is needed."""
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["ensure_partitions"], {"days": [day]})


def copy_points(connection: Connection, batch: Sequence[RunPoints]) -> None:
    """Append the points of at least one flush."""
    with (
        connection.cursor() as cursor,
        cursor.copy(_QUERIES["copy_points"].rstrip(";")) as copy,
    ):
        copy.write(_COPY_HEADER)
        copy.write(_rows(batch).view(np.uint8).data)  # no second copy of them
        copy.write(_COPY_TRAILER)


def _rows(batch: Sequence[RunPoints]) -> NDArray[np.void]:
    """The points as the body of a binary COPY, without a loop over them."""
    rows = np.empty(sum(len(points.values) for points in batch), dtype=_ROW)
    rows["n_fields"] = 4
    for field in ("series_length", "step_length", "time_length", "value_length"):
        rows[field] = 8
    rows["series"] = np.repeat(
        np.concatenate([points.curves.series_ids for points in batch]),
        np.concatenate([points.counts for points in batch]),
    )
    rows["step"] = np.concatenate([points.steps for points in batch])
    rows["time"] = np.concatenate([points.times for points in batch]) - _POSTGRES_EPOCH_US
    rows["value"] = np.concatenate([points.values for points in batch])
    return rows
