"""Many runs at once, to be laid side by side."""

from collections.abc import Sequence
from typing import Any

from psycopg.rows import dict_row, kwargs_row

from storage import queries
from storage.database import Pool, transaction
from storage.runs.catalog import run_of_row
from sweeps.comparison import ComparedRun
from sweeps.errors import RunNotFound
from sweeps.ids import RunId, TenantId
from sweeps.objectives import Direction, Objective
from sweeps.runs import SeriesSummary
from sweeps.spaces import Scalar

_QUERIES = queries.load("comparisons")


class RunComparisons:
    """Reads runs of a tenant."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def read(self, run_ids: Sequence[RunId], *, tenant_id: TenantId) -> list[ComparedRun]:
        """Those runs, in that order.

        Raises:
            RunNotFound: One of them is none of the tenant's.
        """
        asked: dict[str, Any] = {"run_ids": list(run_ids), "tenant_id": tenant_id}
        params: dict[str, dict[str, Scalar]] = {run: {} for run in run_ids}
        tags: dict[str, dict[str, str]] = {run: {} for run in run_ids}
        summaries: dict[str, dict[str, SeriesSummary]] = {run: {} for run in run_ids}
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=kwargs_row(run_of_row))
            found = {run.run_id: run for run in cursor.execute(_QUERIES["runs"], asked)}
            for run_id in run_ids:
                if run_id not in found:
                    raise RunNotFound(run_id)
            for run_id, name, value in connection.execute(_QUERIES["params"], asked):
                params[run_id][name] = value
            for run_id, name, value in connection.execute(_QUERIES["tags"], asked):
                tags[run_id][name] = value
            rows = connection.cursor(row_factory=dict_row).execute(_QUERIES["summaries"], asked)
            for row in rows:
                run_id, key = row.pop("run_id"), row.pop("key")
                summaries[run_id][key] = SeriesSummary(**row)
        return [
            ComparedRun(
                run=found[run_id],
                params=params[run_id],
                tags=tags[run_id],
                summary=summaries[run_id],
            )
            for run_id in run_ids
        ]

    def objective(self, run_ids: Sequence[RunId], *, tenant_id: TenantId) -> Objective | None:
        """What all sweeps of these runs are after; None when they differ, or there is no sweep."""
        asked = {"run_ids": list(run_ids), "tenant_id": tenant_id}
        with transaction(self._pool) as connection:
            rows = connection.execute(_QUERIES["objectives"], asked).fetchall()
        if len(rows) != 1:
            return None
        return Objective(metric=rows[0][0], direction=Direction(rows[0][1]))
