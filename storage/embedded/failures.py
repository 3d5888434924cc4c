"""Sentences for what the file system refuses: one place, so that a full disk always reads the same."""

import contextlib
import errno
import os
from collections.abc import Generator
from pathlib import Path

from sweeps.errors import DiskFull, StorageUnavailable, TransientError

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)


def describe(exc: OSError, place: Path) -> TransientError:
    """What went wrong at `place` and what to do about it, as one of our errors."""
    if exc.errno in _NO_SPACE:
        return no_space(place)
    reason = exc.strerror or str(exc)
    if exc.errno in _NOT_ALLOWED:
        return StorageUnavailable(
            f"{place} cannot be written ({reason.lower()}); make it writable for this user, "
            f"or choose another place with {_setting()}"
        )
    return StorageUnavailable(f"{place} cannot be used: {reason.lower()}")


def no_space(place: Path) -> DiskFull:
    """The disk under `place` is full."""
    return DiskFull(
        f"no space left on the disk of {place}; free some, "
        f"or choose another place with {_setting()}"
    )


def _setting() -> str:
    also = ", and as root SWEEPWORKS_POSTGRES_FOLDER" if os.geteuid() == 0 else ""
    return f"SWEEPWORKS_HOME{also}"


@contextlib.contextmanager
def filesystem_errors(place: Path) -> Generator[None, None, None]:
    """Translates every `OSError` within.

    Raises:
        DiskFull: No space, or no quota, left.
        StorageUnavailable: Anything else the file system refused.
    """
    try:
        yield
    except OSError as exc:
        raise describe(exc, place) from exc
