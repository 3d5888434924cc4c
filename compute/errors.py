"""Failures of the file system, translated once into what they mean for whoever launches trials."""

import contextlib
import errno
from collections.abc import Generator

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
        if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull(f"{doing}: no space left at {where}; free some") from exc
        raise LauncherUnavailable(f"{doing}: {exc}") from exc
