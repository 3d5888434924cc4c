"""The tiers of metric points in the database: rolled up, compressed, counted, dropped.

The same procedures are there in every edition of it; see migrations/sql/0010 and 0011.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from psycopg import errors as pg
from psycopg.rows import class_row, dict_row

from retention.tiers import ChunkCount, Chunks, Completeness, Tier, TierState
from storage import queries
from storage.database import Pool, transaction
from storage.errors import translate_errors
from sweeps.errors import StorageUnavailable

_QUERIES = queries.load("rollups")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_BUSY_SECONDS = 30.0  # until whoever refreshes, or reads what is to be merged, may be done
_TENTH = dt.timedelta(milliseconds=100)
_COUNTS = {Tier.MINUTES: "count_minutes", Tier.HOURS: "count_hours"}


def tenths(at: dt.datetime) -> int:
    """An aware instant as metric points have it."""
    return (at - _EPOCH) // _TENTH


class PostgresMetricTiers:
    """A `retention.tiers.MetricTiers`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def refresh(self, tier: Tier, *, until: dt.datetime | None = None) -> None:
        """Store what is new, or has changed, in a rollup.

        Args:
            until: How far; at most, and by default, up to ten minutes ago.

        Raises:
            StorageUnavailable: The database does not answer, or somebody else does this now.
        """
        until = until or dt.datetime.now(dt.UTC)
        self._call("refresh", tier=tier.value, until=tenths(until))

    def rebuild(self, tier: Tier, *, day: dt.date) -> None:
        """Roll a day up anew, whatever is known of it."""
        low, high = _bounds(day)
        self._call("rebuild", tier=tier.value, low=low, high=high)

    def close_chunks(self) -> None:
        """Compress chunks that have closed, and merge those of days that are over."""
        self._call("close_chunks")

    def drop(self, tier: Tier, *, before: dt.datetime) -> None:
        """Drop what a tier has from before an hour, once the next coarser tier has it.

        Raises:
            StorageError: That is less than three days ago.
            StorageUnavailable: The coarser tier is not ready yet.
        """
        self._call("drop", tier=tier.value, before=tenths(before))

    def delete_series(self, series_ids: Sequence[int]) -> int:
        """Remove some series from all tiers; returns how many points they had."""
        with transaction(self._pool) as connection:
            row = connection.execute(
                _QUERIES["delete_series"], {"series_ids": list(series_ids)}
            ).fetchone()
        assert row is not None  # a function's value
        return int(row[0])

    def state(self, tier: Tier) -> TierState:
        """How the tier is."""
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=dict_row)
            row = cursor.execute(_QUERIES["state"], {"tier": tier.value}).fetchone()
        assert row is not None  # the migration has written it
        stored = row.pop("stored_until")
        lag = row.pop("lag")
        return TierState(
            tier=tier,
            stored_until=None if stored is None else _EPOCH + stored * _TENTH,
            lag=lag * _TENTH,
            **row,
        )

    def chunks(self) -> Chunks:
        """Chunks of the points themselves."""
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(ChunkCount))
            by_state = cursor.execute(_QUERIES["chunks"]).fetchall()
            row = connection.execute(_QUERIES["chunks_to_close"]).fetchone()
        assert row is not None  # a function's value
        return Chunks(by_state=by_state, to_close=int(row[0]))

    def completeness(self, tier: Tier, *, day: dt.date) -> Completeness:
        """Count a day; reads all of its points."""
        low, high = _bounds(day)
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(Completeness))
            row = cursor.execute(_QUERIES[_COUNTS[tier]], {"low": low, "high": high}).fetchone()
        assert row is not None  # counts give a row
        return row

    def _call(self, name: str, **parameters: Any) -> None:
        """Run a procedure that commits as it goes."""
        with translate_errors(), self._pool.connection() as connection:
            connection.autocommit = True
            try:
                connection.execute(_QUERIES[name], parameters)
            except pg.LockNotAvailable as exc:
                raise StorageUnavailable(
                    f"somebody else is at it: {exc.diag.message_primary}",
                    retry_after_seconds=_BUSY_SECONDS,
                ) from exc
            finally:
                if not connection.closed:
                    connection.autocommit = False


def _bounds(day: dt.date) -> tuple[int, int]:
    begins = dt.datetime.combine(day, dt.time(), tzinfo=dt.UTC)
    return tenths(begins), tenths(begins + dt.timedelta(days=1))
