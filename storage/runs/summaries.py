"""What became of each curve of a run: kept in rows, refreshed while it is live, final once sealed."""

import datetime as dt
import time
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row

from storage import queries
from storage.database import Pool, transaction
from storage.points.points import USER
from sweeps.ids import RunId
from sweeps.runs import SeriesSummary

_QUERIES = queries.load("summaries")
_PERIOD = dt.timedelta(seconds=10)
_SECONDS_A_LOOK = 0.3  # a tenth of a core, with looks every three seconds
_COLUMNS = (
    "series_id", "point_count", "nonfinite_count", "least", "greatest", "last_value", "last_step",
    "at_best", "least_step", "greatest_step", "first_time_ds", "last_time_ds",
)  # fmt: skip
Connection = psycopg.Connection[tuple[Any, ...]]


class RunSummaries:
    """Keeps the rows up. Any number of gateways may do so at once."""

    def __init__(self, pool: Pool, *, period: dt.timedelta = _PERIOD) -> None:
        self._pool = pool
        self._period = period

    def refresh(self, *, seconds: float = _SECONDS_A_LOOK) -> int:
        """Refresh runs that are due, sealed ones first, and begin no more after `seconds`.

        A live run is due every ten seconds, or less often, so that it takes no more than a
        twentieth of the time. A run that was sealed is due once.

        Returns:
            How many runs.
        """
        done, until = 0, time.monotonic() + seconds
        while time.monotonic() < until and self._refresh_one():
            done += 1
        return done

    def _refresh_one(self) -> bool:
        with transaction(self._pool) as connection:
            taken = connection.execute(_QUERIES["take_sealed"]).fetchone()
            is_final = taken is not None
            if taken is None:
                taken = connection.execute(_QUERIES["take"], {"period": self._period}).fetchone()
            if taken is None:
                return False
            run_id = taken[0]
            rows = _compute(connection, run_id)
            columns = {name: [row[name] for row in rows] for name in _COLUMNS}
            connection.execute(_QUERIES["store"], columns)
            connection.execute(_QUERIES["note"], {"run_id": run_id, "is_final": is_final})
        return True


def summaries_of_run(connection: Connection, run_id: RunId) -> Mapping[str, SeriesSummary]:
    """Of what the script logged, by key: what is stored of a sealed run, what is so now of a live one."""
    of_run = {"run_id": run_id}
    final = connection.execute(_QUERIES["is_final"], of_run).fetchone()
    if final is not None and final[0]:
        cursor = connection.cursor(row_factory=dict_row)
        rows = cursor.execute(_QUERIES["stored"], of_run).fetchall()
    else:
        rows = [row for row in _compute(connection, run_id) if row["family"] == USER]
    return {row["key"]: _summary(row) for row in rows}


def _compute(connection: Connection, run_id: RunId) -> Sequence[Mapping[str, Any]]:
    connection.execute(_QUERIES["plan_once"])
    cursor = connection.cursor(row_factory=dict_row)
    return cursor.execute(_QUERIES["compute"], {"run_id": run_id}, prepare=True).fetchall()


def _summary(row: Mapping[str, Any]) -> SeriesSummary:
    return SeriesSummary(
        last=row["last_value"],
        step=row["last_step"],
        min=row["least"],
        max=row["greatest"],
        at_best=row["at_best"],
        count=row["point_count"],
    )
