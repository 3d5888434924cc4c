"""Violations of quotas as the rows of the queue have them."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import dict_row

from governance.quotas.quota import Quotas
from governance.quotas.violations import Stuck, Violations, find_violations
from governance.scheduling import Demand, Live, Waiting
from storage import queries
from storage.queue.admissions import GONE_AFTER
from storage.queue.rows import read_open
from sweeps.ids import AttemptId

_QUERIES = queries.load("escalations")
_ADMISSIONS = queries.load("admissions")


def read_violations(
    connection: psycopg.Connection[tuple[Any, ...]], quotas: Quotas, *, now: dt.datetime
) -> Violations:
    """All that there are, by what the last pass has said and by what is held."""
    cursor = connection.cursor(row_factory=dict_row)
    rows = cursor.execute(_QUERIES["stuck"], {"gone_after": GONE_AFTER})
    stuck = [_stuck(row) for row in rows]
    # Whoever is admitted in between is held and waits: then nobody can tell, until the next look.
    held = connection.execute(_ADMISSIONS["open"], {"now": now, "gone_after": dt.timedelta(0)})
    live = [trial for trial in read_open(held) if isinstance(trial, Live)]
    stored: Mapping[str, int] = {}
    if any(one.storage_bytes is not None for one in (*quotas.tenants.values(), quotas.others)):
        stored = dict(connection.execute(_ADMISSIONS["stored"], {"tenant_id": None}).fetchall())
    return find_violations(stuck, live, stored, quotas)


def _stuck(row: Mapping[str, Any]) -> Stuck:
    demand = Demand(
        cpu_millis=row["cpu_millis"],
        memory_bytes=row["memory_bytes"],
        gpu=row["gpu"],
        gpu_type=row["gpu_type"],
    )
    trial = Waiting(
        attempt_id=AttemptId(row["attempt_id"]),
        sweep_id=row["sweep_id"],
        tenant=row["tenant_id"],
        experiment=row["experiment"],
        owner=row["owner"],
        demand=demand,
        queued_at=row["queued_at"],
        priority=row["priority"],
        is_admitted_elsewhere=row["is_admitted_elsewhere"],
    )
    return Stuck(trial=trial, kind=row["kind"], reason=row["reason"], is_silent=row["is_silent"])
