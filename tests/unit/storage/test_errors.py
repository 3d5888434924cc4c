"""The database's errors in the platform's words."""

import psycopg
import pytest
from psycopg import errors as pg
from psycopg_pool import PoolClosed, PoolTimeout

from storage.errors import translate_errors
from sweeps.errors import (
    DiskFull,
    PermanentError,
    StateConflict,
    StorageError,
    StorageUnavailable,
    SweepNotFound,
    TransientError,
)


class _Finished(psycopg.DatabaseError):
    """What our triggers raise."""

    sqlstate = "SW001"


@pytest.mark.parametrize(
    ("raised", "translated"),
    [
        (pg.DiskFull("no space"), DiskFull),
        (pg.DeadlockDetected("deadlock"), StorageUnavailable),
        (pg.SerializationFailure("again"), StorageUnavailable),
        (pg.AdminShutdown("terminating connection"), StorageUnavailable),
        (pg.LockNotAvailable("lock timeout"), StorageUnavailable),
        (psycopg.OperationalError("connection refused"), StorageUnavailable),
        (psycopg.InterfaceError("the connection is closed"), StorageUnavailable),
        (PoolTimeout("no connection after 10 s"), StorageUnavailable),
        (PoolClosed("closed"), StorageUnavailable),
        (pg.UniqueViolation("duplicate key"), StorageError),
        (pg.SyntaxError("at or near"), StorageError),
        (_Finished("run x is completed"), StateConflict),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_every_error_of_the_database_has_one_meaning(
    raised: Exception, translated: type[Exception]
) -> None:
    with pytest.raises(translated) as caught, translate_errors():
        raise raised

    assert type(caught.value) is translated
    assert caught.value.__cause__ is raised


def test_an_outage_may_pass_and_a_broken_statement_will_not() -> None:
    assert issubclass(StorageUnavailable, TransientError)
    assert issubclass(StorageError, PermanentError)


def test_a_message_is_one_line() -> None:
    with pytest.raises(StorageUnavailable) as caught, translate_errors():
        raise psycopg.OperationalError("connection refused\n\tIs the server running?\n")

    assert str(caught.value) == "the database does not answer: connection refused"


def test_an_error_without_words_is_named() -> None:
    with pytest.raises(StorageError, match="DataError"), translate_errors():
        raise psycopg.DataError


def test_errors_of_our_own_pass_through() -> None:
    with pytest.raises(SweepNotFound), translate_errors():
        raise SweepNotFound("digits-aaaaaaaa")
