"""Metric points on their way into the database: curves registered once, points by binary COPY."""

import datetime as dt
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from storage import queries
from storage.database import Pool, transaction
from sweeps.clock import Clock

_QUERIES = queries.load("metrics")
Connection = psycopg.Connection[tuple[Any, ...]]
Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]

_DAY_US = 86_400_000_000
_POSTGRES_EPOCH_US = 946_684_800_000_000  # 2000-01-01, from where PostgreSQL counts
_PARTITION_DAYS = range(-400, 3)  # around today; other days share the default partition
_KNOWN_SERIES = 500_000  # in each of two generations; about 40 MB each when full

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


def series_id(run_id: str, key: str) -> int:
    """Identifier of a curve: 63 bits that every process computes alike."""
    digest = hashlib.blake2b(f"{run_id}\0{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") & 0x7FFF_FFFF_FFFF_FFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPoints:
    """Points of one run, series after series.

    Attributes:
        keys: Names of the series.
        series_ids: Their identifiers.
        counts: How many points each has; they add up to n.
        steps: shape `(n,)`.
        times: shape `(n,)`, microseconds since 1970 UTC.
        values: shape `(n,)`.
    """

    run_id: str
    keys: Sequence[str]
    series_ids: Int64s
    counts: Int64s
    steps: Int64s
    times: Int64s
    values: Float64s


class MetricStore:
    """Writes points inside the transactions of its caller.

    It remembers which series and partitions are there, so that a usual flush costs one COPY.
    """

    def __init__(self, pool: Pool, *, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._known: set[int] = set()
        self._known_before: set[int] = set()
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

    def register(self, connection: Connection, batch: Sequence[RunPoints]) -> set[int]:
        """Make sure that every curve has its row.

        Returns:
            Identifiers that belong to another curve already: their points cannot be kept.
        """
        asked = {
            int(identifier): (points.run_id, key)
            for points in batch
            for key, identifier in zip(points.keys, points.series_ids.tolist(), strict=True)
            if identifier not in self._known and identifier not in self._known_before
        }
        if not asked:
            return set()
        parameters = {
            "series_ids": list(asked),
            "run_ids": [run_id for run_id, _ in asked.values()],
            "keys": [key for _, key in asked.values()],
        }
        created = {
            identifier
            for (identifier,) in connection.execute(_QUERIES["register_series"], parameters)
        }
        present = [identifier for identifier in asked if identifier not in created]
        if not present:
            return set()
        owners: dict[int, tuple[str, str]] = {
            identifier: (run_id, key)
            for identifier, run_id, key in connection.execute(
                _QUERIES["owners_of_series"], {"series_ids": present}
            )
        }
        return {identifier for identifier in present if owners.get(identifier) != asked[identifier]}

    def remember(self, batch: Sequence[RunPoints]) -> None:
        """Note, after the commit, that these curves have their rows."""
        for points in batch:
            self._known.update(points.series_ids.tolist())
        if len(self._known) > _KNOWN_SERIES:
            # Two generations: what is in use moves to the new one, the rest goes with the old.
            self._known_before, self._known = self._known, set()

    def copy(self, connection: Connection, batch: Sequence[RunPoints]) -> int:
        """Append the points; returns how many."""
        total = sum(len(points.values) for points in batch)
        if total:
            with (
                connection.cursor() as cursor,
                cursor.copy(_QUERIES["copy_points"].rstrip(";")) as copy,
            ):
                copy.write(_COPY_HEADER)
                copy.write(_rows(batch).view(np.uint8).data)  # no second copy of them
                copy.write(_COPY_TRAILER)
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
