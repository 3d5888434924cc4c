"""Metric points on their way into the database: curves registered once, points by binary COPY."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from storage import queries
from storage.database import Pool, transaction
from storage.points import Int64s, RunPoints, series_id
from storage.summaries import Summaries
from sweeps.clock import Clock

_QUERIES = queries.load("metrics")
Connection = psycopg.Connection[tuple[Any, ...]]

_DAY_US = 86_400_000_000
_POSTGRES_EPOCH_US = 946_684_800_000_000  # 2000-01-01, from where PostgreSQL counts
_PARTITION_DAYS = range(-400, 3)  # around today; other days share the default partition
_KNOWN_SERIES = 500_000  # in each of two generations; about 50 MB each when full

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

    It remembers which series and partitions are there, so that a usual flush costs one COPY.
    """

    def __init__(self, pool: Pool, *, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._known: set[bytes] = set()
        self._known_before: set[bytes] = set()
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

    def register(self, connection: Connection, batch: Sequence[RunPoints]) -> set[bytes]:
        """Make sure that every curve has its row.

        Returns:
            Fingerprints of those whose identifier belongs to another curve already: their points
            cannot be kept.
        """
        asked = {
            mark: (series_id(mark), points.run_id, key)
            for points in batch
            for key, mark in zip(points.keys, points.fingerprints, strict=True)
            if mark not in self._known and mark not in self._known_before
        }
        if not asked:
            return set()
        parameters = {
            "series_ids": [identifier for identifier, _, _ in asked.values()],
            "run_ids": [run_id for _, run_id, _ in asked.values()],
            "keys": [key for _, _, key in asked.values()],
        }
        created = connection.execute(_QUERIES["register_series"], parameters).fetchall()
        if len(created) == len(asked):
            return set()
        owners: dict[int, tuple[str, str]] = {
            identifier: (run_id, key)
            for identifier, run_id, key in connection.execute(
                _QUERIES["owners_of_series"], {"series_ids": parameters["series_ids"]}
            )
        }
        return {
            mark
            for mark, (identifier, run_id, key) in asked.items()
            if owners.get(identifier) != (run_id, key)
        }

    def remember(self, batch: Sequence[RunPoints]) -> None:
        """Note, after the commit, that these curves have their rows."""
        for points in batch:
            self._known.update(points.fingerprints)
        if len(self._known) > _KNOWN_SERIES:
            # Two generations: what is in use moves to the new one, the rest goes with the old.
            self._known_before, self._known = self._known, set()

    def append(self, connection: Connection, batch: Sequence[RunPoints]) -> int:
        """Append the points, and merge them into the summaries; returns how many."""
        total = sum(len(points.values) for points in batch)
        if total:
            with (
                connection.cursor() as cursor,
                cursor.copy(_QUERIES["copy_points"].rstrip(";")) as copy,
            ):
                copy.write(_COPY_HEADER)
                copy.write(_rows(batch).view(np.uint8).data)  # no second copy of them
                copy.write(_COPY_TRAILER)
        added = Summaries.of(batch)
        if added is not None:
            connection.execute(_QUERIES["merge_summaries"], added.columns())
        return total


def _rows(batch: Sequence[RunPoints]) -> NDArray[np.void]:
    """The points as the body of a binary COPY, without a loop over them."""
    rows = np.empty(sum(len(points.values) for points in batch), dtype=_ROW)
    rows["n_fields"] = 4
    for field in ("series_length", "step_length", "time_length", "value_length"):
        rows[field] = 8
    end = 0
    for points in batch:
        begin, end = end, end + len(points.values)
        part = rows[begin:end]
        part["series"] = np.repeat(points.series_ids, points.counts)
        part["step"] = points.steps
        part["time"] = points.times - _POSTGRES_EPOCH_US
        part["value"] = points.values
    return rows
