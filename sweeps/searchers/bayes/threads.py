"""One thread for the models' linear algebra."""

import contextlib
import functools
from typing import Any


@functools.cache
def _controller() -> Any:
    from threadpoolctl import (  # pyright: ignore[reportMissingTypeStubs] - it has none
        ThreadpoolController,
    )

    return ThreadpoolController()


def one_thread() -> contextlib.AbstractContextManager[Any]:
    """While it lasts, BLAS works on one thread.

    With matrices this small, threads wait for each other five times as long as they work, and the
    cores belong to the trials.
    """
    return _controller().limit(limits=1)
