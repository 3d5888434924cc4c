"""A lock in a database: one process at a time, whichever machine it is on."""

import contextlib
from collections.abc import Generator

import psycopg

from storage import queries
from storage.errors import translate_errors

_QUERIES = queries.load("locks")


@contextlib.contextmanager
def database_lock(database_url: str, number: int) -> Generator[None, None, None]:
    """Wait for the lock and hold it; the database takes it back from whoever dies.

    Args:
        number: The same in every process of ours, and another one for every purpose.

    Raises:
        StorageUnavailable: The database does not answer.
    """
    with translate_errors():
        connection = psycopg.connect(database_url, autocommit=True, connect_timeout=10)
    with contextlib.closing(connection):
        with translate_errors():
            connection.execute(_QUERIES["wait_for_lock"], {"lock": number})
        yield
