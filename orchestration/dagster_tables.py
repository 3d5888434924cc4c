"""Dagster's own tables, made once and whole, however many commands come first at the same time.

Dagster makes them table by table as soon as a storage finds its main one missing. Of several
processes that do so at once some fail, others go on with what is half there, and one that is killed
leaves a database that is never completed.
"""

from alembic.runtime.migration import MigrationContext
from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
from dagster._core.storage.runs.schema import RunStorageSqlMetadata
from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata
from dagster._core.storage.sql import create_engine, stamp_alembic_rev
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.run_storage import run_storage
from dagster_postgres.utils import pg_alembic_config
from sqlalchemy.engine import Engine
from sqlalchemy.pool import NullPool

from storage.database_lock import database_lock

CREATION_LOCK = 7_305_002  #: see `storage.database_lock`
_METADATA = (RunStorageSqlMetadata, SqlEventLogStorageMetadata, ScheduleStorageSqlMetadata)


def create_tables(dagster_url: str) -> None:
    """Make what is missing, unless Dagster's revision says that everything is there.

    Args:
        dagster_url: Of Dagster's database, naming the psycopg2 driver.

    Raises:
        StorageUnavailable: The database does not answer.
    """
    engine = create_engine(dagster_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    if _has_revision(engine):
        return
    with database_lock(dagster_url.replace("+psycopg2", "", 1), CREATION_LOCK):
        if not _has_revision(engine):
            _create(engine, dagster_url)


def upgrade_tables(dagster_url: str) -> None:
    """Bring Dagster's tables to the version of Dagster that is installed here, or make them.

    Args:
        dagster_url: As in `create_tables`.

    Raises:
        StorageUnavailable: The database does not answer.
    """
    create_tables(dagster_url)
    with database_lock(dagster_url.replace("+psycopg2", "", 1), CREATION_LOCK):
        storage = DagsterPostgresStorage(dagster_url, should_autocreate_tables=False)
        # As `dagster instance migrate` does it, which wants a whole instance.
        storage.run_storage.upgrade()  # pyright: ignore[reportAttributeAccessIssue]  PostgreSQL's has it
        storage.run_storage.migrate()
        storage.event_log_storage.upgrade()
        storage.event_log_storage.reindex_assets()
        storage.schedule_storage.upgrade()
        storage.schedule_storage.migrate()


def _has_revision(engine: Engine) -> bool:
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() is not None


def _create(engine: Engine, dagster_url: str) -> None:
    storage = DagsterPostgresStorage(dagster_url, should_autocreate_tables=False)
    with engine.connect() as connection:
        for metadata in _METADATA:
            metadata.create_all(connection)  # leaves alone what is there
        # In a database without rows these only note that there is nothing to convert.
        storage.run_storage.migrate()
        storage.run_storage.optimize()
        storage.event_log_storage.reindex_events()
        storage.event_log_storage.reindex_assets()
        storage.schedule_storage.migrate()
        storage.schedule_storage.optimize()
        # Last: from now on the database counts as complete.
        stamp_alembic_rev(pg_alembic_config(run_storage.__file__), connection)
