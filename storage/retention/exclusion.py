"""Short moments in which nobody ties anything to what may go: tags, holds, promotions, submissions wait."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg import errors as pg

from storage import queries
from storage.database import Pool, transaction
from sweeps.errors import StorageUnavailable

_QUERIES = queries.load("retention")
#: Whoever comes behind us waits for as long as we do.
_PATIENCE_MILLIS = 500
_TRIES = 120
_PAUSE_SECONDS = 0.25  # between tries: who waited for us goes first

Connection = psycopg.Connection[tuple[Any, ...]]
Result = TypeVar("Result")


def while_nobody_ties(
    pool: Pool, work: Callable[[Connection], Result], *, tries: int = _TRIES
) -> Result:
    """Do something in one transaction, in which whoever ties anything waits; keep it short.

    Work waits for no lock for longer than half a second: others would wait for us all that time. It
    is given up instead, and begun again a little later, from the first statement on.

    Args:
        work: Has to call `shut_out` before it looks at what may be tied.

    Raises:
        StorageUnavailable: The database does not answer, or somebody held a lock at each try.
    """
    for _ in range(tries):
        with transaction(pool) as connection:
            try:
                connection.execute(_QUERIES["be_impatient"], {"timeout": f"{_PATIENCE_MILLIS}ms"})
                return work(connection)
            except pg.LockNotAvailable:
                connection.rollback()
        time.sleep(_PAUSE_SECONDS)
    raise StorageUnavailable(
        "somebody has held what a deletion needs all the time; a transaction may have been left open"
    )


def shut_out(connection: Connection) -> None:
    """From here to the end of the transaction nobody ties anything; who has begun to is waited for.

    Statements behind it see all that was tied before.
    """
    connection.execute(_QUERIES["wait_for_others"])
