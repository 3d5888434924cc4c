"""What Dagster's dynamic partitions are of, as far as the record knows."""

import datetime as dt
from collections.abc import Collection, Sequence

from retention.orchestration import VersionName
from storage import queries
from storage.database import Pool, transaction

_QUERIES = queries.load("partition_subjects")


class PostgresPartitionSubjects:
    """A `retention.orchestration.PartitionSubjects`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def ended_sweeps(self, sweep_ids: Sequence[str], *, before: dt.datetime) -> set[str]:
        """Those of them that ended before then, or that there are none of."""
        parameters = {"sweep_ids": list(sweep_ids), "before": before}
        with transaction(self._pool) as connection:
            return {row[0] for row in connection.execute(_QUERIES["ended_sweeps"], parameters)}

    def ended_evaluations(self, evaluation_ids: Sequence[str], *, before: dt.datetime) -> set[str]:
        """Those of them that ended before then, or that there are none of."""
        parameters = {"evaluation_ids": list(evaluation_ids), "before": before}
        with transaction(self._pool) as connection:
            rows = connection.execute(_QUERIES["ended_evaluations"], parameters).fetchall()
        return {row[0] for row in rows}

    def old_versions(
        self, versions: Sequence[VersionName], *, before: dt.datetime
    ) -> set[VersionName]:
        """Those that are not the newest of their dataset, and that nobody has used since then."""
        parameters = {**_names(versions), "before": before}
        with transaction(self._pool) as connection:
            rows = connection.execute(_QUERIES["old_versions"], parameters).fetchall()
        return {VersionName(*row) for row in rows}

    def known_versions(self, versions: Collection[VersionName]) -> set[VersionName]:
        """Those that there are."""
        with transaction(self._pool) as connection:
            rows = connection.execute(_QUERIES["known_versions"], _names(versions)).fetchall()
        return {VersionName(*row) for row in rows}


def _names(versions: Collection[VersionName]) -> dict[str, list[object]]:
    return {
        "tenants": [version.tenant_id for version in versions],
        "names": [version.name for version in versions],
        "numbers": [version.number for version in versions],
    }
