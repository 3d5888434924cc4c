"""Locks between processes: the kernel drops a dead process's locks, so nothing goes stale."""

import fcntl
import os
from pathlib import Path


def take_lock(path: Path, *, shared: bool = False, wait: bool = True) -> int | None:
    """A descriptor that holds the lock until it is closed; None when others hold it.

    Whoever holds it alone may remove the file: who waits then takes the lock of the next one.

    Args:
        wait: For those who hold it; else None at once.

    Raises:
        OSError: The file cannot be made, for instance since its folder is not there.
    """
    kind = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, kind)
            if _is_the_file(descriptor, path):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_the_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
