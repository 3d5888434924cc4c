"""Flushes of many runs into the database: one transaction, each flush stored once or not at all."""

from collections.abc import Sequence

import numpy as np
import psycopg
from sweepworks.wire import Flush

from storage.database import Pool
from storage.deliveries import Delivery, Receipt
from storage.errors import translate_errors
from storage.points.ingest_batch import Batch
from storage.points.metric_store import MetricStore
from storage.points.points import RunPoints
from storage.points.series_registry import DEFAULT_MAX_SERIES, SeriesRegistry
from sweeps.clock import Clock
from sweeps.errors import InvalidFlush, SweepsError

_CONNECT_SECONDS = 2.0  # clients wait for this, and come back by themselves


class IngestStore:
    """Stores batches, each in the thread that asks for it.

    Args:
        max_series: How many curves a run may have; the surplus is refused.
    """

    def __init__(self, pool: Pool, *, clock: Clock, max_series: int = DEFAULT_MAX_SERIES) -> None:
        self._pool = pool
        self._metrics = MetricStore(pool, clock=clock)
        self._series = SeriesRegistry(most_of_a_run=max_series)

    def write(self, deliveries: Sequence[Delivery]) -> list[Receipt | SweepsError]:
        """Store a batch in one transaction.

        Args:
            deliveries: At most one of each writer.

        Returns:
            For each delivery its receipt, or why it alone was left out: `RunNotFound`,
            `StateConflict` when its run is sealed, `InvalidFlush` when its points are of too many
            times, `StorageUnavailable` when those of others come first.

        Raises:
            StorageUnavailable: Nothing was stored.
            InvalidFlush: Nothing was stored, because the database cannot take some value.
        """
        points = [self._points(delivery.flush) for delivery in deliveries]
        left_out = self._metrics.ensure_partitions([part.times for part in points])
        if left_out:
            places = [place for place in range(len(deliveries)) if place not in left_out]
            kept = [deliveries[place] for place in places]
            outcomes = self._write(kept, [points[place] for place in places]) if kept else []
            by_place = left_out | dict(zip(places, outcomes, strict=True))
            return [by_place[place] for place in range(len(deliveries))]
        return self._write(deliveries, points)

    def _write(
        self, deliveries: Sequence[Delivery], points: Sequence[RunPoints]
    ) -> list[Receipt | SweepsError]:
        with translate_errors(), self._pool.connection(timeout=_CONNECT_SECONDS) as connection:
            try:
                batch = Batch(connection, self._series, deliveries, points)
                outcomes = batch.write()
            except (psycopg.DataError, psycopg.IntegrityError) as exc:
                raise InvalidFlush(
                    f"the database cannot keep this: {exc.diag.message_primary or exc}"
                ) from exc
        self._series.known.remember(points.curves for points in batch.stored)
        return outcomes

    def _points(self, flush: Flush) -> RunPoints:
        counts = np.fromiter(flush.series.values(), np.int64, len(flush.series))
        if flush.system:
            system = np.fromiter(flush.system.values(), np.int64, len(flush.system))
            counts = np.concatenate([counts, system])
        return RunPoints(
            curves=self._series.known.recall(flush.run, tuple(flush.series), tuple(flush.system)),
            counts=counts,
            steps=np.frombuffer(flush.steps, dtype="<i8").astype(np.int64, copy=False),
            times=np.frombuffer(flush.times, dtype="<i8").astype(np.int64, copy=False),
            values=np.frombuffer(flush.values, dtype="<f8").astype(np.float64, copy=False),
        )
