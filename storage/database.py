"""Connections to our own database: one pool a process, always in our schema and in UTC."""

import contextlib
from collections.abc import Generator
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from storage.database_url import check_database_url
from storage.errors import translate_errors
from sweeps.errors import StorageUnavailable

Pool = ConnectionPool[psycopg.Connection[tuple[Any, ...]]]

#: Sent with every connection. `lock_timeout` turns a deadlock with a person's psql session into
#: an error that says so; `timezone` keeps what is printed the same on every machine.
CONNECTION_OPTIONS = (
    "-c search_path=sweepworks,public -c timezone=UTC -c lock_timeout=30s "
    "-c application_name=sweepworks"
)


@contextlib.contextmanager
def open_pool(database_url: str, *, max_size: int = 4) -> Generator[Pool, None, None]:
    """A pool that has proved it can connect.

    Raises:
        InvalidDatabaseUrl: That is no URL of a database.
        StorageUnavailable: No connection: at once when the database says why, such as a wrong
            password, and within 10 seconds when it says nothing or is still starting.
    """
    with contextlib.ExitStack() as stack:
        prove(database_url)
        with translate_errors():
            pool = ConnectionPool[psycopg.Connection[tuple[Any, ...]]](
                database_url,
                min_size=1,
                max_size=max_size,
                timeout=10,
                reconnect_timeout=10,
                kwargs={"options": CONNECTION_OPTIONS, "connect_timeout": 10},
                check=ConnectionPool.check_connection,
                open=False,
            )
            stack.enter_context(pool)
            pool.wait(timeout=10)
        yield pool


@contextlib.contextmanager
def connect(
    database_url: str, *, autocommit: bool = False
) -> Generator[psycopg.Connection[tuple[Any, ...]], None, None]:
    """One connection outside any pool, errors translated; it commits at the end.

    Raises:
        InvalidDatabaseUrl: That is no URL of a database.
        StorageUnavailable: The database does not answer within 10 seconds, or refuses.
    """
    check_database_url(database_url)
    with (
        translate_errors(),
        psycopg.connect(database_url, connect_timeout=10, autocommit=autocommit) as connection,
    ):
        yield connection


def prove(database_url: str) -> None:
    """Connect once, plainly: a pool would try again and again, and log every time.

    Raises:
        InvalidDatabaseUrl: That is no URL of a database.
        StorageUnavailable: There is no connection, and the database is not just starting.
    """
    try:
        with connect(database_url):
            pass
    except StorageUnavailable as exc:
        if "starting up" not in str(exc.__cause__):  # a failed connection has no SQLSTATE here
            raise


@contextlib.contextmanager
def transaction(pool: Pool) -> Generator[psycopg.Connection[tuple[Any, ...]], None, None]:
    """One transaction on a pooled connection, errors translated."""
    with translate_errors(), pool.connection() as connection:
        yield connection


@contextlib.contextmanager
def snapshot(pool: Pool) -> Generator[psycopg.Connection[tuple[Any, ...]], None, None]:
    """For reading: every statement sees the database as it is when the first one does."""
    with transaction(pool) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        try:
            yield connection
        finally:
            connection.rollback()  # lets the level be set back
            connection.isolation_level = None
