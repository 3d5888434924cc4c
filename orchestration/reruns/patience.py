"""Calls that may succeed later, done again for a while."""

import time
from collections.abc import Callable
from typing import TypeVar

from sweeps.errors import NoCapacity, TransientError

OUTAGE_SECONDS = 1800.0  #: of what executes a rerun, as controllers of sweeps wait
DATABASE_SECONDS = 300.0

T = TypeVar("T")


def patiently(
    call: Callable[[], T], *, seconds: float, meanwhile: Callable[[], object] = lambda: None
) -> T:
    """Do it again as long as it may succeed later; having no place is no outage.

    Args:
        meanwhile: Called after each failure.
    """
    give_up_at = time.monotonic() + seconds
    while True:
        try:
            return call()
        except NoCapacity:
            raise
        except TransientError as exc:
            if time.monotonic() >= give_up_at:
                raise
            meanwhile()
            time.sleep(exc.retry_after_seconds)
