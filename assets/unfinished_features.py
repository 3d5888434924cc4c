"""Features of Dagster that are in beta or in preview: used, and nothing to tell everybody of.

What is imported says so once, to whoever uses the command line, unless it is kept from it. The list of
filters of warnings is one for all threads, and commands import in two: of two that change it and put
it back, the one that is through first would take the other one's filter away.
"""

import contextlib
import threading
import warnings
from collections.abc import Generator

import dagster as dg

_ONE_AT_A_TIME = threading.RLock()


@contextlib.contextmanager
def unfinished_features() -> Generator[None, None, None]:
    """No warnings of Dagster's within it; one thread at a time, the others wait."""
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        for category in (dg.BetaWarning, dg.PreviewWarning):
            warnings.simplefilter("ignore", category)
        yield
