"""Which database this is, and what of it we use."""

from dataclasses import dataclass

from psycopg.rows import class_row

from storage import queries
from storage.database import Pool, transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseEdition:
    """A server and its TimescaleDB."""

    server: str
    timescaledb: str | None  #: version; None without the extension
    licence: str | None  #: ``timescale`` or ``apache``
    is_hypertable: bool  #: whether metric points are one
    has_compression: bool  #: whether closed chunks of it are compressed
    has_continuous_aggregates: bool  #: whether rollups are such
    size: str

    def __str__(self) -> str:
        extension = (
            "without TimescaleDB"
            if self.timescaledb is None
            else f"TimescaleDB {self.timescaledb} ({self.licence} edition)"
        )
        points = "a hypertable" if self.is_hypertable else "partitions"
        compression = "compressed" if self.has_compression else "not compressed"
        rollups = (
            "by continuous aggregates" if self.has_continuous_aggregates else "in tables of our own"
        )
        return (
            f"PostgreSQL {self.server}, {extension}; metric points in {points}, {compression}, "
            f"rolled up {rollups}; {self.size}"
        )


def database_edition(pool: Pool) -> DatabaseEdition:
    """Ask the server."""
    with transaction(pool) as connection:
        edition = (
            connection.cursor(row_factory=class_row(DatabaseEdition))
            .execute(queries.load("edition")["edition"])
            .fetchone()
        )
    assert edition is not None  # a SELECT without FROM gives one row
    return edition
