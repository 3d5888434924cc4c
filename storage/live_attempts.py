"""Which attempts the rows say are under way, whatever sweep they are of."""

from collections.abc import Collection

from storage import queries
from storage.database import Pool, transaction
from sweeps.ids import AttemptId, TenantId

_QUERIES = queries.load("trials")


class LiveAttempts:
    """Looks at the rows of attempts. Every method raises `StorageUnavailable`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def among(self, attempt_ids: Collection[AttemptId]) -> set[AttemptId]:
        """Those that have not ended."""
        with transaction(self._pool) as connection:
            rows = connection.execute(
                _QUERIES["live_among"], {"attempt_ids": list(attempt_ids)}
            ).fetchall()
        return {AttemptId(row[0]) for row in rows}

    def tenants(self) -> list[TenantId]:
        """All tenants, by name."""
        with transaction(self._pool) as connection:
            rows = connection.execute(_QUERIES["all_tenants"]).fetchall()
        return [TenantId(row[0]) for row in rows]
