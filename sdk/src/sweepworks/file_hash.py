"""The sha256 of a file, in bounded memory."""

import hashlib
from collections.abc import Callable
from pathlib import Path

_BLOCK = 1024 * 1024


def file_sha256(path: Path, beat: Callable[[], None]) -> str:
    """Of what is there, as hexadecimal digits.

    Args:
        beat: Called while it is read.

    Raises:
        OSError: It cannot be read.
    """
    sha, block = hashlib.sha256(), bytearray(_BLOCK)
    with path.open("rb", buffering=0) as file:
        while n_bytes := file.readinto(block):
            sha.update(memoryview(block)[:n_bytes])
            beat()
    return sha.hexdigest()
