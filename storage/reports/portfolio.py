"""A tenant's experiments side by side."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from psycopg.rows import kwargs_row

from storage import queries
from storage.database import Pool, transaction
from sweeps.ids import RunId, TenantId
from sweeps.tags import Subject, SubjectKind, SubjectNotFound

_QUERIES = queries.load("portfolio")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentRow:
    """A line of the portfolio."""

    name: str
    owner: str
    purpose: str
    created_at: dt.datetime
    sweeps: int
    open_sweeps: int  #: that have not ended
    runs: int
    live_runs: int
    failed_runs: int
    last_activity_at: dt.datetime
    amount_usd: float | None  #: of the ledger; None: nothing is in it, or no price
    tags: tuple[str, ...]
    baseline: RunId | None


class Portfolio:
    """Reads experiments."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def experiments(self, *, tenant_id: TenantId, limit: int = 500) -> list[ExperimentRow]:
        """Those of a tenant, the last one that something happened in first."""
        return self._rows(tenant_id=tenant_id, name=None, limit=limit)

    def experiment(self, name: str, *, tenant_id: TenantId) -> ExperimentRow:
        """One of them.

        Raises:
            SubjectNotFound: There is none of that name for the tenant.
        """
        rows = self._rows(tenant_id=tenant_id, name=name, limit=1) if "\x00" not in name else []
        if not rows:
            raise SubjectNotFound(Subject(SubjectKind.EXPERIMENT, name[:80]))
        return rows[0]

    def _rows(self, **parameters: object) -> list[ExperimentRow]:
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=kwargs_row(_row))
            return cursor.execute(_QUERIES["list_experiments"], parameters).fetchall()


def _row(**columns: Any) -> ExperimentRow:
    counts = ("runs", "live_runs", "failed_runs")
    columns |= {name: columns[name] or 0 for name in counts}  # null: it has no runs
    columns["tags"] = tuple(columns["tags"])
    return ExperimentRow(**columns)
