"""Which attempts the rows say are under way, whatever sweep they are of."""

from collections.abc import Collection

from storage import queries
from storage.database import Pool, transaction
from sweeps import ids
from sweeps.ids import AttemptId, TenantId

_QUERIES = queries.load("trials")


class LiveAttempts:
    """Looks at the rows of attempts. Every method raises `StorageUnavailable`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def among(self, attempt_ids: Collection[AttemptId]) -> set[AttemptId]:
        """Those that have not ended. Of a rerun without a row of its attempt its run's row counts."""
        runs_of = {one: one.rpartition("-a")[0] for one in attempt_ids}
        reruns = {run: one for one, run in runs_of.items() if ids.is_scratch_run(run)}
        with transaction(self._pool) as connection:
            rows = connection.execute(
                _QUERIES["live_among"], {"attempt_ids": list(attempt_ids)}
            ).fetchall()
            runs = connection.execute(
                _QUERIES["live_runs_among"], {"run_ids": list(reruns)}
            ).fetchall()
        return {AttemptId(row[0]) for row in rows} | {reruns[row[0]] for row in runs}

    def tenants(self) -> list[TenantId]:
        """All tenants, by name."""
        with transaction(self._pool) as connection:
            rows = connection.execute(_QUERIES["all_tenants"]).fetchall()
        return [TenantId(row[0]) for row in rows]
