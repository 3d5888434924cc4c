"""Whether a database has the schema of this version."""

import contextlib
from enum import StrEnum
from pathlib import Path

from psycopg import errors as pg

from storage.database import connect
from sweeps.errors import PermanentError

NEWER = "the database is of a newer version; install that version here, too"
_REVISIONS = Path(__file__).parent / "migrations" / "versions"


class SchemaState(StrEnum):
    """A database's schema, compared with this version's."""

    ABSENT = "absent"  #: an empty database
    BEHIND = "behind"  #: of an older version
    CURRENT = "current"
    AHEAD = "ahead"  #: of a newer version


class SchemaMismatch(PermanentError):
    """A database of another version."""


def schema_state(database_url: str) -> SchemaState:
    """Compare.

    Raises:
        InvalidDatabaseUrl: That is no URL of a database.
        StorageUnavailable: The database does not answer.
    """
    with connect(database_url) as connection:
        found = None
        with contextlib.suppress(pg.UndefinedTable):
            row = connection.execute("SELECT version_num FROM schema_revisions").fetchone()
            found = None if row is None else str(row[0])
    newest = max(path.stem.partition("_")[0] for path in _REVISIONS.glob("[0-9]*.py"))
    if found is None:
        return SchemaState.ABSENT
    if found == newest:
        return SchemaState.CURRENT
    return SchemaState.BEHIND if found < newest else SchemaState.AHEAD


def prepare_schema(database_url: str) -> None:
    """Create the schema in an empty database; never change one that somebody uses.

    Raises:
        InvalidDatabaseUrl: That is no URL of a database.
        StorageUnavailable: The database does not answer.
        SchemaMismatch: Its schema is of another version.
    """
    state = schema_state(database_url)
    if state is SchemaState.ABSENT:
        from storage.migrations_runner import upgrade

        upgrade(database_url)
    elif state is SchemaState.BEHIND:
        raise SchemaMismatch(
            "the database is of an older version; `sweepworks migrate` brings it up to date, "
            "while what is running goes on"
        )
    elif state is SchemaState.AHEAD:
        raise SchemaMismatch(NEWER)
