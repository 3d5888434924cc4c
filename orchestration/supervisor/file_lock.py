"""Locks on files that the kernel releases when their holder dies, however it dies.

A lock belongs to an open file, so it is held by a descriptor: closing the descriptor, or ending
the process, gives it back. Descriptors are not inherited by programs that the holder starts.

Shared holders must wait for the lock (`hold_shared`), never give up at once: whoever looks for
holders takes it for a few microseconds.
"""

import fcntl
import os
from pathlib import Path


def hold_shared(path: Path) -> int:
    """A descriptor that shares the lock with others of its kind."""
    descriptor = _open(path)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def hold_exclusive(path: Path) -> int:
    """A descriptor that alone holds the lock, once nobody else does."""
    descriptor = _open(path)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def try_exclusive(path: Path) -> int | None:
    """A descriptor that alone holds the lock; None when somebody else has it in any form."""
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def is_owned(path: Path) -> bool:
    """Whether somebody holds the lock exclusively."""
    if not path.exists():
        return False
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def has_holders(path: Path) -> bool:
    """Whether anybody else holds the lock in any form."""
    if not path.exists():
        return False
    descriptor = try_exclusive(path)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
