"""The schema: every statement of ours plans, enums agree, and what is immutable stays so."""

import datetime as dt
import enum
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from governance.promotion.evaluations import EvaluationState
from retention.keeping import ItemState
from storage import queries
from storage.database import Pool, transaction
from storage.errors import IMMUTABLE
from storage.points.ingest_store import IngestStore
from sweeps.blobs import BlobState
from sweeps.clock import SystemClock
from sweeps.datasets import DatasetVariant
from sweeps.errors import StorageError
from sweeps.states import (
    AttemptState,
    Decision,
    ExitReason,
    RunState,
    SweepRequest,
    SweepState,
)
from tests.integration.storage.test_ingest_store import NOW_US, a_delivery, a_scratch_run


class _Nulls(dict[str, object]):
    def __missing__(self, _: str) -> None:
        return None


def test_every_statement_plans(pool: Pool) -> None:
    failures: list[str] = []
    for noun in queries.nouns():
        for name, statement in queries.load(noun).items():
            if "COPY" in statement or "CALL" in statement:
                continue  # has no plan; other tests run it
            try:
                with transaction(pool) as connection:
                    connection.execute(f"EXPLAIN {statement}", _Nulls())  # pyright: ignore[reportArgumentType]  our own files
            except StorageError as exc:
                failures.append(f"{noun}.{name}: {exc}")

    assert failures == []


@pytest.mark.parametrize(
    ("noun", "query", "index"),
    [
        ("trials", "decided_reports", "reports_decided_idx"),
        ("trials", "undecided_reports", "reports_undecided_idx"),
        ("runs", "fail_silent_runs", "runs_scratch_open_idx"),
        ("runs", "seal_runs", "runs_unsealed_idx"),
        ("report_facts", "activity", "runs_ended_at_idx"),
        ("report_facts", "fronts", "runs_ended_at_idx"),
        ("report_facts", "stopped_early", "runs_ended_at_idx"),
        ("report_parameters", "parameter_outcomes", "runs_ended_at_idx"),
    ],
)
def test_what_is_asked_often_has_an_index(pool: Pool, noun: str, query: str, index: str) -> None:
    minute = dt.timedelta(minutes=1)
    intervals = dict.fromkeys(("after", "recovery", "grace", "lost_grace"), minute)
    days = {
        "start": dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
        "end": dt.datetime(2026, 3, 2, tzinfo=dt.UTC),
    }
    parameters = _Nulls({"sweep_id": "x", **intervals, **days, "limit": 9, "scope": [None] * 3})
    with transaction(pool) as connection:
        connection.execute("SET LOCAL enable_seqscan = off")
        explained = f"EXPLAIN {queries.load(noun)[query]}"
        plan = connection.execute(explained, parameters).fetchall()  # pyright: ignore[reportArgumentType]  our own files

    assert index in "\n".join(line for (line,) in plan)


def test_enums_agree(pool: Pool) -> None:
    states_by_type: dict[str, type[enum.StrEnum]] = {
        "sweep_state": SweepState,
        "sweep_request": SweepRequest,
        "run_state": RunState,
        "attempt_state": AttemptState,
        "exit_reason": ExitReason,
        "decision": Decision,
        "blob_state": BlobState,
        "dataset_variant": DatasetVariant,
        "retention_item_state": ItemState,
        "evaluation_state": EvaluationState,
    }

    with transaction(pool) as connection:
        rows = connection.execute(
            "SELECT typname, enumlabel FROM pg_enum JOIN pg_type ON pg_type.oid = enumtypid"
        ).fetchall()

    stored: dict[str, set[str]] = {}
    for name, label in rows:
        stored.setdefault(name, set()).add(label)
    assert stored == {
        name: {str(state) for state in states} for name, states in states_by_type.items()
    }


IMMUTABLE_STATEMENTS = [
    "UPDATE run_params SET value = '2'",
    "DELETE FROM run_params",
    "INSERT INTO run_params VALUES ('{run}', 'late', '1')",
    "UPDATE runs SET state = 'running', ended_at = NULL",
    "UPDATE runs SET objective = 1",
    "UPDATE runs SET sealed_at = NULL",
    "DELETE FROM runs",
    "UPDATE metric_points SET value = 0",
    "DELETE FROM metric_points",
    "UPDATE series SET key = 'other'",
    "DELETE FROM series",
    "UPDATE writers SET watermark = 99",
    "INSERT INTO writers VALUES ('{run}', 'late', NULL, 1, NULL, now())",
    "UPDATE artifacts SET name = 'b'",
    "DELETE FROM artifacts",
    "INSERT INTO artifacts SELECT tenant_id, run_id, 'late', type, sha256, 0 FROM artifacts",
    "INSERT INTO reports VALUES ('{run}', 9, NULL, 1, '{{}}', now())",
    "DELETE FROM reports",
]


def test_plain_sql_cannot_change_a_sealed_run(pool: Pool) -> None:
    run = a_scratch_run(pool)
    store = IngestStore(pool, clock=SystemClock())
    store.write([a_delivery(run, points={"x": [(1, NOW_US, 1.0)]}, params={"p": 1})])
    digest = bytes(32)
    _execute(pool, "INSERT INTO blobs VALUES ('default', %s, 0)", digest)
    _execute(pool, "INSERT INTO artifacts VALUES ('default', %s, 'a', 't', %s, 0)", run, digest)
    _execute(
        pool,
        'INSERT INTO reports (run_id, resource_level, "values", reported_at)'
        " VALUES (%s, 1, '{}', now())",
        run,
    )
    _execute(pool, "UPDATE runs SET state = 'completed', ended_at = now(), sealed_at = now()")

    codes = {
        statement: _refusal(lambda s=statement: _execute(pool, s.format(run=run)))
        for statement in IMMUTABLE_STATEMENTS
    }

    assert codes == dict.fromkeys(IMMUTABLE_STATEMENTS, IMMUTABLE)


def _execute(pool: Pool, statement: str, *parameters: Any) -> None:
    with pool.connection() as connection:
        connection.execute(statement, parameters or None)  # pyright: ignore[reportArgumentType]  literals of tests


def _refusal(act: Callable[[], None]) -> str | None:
    try:
        act()
    except psycopg.Error as exc:
        return exc.sqlstate
    return None
