"""Metric points on their way into the database, by binary COPY."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import psycopg
from numpy.typing import NDArray

from storage import queries
from storage.database import Pool, transaction
from storage.points import Float64s, Int64s, RunPoints
from sweeps.clock import Clock

_QUERIES = queries.load("metrics")
Connection = psycopg.Connection[tuple[Any, ...]]

TENTH_US = 100_000  # points are kept with a time of tenths of a second; docs/adr/0008 says why

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
_MOST_KNOWN = 100_000


class MetricStore:
    """Sees to it that points find their chunk.

    It remembers which chunks are there, so that a usual flush asks for none.
    """

    def __init__(self, pool: Pool, *, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._width: int | None = None  # tenths of a second that a hot chunk covers
        self._known: set[int] = set()  # by number

    def ensure_partitions(self, times: Iterable[Int64s]) -> None:
        """Make chunks for `times`, in microseconds, each of shape `(n,)` with n > 0.

        In a transaction of its own: that locks what others need, and must not wait for anything.
        """
        width = self._hot_width()
        columns = list(times)
        if not columns:
            return
        together = np.concatenate(columns)  # a look at each of a thousand flushes would take longer
        first, last = int(together.min()) // TENTH_US, int(together.max()) // TENTH_US
        numbers = {first // width}
        if first // width != last // width:
            numbers.update(np.unique(together // (TENTH_US * width)).tolist())
        self._ensure(numbers, width)

    def ensure_partitions_ahead(self) -> None:
        """Make those of now and of the time after, before they are needed."""
        width = self._hot_width()
        now = int(self._clock.now().timestamp() * 10) // width
        self._ensure({now, now + 1}, width)

    def _hot_width(self) -> int:
        if self._width is None:
            with transaction(self._pool) as connection:
                row = connection.execute(_QUERIES["hot_width"]).fetchone()
            assert row is not None  # the migration has written it
            self._width = int(row[0])
        return self._width

    def _ensure(self, numbers: set[int], width: int) -> None:
        missing = sorted(numbers - self._known)
        if missing:
            with transaction(self._pool) as connection:
                connection.execute(
                    _QUERIES["ensure_chunks"], {"times": [number * width for number in missing]}
                )
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()  # clocks that are anywhere; asking again costs little
        self._known.update(missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointColumns:
    """Points in columns, all of shape `(n,)`; times in microseconds since 1970 UTC."""

    series_ids: Int64s
    steps: Int64s
    times: Int64s
    values: Float64s

    @classmethod
    def of(cls, batch: Sequence[RunPoints]) -> Self:
        """Those of at least one flush, in order."""
        return cls(
            series_ids=np.repeat(
                np.concatenate([points.curves.series_ids for points in batch]),
                np.concatenate([points.counts for points in batch]),
            ),
            steps=np.concatenate([points.steps for points in batch]),
            times=np.concatenate([points.times for points in batch]),
            values=np.concatenate([points.values for points in batch]),
        )

    def by_series(self) -> Self:
        """The same, series after series, each in order of time."""
        order = np.lexsort((self.steps, self.times, self.series_ids))
        return replace(
            self,
            series_ids=self.series_ids[order],
            steps=self.steps[order],
            times=self.times[order],
            values=self.values[order],
        )


def copy_points(connection: Connection, batch: Sequence[RunPoints]) -> None:
    """Append the points of at least one flush."""
    copy_columns(connection, PointColumns.of(batch))


def copy_columns(connection: Connection, points: PointColumns) -> None:
    """Append points as they are ordered."""
    with (
        connection.cursor() as cursor,
        cursor.copy(_QUERIES["copy_points"].rstrip(";")) as copy,
    ):
        copy.write(_COPY_HEADER)
        copy.write(_rows(points).view(np.uint8).data)  # no second copy of them
        copy.write(_COPY_TRAILER)


def _rows(points: PointColumns) -> NDArray[np.void]:
    """The points as the body of a binary COPY, without a loop over them."""
    rows = np.empty(len(points.values), dtype=_ROW)
    rows["n_fields"] = 4
    for field in ("series_length", "step_length", "time_length", "value_length"):
        rows[field] = 8
    rows["series"] = points.series_ids
    rows["step"] = points.steps
    rows["time"] = points.times // TENTH_US
    rows["value"] = points.values
    return rows
