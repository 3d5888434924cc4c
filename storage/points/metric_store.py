"""Metric points on their way into the database, by binary COPY."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.rows import dict_row

from storage import queries
from storage.arrays import column_cursor
from storage.database import Pool, transaction
from storage.points.chunk_layout import ChunkLayout
from storage.points.points import Float64s, Int64s, RunPoints
from sweeps.clock import Clock
from sweeps.errors import InvalidFlush, StorageUnavailable, SweepsError

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
MOST_NEW_CHUNKS = 400  #: that a flush, and a batch, may ask for: a year of days, and hours of today
_AT_ONCE = 4  # chunks made in one transaction: who reads or writes meanwhile waits that long


class MetricStore:
    """Sees to it that points find their chunk.

    It remembers which chunks are there, so that a usual flush asks for none.
    """

    def __init__(self, pool: Pool, *, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._width: int | None = None  # tenths of a second that a hot chunk covers
        self._known: set[int] = set()  # by number

    def ensure_partitions(self, times: Sequence[Int64s]) -> dict[int, SweepsError]:
        """Make chunks for `times` of flushes, in microseconds, each of shape `(n,)`.

        In transactions of their own, of a few chunks each: they lock what others need.

        Returns:
            Which flushes have to be left out, by place: `InvalidFlush` when one alone asks for too
            many chunks, `StorageUnavailable` when it has to wait for those of others.
        """
        width = self._hot_width()
        columns = {place: column for place, column in enumerate(times) if len(column)}
        if not columns:
            return {}
        # One look at all: one at each of a thousand flushes would take longer.
        unknown = self._unknown(np.concatenate(list(columns.values())), width)
        if not len(unknown):
            return {}
        layout = self._layout()
        missing = layout.missing(unknown)
        left_out: dict[int, SweepsError] = {}
        if len(missing) > MOST_NEW_CHUNKS:
            wanted = {place: self._unknown(column, width) for place, column in columns.items()}
            needs = {place: len(layout.missing(slots)) for place, slots in wanted.items()}
            left_out = _left_out(needs)
            kept = [slots for place, slots in wanted.items() if place not in left_out]
            unknown = np.unique(np.concatenate(kept)) if kept else unknown[:0]
            missing = layout.missing(unknown)
        self._make(missing)
        self._remember((unknown // width).tolist())
        return left_out

    def ensure_partitions_ahead(self) -> None:
        """Make those of now and of the time after, before they are needed."""
        width = self._hot_width()
        now = int(self._clock.now().timestamp() * 10) // width
        ahead = {now, now + 1} - self._known
        self._make(np.array(sorted(ahead), dtype=np.int64) * width)
        self._remember(ahead)

    def _hot_width(self) -> int:
        if self._width is None:
            with transaction(self._pool) as connection:
                row = connection.execute(_QUERIES["hot_width"]).fetchone()
            assert row is not None  # the migration has written it
            self._width = int(row[0])
        return self._width

    def _unknown(self, times: Int64s, width: int) -> Int64s:
        """Where hot chunks would begin that hold these microseconds and are not known; sorted."""
        first, last = int(times.min()) // TENTH_US, int(times.max()) // TENTH_US
        numbers = {first // width}
        if first // width != last // width:
            numbers.update(np.unique(times // (TENTH_US * width)).tolist())
        return np.array(sorted(numbers - self._known), dtype=np.int64) * width

    def _layout(self) -> ChunkLayout:
        with transaction(self._pool) as connection:
            row = column_cursor(connection, dict_row).execute(_QUERIES["chunk_layout"]).fetchone()
        assert row is not None  # the migration has written it
        return ChunkLayout(**row)

    def _make(self, times: Int64s) -> None:
        for first in range(0, len(times), _AT_ONCE):
            parameters = {"times": times[first : first + _AT_ONCE].tolist()}
            with transaction(self._pool) as connection:
                connection.execute(_QUERIES["ensure_chunks"], parameters)

    def _remember(self, numbers: Collection[int]) -> None:
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()  # clocks that are anywhere; asking again costs little
        self._known.update(numbers)


def _left_out(needs: Mapping[int, int]) -> dict[int, SweepsError]:
    """Those for which there will be no room: the modest ones come first."""
    left_out: dict[int, SweepsError] = {}
    total = 0
    for place in sorted(needs, key=needs.__getitem__):
        if needs[place] > MOST_NEW_CHUNKS:
            left_out[place] = InvalidFlush(
                f"its points are of {needs[place]} days or hours of which nothing is stored yet, "
                f"and a flush may bring {MOST_NEW_CHUNKS}; send it in parts, in order of time"
            )
        elif total + needs[place] > MOST_NEW_CHUNKS:
            left_out[place] = StorageUnavailable("room is being made for points of other times")
        else:
            total += needs[place]
    return left_out


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
