"""Dagster's database away: told as one of our errors, as our own database is."""

import contextlib
from collections.abc import Generator

from sweeps.errors import StorageUnavailable


@contextlib.contextmanager
def dagster_outages() -> Generator[None, None, None]:
    """Translate what Dagster raises when its database does not answer.

    Raises:
        StorageUnavailable: It does not.
    """
    # Whoever is here has imported Dagster, and these with it.
    from dagster_postgres.utils import DagsterPostgresException
    from sqlalchemy.exc import InterfaceError, OperationalError

    try:
        yield
    except (OperationalError, InterfaceError, DagsterPostgresException) as exc:
        cause = exc.__cause__ if isinstance(exc, DagsterPostgresException) else exc
        words = str(getattr(cause, "orig", None) or cause or exc).strip().splitlines()
        said = words[0] if words else type(exc).__name__
        raise StorageUnavailable(f"Dagster's database does not answer: {said}") from exc
