"""Metrics of a run and of its reruns, compared by the database."""

from psycopg.rows import class_row

from storage import queries
from storage.database import Pool, transaction
from sweeps.ids import RunId
from sweeps.reproduction import MetricDifference

_QUERIES = queries.load("reproductions")


class Reproductions:
    """Compares runs."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def differences(self, original: RunId, again: RunId) -> list[MetricDifference]:
        """Every metric that one of both runs has, by name. Whose runs they are is not checked."""
        parameters = {"original": original, "again": again}
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(MetricDifference))
            return cursor.execute(_QUERIES["differences"], parameters).fetchall()
