"""The one place that knows psycopg's errors: by SQLSTATE, never by message."""

import contextlib
from collections.abc import Generator

import psycopg
from psycopg import errors as pg

from sweeps.errors import DiskFull, StateConflict, StorageError, StorageUnavailable

IMMUTABLE = "SW001"  # raised by our triggers; see migrations/sql/0001


@contextlib.contextmanager
def translate_errors() -> Generator[None, None, None]:
    """Re-raise psycopg errors, and a pool's time-out, as `sweeps.errors`, chained."""
    from psycopg_pool import PoolClosed, PoolTimeout

    try:
        yield
    except pg.DiskFull as exc:
        raise DiskFull(f"the database has no space left: {_text(exc)}") from exc
    except (pg.SerializationFailure, pg.DeadlockDetected) as exc:
        raise StorageUnavailable(_text(exc), retry_after_seconds=0.1) from exc
    except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, PoolClosed) as exc:
        raise StorageUnavailable(f"the database does not answer: {_text(exc)}") from exc
    except psycopg.Error as exc:
        if exc.sqlstate == IMMUTABLE:
            raise StateConflict(
                exc.diag.column_name or "a record",
                current=exc.diag.message_detail or "finished",
                asked=exc.diag.message_hint or "something else",
            ) from exc
        raise StorageError(_text(exc)) from exc


def _text(exc: Exception) -> str:
    primary = exc.diag.message_primary if isinstance(exc, psycopg.Error) else None
    return primary or str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
