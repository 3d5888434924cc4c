"""Failures of the file system, translated once into what they mean for whoever launches trials."""

import contextlib
from collections.abc import Generator

from compute.records import FULL
from sweeps.errors import DiskFull, LauncherUnavailable


@contextlib.contextmanager
def filesystem_errors(doing: str) -> Generator[None, None, None]:
    """Raise `DiskFull` or `LauncherUnavailable` for an `OSError` of the block.

    Args:
        doing: What the block is about, as a noun: ``launching x``.
    """
    try:
        yield
    except OSError as exc:
        where = exc.filename or "the disk of the runs"
        if exc.errno in FULL:
            raise DiskFull(f"{doing}: no space left at {where}; free some") from exc
        raise LauncherUnavailable(f"{doing}: {exc}") from exc
