"""Runs that repeat other runs."""

from storage import queries
from storage.database import Pool, transaction
from sweeps.ids import RunId, TenantId
from sweeps.states import RunState

_QUERIES = queries.load("reruns")


class RerunStore:
    """The record of reruns."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

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
