"""Runs that a filter admits.

Each comparison is a statement of its own, with all it compares as parameters; only how they are put
together follows the filter.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import kwargs_row

from storage import queries
from storage.database import Pool, transaction
from storage.runs.catalog import run_of_row
from sweeps import run_filters as filters
from sweeps.ids import RunId, TenantId
from sweeps.run_filters import Comparison, Filter, Kind
from sweeps.runs import Run

_QUERIES = queries.load("filters")
_AND, _OR = sql.SQL(" AND "), sql.SQL(" OR ")


class RunSearch:
    """Searches a tenant's runs."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def find(
        self,
        where: Filter | None = None,
        *,
        tenant_id: TenantId,
        sort: str | None = None,
        is_descending: bool = False,
        limit: int = 50,
    ) -> list[Run]:
        """The first of them.

        Args:
            sort: A metric, by its last value, ``params.NAME``, or a field that is a number or a
                time. None: newest first.
        """
        parameters: dict[str, Any] = {
            "tenant_id": tenant_id,
            "run_ids": None,
            "sort": sort,
            "is_descending": is_descending,
            "limit": limit,
        }
        with transaction(self._pool) as connection:
            if where is not None:
                parameters["run_ids"] = _matching(connection, where, tenant_id)
            cursor = connection.cursor(row_factory=kwargs_row(run_of_row))
            return cursor.execute(_QUERIES["list_matching"], parameters).fetchall()

    def tiers(
        self, run_id: RunId, tiers: Mapping[str, Filter], *, tenant_id: TenantId
    ) -> list[str]:
        """Those whose condition a run meets; none when there is no such run."""
        is_it = Comparison(Kind.FIELD, "run", "=", run_id)
        with transaction(self._pool) as connection:
            return [
                name
                for name, condition in tiers.items()
                if _matching(connection, filters.All((is_it, condition)), tenant_id)
            ]


def _matching(
    connection: psycopg.Connection[tuple[Any, ...]], where: Filter, tenant_id: TenantId
) -> list[str]:
    parameters: dict[str, Any] = {"tenant_id": tenant_id}
    condition = _condition(where, parameters)
    statement = sql.SQL("SELECT run_id FROM runs WHERE tenant_id = {} AND ({})").format(
        sql.Placeholder("tenant_id"), condition
    )
    return [row[0] for row in connection.execute(statement, parameters)]


def _condition(where: Filter, parameters: dict[str, Any]) -> sql.Composable:
    match where:
        case filters.Not(part):
            return sql.SQL("NOT ({})").format(_condition(part, parameters))
        case filters.All(parts):
            return sql.SQL("({})").format(_AND.join(_condition(p, parameters) for p in parts))
        case filters.Any(parts):
            return sql.SQL("({})").format(_OR.join(_condition(p, parameters) for p in parts))
        case Comparison():
            prefix = f"c{len(parameters)}_"
            values = {
                "name": where.name,
                "op": where.op,
                "value": where.value,
                "stat": where.kind.value,
                "tenant_id": parameters["tenant_id"],
            }
            parameters |= {prefix + name: value for name, value in values.items()}
            statement = queries.prefixed(_QUERIES[_statement(where)], prefix)
            return sql.SQL("run_id IN ({})").format(sql.SQL(statement))


def _statement(comparison: Comparison) -> str:
    match comparison.kind, comparison.value:
        case Kind.FIELD, _:
            return f"field_{filters.RUN_FIELDS[comparison.name]}"
        case Kind.TAG, _:
            return "tag"
        case Kind.TAGGED, _:
            return f"tagged_{comparison.name}"
        case Kind.TIER, _:
            return "tier"
        case Kind.PARAM, bool():
            return "param_flag"
        case Kind.PARAM, float():
            return "param_number"
        case Kind.PARAM, _:
            return "param_text"
        case _:
            return "metric"
