"""What of a batch may be too late for the rollups, and how it says so."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import psycopg

from storage import queries
from storage.points.metric_store import TENTH_US
from storage.points.points import RunPoints

_QUERIES = queries.load("rollups")
Connection = psycopg.Connection[tuple[Any, ...]]

#: Rollups stay ten minutes behind, and look for transactions that have taken longer than the rest;
#: see `advance_metric_rollup`. So what is newer than this needs no word.
FRESH_US = 300_000_000
_HOUR_US = 3_600_000_000
_MOST_SERIES = 2_000  # of one hour, then all of it is rolled up anew


def ask_present(connection: Connection) -> psycopg.Cursor[tuple[Any, ...]]:
    """When this transaction began, by the clock that rollups go by; also in a pipeline."""
    return connection.execute(_QUERIES["present"])


def present_us(asked: psycopg.Cursor[tuple[Any, ...]]) -> int:
    """What `ask_present` has asked for, in microseconds since 1970."""
    row = asked.fetchone()
    assert row is not None  # a function's value
    return int(row[0]) * TENTH_US


def note_late_points(
    connection: Connection, batch: Sequence[RunPoints], *, now_us: int | None
) -> None:
    """Say, in the transaction that writes them, which hours the late points of a batch are in.

    One statement when some are late, none otherwise.

    Args:
        now_us: When the transaction began, by the database's clock; None when all points count as
            late, as those of an import do.
    """
    oldest = None if now_us is None else now_us - FRESH_US
    columns = [points.times for points in batch if len(points.times)]
    if not columns or (oldest is not None and np.concatenate(columns).min() >= oldest):
        return  # as mostly; a look at each of a thousand flushes would take longer
    late = [
        _hours(points, before=oldest)
        for points in batch
        if len(points.times) and (oldest is None or points.times.min() < oldest)
    ]
    pairs = np.unique(np.concatenate(late), axis=0)
    hours, counts = np.unique(pairs[:, 0], return_counts=True)
    crowded = hours[counts > _MOST_SERIES]
    named = pairs[~np.isin(pairs[:, 0], crowded)]
    connection.execute(
        _QUERIES["note_late_points"],
        {
            "series_ids": [*named[:, 1].tolist(), *(None for _ in crowded)],
            "hours": [
                hour * (_HOUR_US // TENTH_US) for hour in [*named[:, 0].tolist(), *crowded.tolist()]
            ],
        },
    )


def _hours(points: RunPoints, *, before: int | None) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Pairs of hour and series, shape `(n, 2)`."""
    ids = np.repeat(points.curves.series_ids, points.counts)
    times = points.times
    if before is not None:
        mask = times < before
        ids, times = ids[mask], times[mask]
    return np.unique(np.column_stack((times // _HOUR_US, ids)), axis=0)
