"""Runs that repeat other runs, and what those have learned from."""

from pathlib import Path
from typing import Any

from psycopg.rows import dict_row

from storage import queries
from storage.database import Pool, transaction
from sweeps.ids import RunId, TenantId
from sweeps.reruns import Dataset
from sweeps.states import RunState

_QUERIES = queries.load("reruns")


class RerunStore:
    """The record of reruns."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def datasets(self, run_id: RunId) -> list[Dataset]:
        """Versions that a run has learned from, by name."""
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=dict_row)
            rows = cursor.execute(_QUERIES["datasets_of_run"], {"run_id": run_id}).fetchall()
        return [Dataset(**row, is_there=_is_there(row)) for row in rows]

    def copy_datasets(self, run_id: RunId, *, rerun: RunId) -> None:
        """Note that a rerun learns from what the run has learned from."""
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["copy_datasets"], {"run_id": run_id, "rerun": rerun})

    def end(self, rerun: RunId, state: RunState, *, reason: str) -> None:
        """End a rerun whose script did not say how it ended; one that did stays as it is."""
        parameters = {"run_id": rerun, "state": str(state), "reason": reason}
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["end_rerun"], parameters)

    def reruns_of(self, run_id: RunId, *, tenant_id: TenantId) -> list[RunId]:
        """Runs that repeat it, oldest first."""
        parameters = {"run_id": run_id, "tenant_id": tenant_id}
        with transaction(self._pool) as connection:
            rows = connection.execute(_QUERIES["reruns_of_run"], parameters)
            return [RunId(row[0]) for row in rows]


def _is_there(row: dict[str, Any]) -> bool | None:
    """Whether something is at its place; tables and other addresses are not looked at."""
    location = str(row["location"])
    if row["kind"] != "files" or "://" in location or not location.startswith("/"):
        return None
    return Path(location).exists()
