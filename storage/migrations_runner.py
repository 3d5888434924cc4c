"""Brings a database to the schema of this version: Alembic for the order, `.sql` files for the rest.

Safe to call from many processes at once: the first one migrates, the others wait and find nothing
to do.
"""

from pathlib import Path

from storage.database_url import check_database_url
from storage.errors import translate_errors

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 7_305_001  # any number, the same in every process of ours


def upgrade(database_url: str, *, revision: str = "head") -> None:
    """Apply every revision the database lacks.

    Args:
        revision: Where to stop.

    Raises:
        InvalidDatabaseUrl: That is no URL of a database.
        StorageUnavailable: The database does not answer.
        StorageError: A revision failed; it left nothing behind.
    """
    # SQLAlchemy and Alembic take half a second to import, and only this function needs them.
    import psycopg
    import sqlalchemy as sa
    from alembic import command
    from alembic.config import Config

    check_database_url(database_url)
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    with translate_errors():
        # Fails here, with psycopg's own errors, when there is no database to talk to.
        connection = psycopg.connect(database_url, autocommit=False)
    engine = sa.create_engine("postgresql+psycopg://", creator=lambda: connection)
    try:
        with translate_errors(), engine.connect() as sa_connection:
            sa_connection.execute(sa.text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
            sa_connection.commit()
            config.attributes["connection"] = sa_connection
            try:
                command.upgrade(config, revision)
                sa_connection.commit()
            finally:
                sa_connection.rollback()
                sa_connection.execute(sa.text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
                sa_connection.commit()
    finally:
        engine.dispose()


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
