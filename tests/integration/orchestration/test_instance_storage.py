"""Dagster's tables on a database that is new, in the hands of several processes at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import psycopg
import pytest
from dagster_postgres import DagsterPostgresStorage
from psycopg import sql

from orchestration import instance_storage
from orchestration.dagster_tables import CREATION_LOCK, create_tables, upgrade_tables
from orchestration.instance_storage import InstanceStorage
from orchestration.settings import dagster_url
from storage.database_lock import database_lock
from tests.plugins.postgres import Database
from tests.waiting import wait_until

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def url(empty_databases: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database that our storage finds."""
    found = empty_databases[1].url
    platform = SimpleNamespace(dagster_database_url=found)
    monkeypatch.setattr(instance_storage, "platform", lambda: platform)
    return found


def open_and_use() -> None:
    storage = InstanceStorage.from_config_value(None, {})
    storage.event_log_storage.add_dynamic_partitions("sweeps", ["a"])
    assert storage.run_storage.get_runs() == []
    assert storage.event_log_storage.get_dynamic_partitions("sweeps") == ["a"]
    assert storage.schedule_storage.all_instigator_state() == []


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {row[0] for row in rows}


def test_many_who_come_first_at_once_all_find_everything(url: str) -> None:
    together = threading.Barrier(6)

    def come(_: int) -> None:
        together.wait()
        open_and_use()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(come, range(6)))


def test_whoever_comes_while_tables_are_made_waits_for_them(url: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        with database_lock(url, CREATION_LOCK):
            coming = pool.submit(open_and_use)
            wait_until(lambda: _waits_for_a_lock(url))
            assert tables(url) == set()
        coming.result(timeout=60)


@pytest.mark.parametrize("table", ["runs", "event_logs", "jobs"])
def test_what_a_killed_command_left_half_made_is_completed(url: str, table: str) -> None:
    create_tables(dagster_url(url))
    everything = tables(url)
    with psycopg.connect(url) as connection:
        for name in everything - {table}:
            connection.execute(sql.SQL("DROP TABLE {} CASCADE").format(sql.Identifier(name)))

    open_and_use()

    assert tables(url) == everything


def test_what_we_make_is_what_dagster_makes(
    url: str, empty_databases: tuple[Database, Database]
) -> None:
    create_tables(dagster_url(url))
    theirs = empty_databases[0].url
    DagsterPostgresStorage(dagster_url(theirs))

    assert described(url) == described(theirs)


def described(url: str) -> list[tuple[object, ...]]:
    """Columns, indexes, Dagster's revision, and what it need not convert any more."""
    with psycopg.connect(url) as connection:
        return [
            row
            for statement in (
                "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
                "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
                "SELECT version_num FROM alembic_version",
                "SELECT name FROM secondary_indexes ORDER BY 1",
            )
            for row in connection.execute(statement)
        ]


def _waits_for_a_lock(url: str) -> bool:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        ).fetchone()
    return row is not None and row[0] > 0


def test_tables_of_an_older_dagster_are_brought_up_to_date(url: str) -> None:
    create_tables(dagster_url(url))
    with psycopg.connect(url) as connection:  # as 1.9 left it
        newest = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        connection.execute("ALTER TABLE concurrency_limits DROP COLUMN using_default_limit")
        connection.execute("UPDATE alembic_version SET version_num = '6b7fb194ff9c'")

    upgrade_tables(dagster_url(url))

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == newest
        connection.execute("SELECT using_default_limit FROM concurrency_limits")


def test_tables_that_are_not_there_are_made_by_the_same(url: str) -> None:
    upgrade_tables(dagster_url(url))

    assert "event_logs" in tables(url)
