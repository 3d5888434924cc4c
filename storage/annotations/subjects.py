"""Whose a run, a sweep or an experiment is: what every write about one looks at first."""

from typing import Any

import psycopg
from psycopg.rows import dict_row

from storage import queries
from sweeps.ids import TenantId
from sweeps.tags import Subject, SubjectNotFound

_QUERIES = queries.load("tags")


def find_subject(
    connection: psycopg.Connection[tuple[Any, ...]], subject: Subject, *, tenant_id: TenantId
) -> dict[str, Any]:
    """Its key: `run_id`, `sweep_id` and `experiment_id`, of which two are None.

    Raises:
        SubjectNotFound: There is none of that name for the tenant.
    """
    cursor = connection.cursor(row_factory=dict_row)
    parameters = {"name": subject.name, "tenant_id": tenant_id}
    found = cursor.execute(_QUERIES[f"find_{subject.kind}"], parameters).fetchone()
    if found is None:
        raise SubjectNotFound(subject)
    return found
