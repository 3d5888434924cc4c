"""Indexes and checks of large tables come while others write; what broke off is done again."""

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from storage.migrations_runner import upgrade
from storage.schema_state import SchemaState, schema_state
from tests.plugins.postgres import Database
from tests.waiting import wait_until

BEFORE = "0050"
INDEXES = {
    "attempts_ended_at_idx", "attempts_held_idx", "attempts_live_idx", "attempts_begun_idx",
    "admissions_held_idx", "admissions_ended_at_idx",
}  # fmt: skip
#: What 0038, 0041 and 0044 did within their transactions when they came.
AS_THEY_WERE = """
    ALTER TABLE attempts VALIDATE CONSTRAINT attempts_gpu_count_check;
    ALTER TABLE attempts VALIDATE CONSTRAINT attempts_capacity_check;
    CREATE INDEX attempts_ended_at_idx ON attempts (ended_at);
    CREATE INDEX attempts_held_idx ON attempts
        USING gist (held_during(scheduled_at, started_at, ended_at)) WHERE state = 'ended';
    CREATE INDEX attempts_live_idx ON attempts (run_id) WHERE state <> 'ended';
"""
Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def before(empty_databases: tuple[Database, Database]) -> Database:
    upgrade(empty_databases[0].url, revision=BEFORE)
    return empty_databases[0]


@contextmanager
def ours(database: Database, *, autocommit: bool = True) -> Generator[Connection, None, None]:
    options = "-c search_path=sweepworks,public -c lock_timeout=5s"
    with psycopg.connect(database.url, autocommit=autocommit, options=options) as connection:
        yield connection


def add_attempt(connection: Connection, number: int) -> None:
    connection.execute("INSERT INTO tenants VALUES ('vision') ON CONFLICT DO NOTHING")
    connection.execute(
        "INSERT INTO experiments (tenant_id, name, owner, purpose)"
        " VALUES ('vision', 'digits', 'me', '') ON CONFLICT DO NOTHING"
    )
    run_id = f"scratch-{number:012d}"
    connection.execute(
        "INSERT INTO runs (run_id, tenant_id, experiment_id, seed, created_by)"
        " SELECT %s, tenant_id, experiment_id, 1, 'me' FROM experiments",
        [run_id],
    )
    connection.execute(
        "INSERT INTO attempts (attempt_id, run_id, number, created_at) VALUES (%s, %s, 1, now())",
        [f"{run_id}-a1", run_id],
    )


def check_all_is_there(database: Database) -> None:
    assert schema_state(database.url) is SchemaState.CURRENT
    with ours(database) as connection:
        rows = connection.execute(
            "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
            " WHERE relname = ANY(%s)",
            [list(INDEXES)],
        ).fetchall()
        checks = connection.execute(
            "SELECT convalidated FROM pg_constraint WHERE conname = ANY(%s)",
            [["attempts_gpu_count_check", "attempts_capacity_check"]],
        ).fetchall()
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("UPDATE attempts SET gpu_count = -1")
    assert set(rows) == {(name, True) for name in INDEXES}
    assert checks == [(True,), (True,)]


def test_what_an_installation_has_from_before_stays(before: Database) -> None:
    with ours(before) as connection:
        add_attempt(connection, 1)
        connection.execute(AS_THEY_WERE)
        known = connection.execute("SELECT 'attempts_held_idx'::regclass::oid").fetchone()

    upgrade(before.url)

    check_all_is_there(before)
    with ours(before) as connection:
        assert connection.execute("SELECT 'attempts_held_idx'::regclass::oid").fetchone() == known


def test_an_index_whose_build_broke_off_is_built_anew(before: Database) -> None:
    with ours(before) as connection:
        add_attempt(connection, 1)
        add_attempt(connection, 2)
        with pytest.raises(psycopg.errors.UniqueViolation):  # leaves an index that is of no use
            connection.execute(
                "CREATE UNIQUE INDEX CONCURRENTLY attempts_ended_at_idx ON attempts (number)"
            )

    upgrade(before.url)

    check_all_is_there(before)


def test_others_write_while_indexes_are_built(before: Database) -> None:
    with (
        ThreadPoolExecutor() as pool,
        ours(before) as watching,
        ours(before) as other,
        ours(before, autocommit=False) as slow,
    ):
        add_attempt(other, 1)
        slow.execute("UPDATE attempts SET message = 'it goes on for long'")
        migration = pool.submit(upgrade, before.url)
        wait_until(lambda: _is_building(watching, migration))

        add_attempt(other, 2)

        assert not migration.done()
        slow.commit()
        migration.result(timeout=60)
    check_all_is_there(before)


def test_several_migrate_at_once(empty_databases: tuple[Database, Database]) -> None:
    database = empty_databases[0]

    with ThreadPoolExecutor() as pool:
        migrations = [pool.submit(upgrade, database.url) for _ in range(3)]
        for migration in migrations:
            migration.result(timeout=120)

    assert schema_state(database.url) is SchemaState.CURRENT


def _is_building(connection: Connection, migration: "Future[None]") -> bool:
    if migration.done():
        migration.result()
        raise AssertionError("it did not wait for whoever writes")
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%CREATE INDEX CONCURRENTLY%'"
        " AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()"
    ).fetchone()
    return row is not None and row[0] > 0
