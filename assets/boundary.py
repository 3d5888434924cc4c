"""The one place where errors of the domain become Dagster's."""

import contextlib
from collections.abc import Generator

import dagster as dg

from sweeps.errors import PermanentError, TransientError


@contextlib.contextmanager
def dagster_errors(*, max_retries: int = 3) -> Generator[None, None, None]:
    """Map `PermanentError` to a final failure and `TransientError` to a retry of the op."""
    try:
        yield
    except PermanentError as exc:
        raise dg.Failure(str(exc), allow_retries=False) from exc
    except TransientError as exc:
        raise dg.RetryRequested(max_retries, seconds_to_wait=exc.retry_after_seconds) from exc
