"""Brings a database to the schema of this version: Alembic for the order, `.sql` files for the rest.

Safe to call from many processes at once: the first one migrates, the others wait and find nothing
to do.
"""

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from storage.database_url import check_database_url
from storage.errors import translate_errors
from storage.schema_state import NEWER, SchemaMismatch

if TYPE_CHECKING:
    import sqlalchemy as sa

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 7_305_001  # any number, the same in every process of ours
_LOOK_SECONDS = 0.2  # between looks whether another process still migrates
_HEADING = re.compile(r"^-- (\w+) --$", re.MULTILINE)


def upgrade(database_url: str, *, revision: str = "head") -> None:
    """Apply every revision the database lacks.

    Args:
        revision: Where to stop.

    Raises:
        InvalidDatabaseUrl: That is no URL of a database.
        StorageUnavailable: The database does not answer.
        SchemaMismatch: The database is of a newer version.
        StorageError: A revision failed; it left nothing behind, or what `run_apart` had finished.
    """
    # SQLAlchemy and Alembic take half a second to import, and only this function needs them.
    import psycopg
    import sqlalchemy as sa
    from alembic import command
    from alembic.config import Config
    from alembic.script.revision import ResolutionError
    from alembic.util import CommandError

    check_database_url(database_url)
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    with translate_errors():
        # Fails here, with psycopg's own errors, when there is no database to talk to.
        connection = psycopg.connect(database_url, autocommit=False)
    engine = sa.create_engine("postgresql+psycopg://", creator=lambda: connection)
    try:
        with translate_errors(), engine.connect() as sa_connection:
            _wait_for_turn(sa_connection)
            config.attributes["connection"] = sa_connection
            try:
                command.upgrade(config, revision)
                sa_connection.commit()
            except CommandError as exc:
                if isinstance(exc.__cause__, ResolutionError):  # it has a revision unknown here
                    raise SchemaMismatch(NEWER) from exc
                raise
            finally:
                sa_connection.rollback()
                sa_connection.execute(sa.text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
                sa_connection.commit()
    finally:
        engine.dispose()


def _wait_for_turn(connection: "sa.Connection") -> None:
    """Until no other process migrates; then none other does until the lock is given back.

    Asking again and again, since whoever waits within a statement has a snapshot, for whose end an
    index that is built while others write would wait in turn.
    """
    import sqlalchemy as sa

    ours = sa.text("SELECT pg_try_advisory_lock(:lock)")
    while True:
        has_turn = connection.execute(ours, {"lock": _LOCK}).scalar_one()
        connection.commit()
        if has_turn:
            return
        time.sleep(_LOOK_SECONDS)


def run_sql(name: str) -> None:
    """Execute the file `name` of `migrations/sql` within the revision's transaction."""
    from alembic import op

    text = (_FOLDER / "sql" / name).read_text(encoding="utf-8")
    # The driver's own cursor: SQLAlchemy would read `:name` and psycopg `%` in the SQL.
    driver = op.get_bind().connection.driver_connection
    if driver is None:  # only in Alembic's offline mode, which prints SQL instead of running it
        raise RuntimeError("revisions run against a database, not offline")
    driver.execute("SET LOCAL search_path = sweepworks, public")  # whoever migrates
    driver.execute(text)


def run_apart(name: str) -> None:
    """Execute each statement of the file `name` of `migrations/sql` outside any transaction.

    For what takes long on large tables, and what PostgreSQL does in no transaction. A revision that
    broke off is run again from its first statement: each has to do nothing where its work is done.
    A heading ``-- name --`` precedes each. An index of that name whose build broke off, which would
    count as being there and be of no use, is dropped first. Where the session is the only one that
    there can be, as in PostgreSQL as WebAssembly, nobody is kept from writing, and PostgreSQL cannot
    wait for others: there an index is built at once.
    """
    from alembic import op
    from psycopg import sql

    text = (_FOLDER / "sql" / name).read_text(encoding="utf-8")
    _, *parts = _HEADING.split(text)
    with op.get_context().autocommit_block():
        driver = op.get_bind().connection.driver_connection
        if driver is None:  # as above
            raise RuntimeError("revisions run against a database, not offline")
        (path,) = driver.execute("SHOW search_path").fetchone()
        driver.execute("SET search_path = sweepworks, public")
        try:
            (is_alone,) = driver.execute(_IS_ALONE).fetchone()
            for heading, statement in zip(parts[::2], parts[1::2], strict=True):
                if is_alone:
                    driver.execute(statement.replace(" CONCURRENTLY", ""))
                    continue
                if driver.execute(_BROKEN_INDEX, {"name": heading}).fetchone():
                    drop = sql.SQL("DROP INDEX CONCURRENTLY {}").format(sql.Identifier(heading))
                    driver.execute(drop)
                driver.execute(statement)
        finally:
            driver.execute("SELECT set_config('search_path', %(path)s, false)", {"path": path})


_IS_ALONE = """
    SELECT NOT EXISTS (
        SELECT FROM pg_stat_activity
        WHERE pid = pg_backend_pid() AND backend_type = 'client backend')
"""
_BROKEN_INDEX = """
    SELECT 1
    FROM pg_index
    JOIN pg_class ON pg_class.oid = pg_index.indexrelid
    WHERE relnamespace = current_schema()::regnamespace
      AND relname = %(name)s
      AND NOT indisvalid
"""
