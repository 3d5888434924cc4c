"""Batches on disk until they are acknowledged: an append-only file per writer.

Each batch is a frame: length and CRC of its bytes, sequence. A frame that a crash cut short is not
one. The file goes away when everything in it is acknowledged. Its writer locks it for as long as it
lives: what is not locked was left behind, and whoever locks it then may send it.
"""

import contextlib
import fcntl
import os
import struct
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Self

SUFFIX = ".spool"
_FRAME = struct.Struct("<IIQ")  # length, crc32, sequence


class Spool:
    """One writer's file. Not thread-safe: its owner holds a lock."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._ack_path = path.with_suffix(".ack")
        self._file = os.fdopen(descriptor, "ab", buffering=0)
        self.size_bytes = self._file.seek(0, os.SEEK_END)

    @classmethod
    def create(cls, folder: Path, name: str) -> Self:
        """A new file, locked before anybody can see it by its name."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{name}{SUFFIX}"
        unseen = folder / f".{name}.new"
        descriptor = os.open(unseen, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with contextlib.suppress(OSError):  # some network file systems have no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unseen.replace(path)
        return cls(path, descriptor)

    @classmethod
    def adopt(cls, path: Path) -> Self | None:
        """The file of a writer that is gone; None when it lives, or somebody else was faster.

        Raises:
            OSError: The file cannot be opened.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        if os.fstat(descriptor).st_nlink == 0:  # sent and deleted a moment ago
            os.close(descriptor)
            return None
        return cls(path, descriptor)

    def append(self, sequence: int, batch: bytes, *, durable: bool) -> None:
        """Add a batch; with `durable`, return only when it is on disk.

        Raises:
            OSError: It is not on disk, nor half of it, which would hide whatever follows.
        """
        frame = memoryview(_FRAME.pack(len(batch), zlib.crc32(batch), sequence) + batch)
        written = 0
        try:
            while written < len(frame):
                written += self._file.write(frame[written:]) or 0
        except OSError:
            with contextlib.suppress(OSError):
                self._file.truncate(self.size_bytes)
            raise
        self.size_bytes += len(frame)
        if durable:
            os.fsync(self._file.fileno())

    def acknowledge(self, sequence: int) -> None:
        """Note that everything through `sequence` is stored, for whoever sends the rest later."""
        temporary = self._ack_path.with_suffix(".tmp")
        temporary.write_text(str(sequence), encoding="ascii")
        temporary.replace(self._ack_path)

    def delete(self) -> None:
        """Everything is stored: nothing is left to keep."""
        for path in (self.path, self._ack_path):
            path.unlink(missing_ok=True)
        self.close()

    def set_aside(self) -> None:
        """Everything was answered, but not all of it taken: a person may look at it."""
        self.path.replace(self.path.with_suffix(".refused"))
        self._ack_path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Leave the file for later."""
        self._file.close()


def read_spool(path: Path) -> Iterator[tuple[int, bytes]]:
    """Sequence and bytes of every whole batch in a file that is not acknowledged yet, in order."""
    acknowledged = 0
    with contextlib.suppress(OSError, ValueError):
        acknowledged = int(path.with_suffix(".ack").read_text(encoding="ascii"))
    for sequence, batch in read_batches(path):
        if sequence > acknowledged:
            yield sequence, batch


def read_batches(path: Path) -> Iterator[tuple[int, bytes]]:
    """Sequence and bytes of every whole batch in a file, in order."""
    with path.open("rb") as file:
        while len(head := file.read(_FRAME.size)) == _FRAME.size:
            length, crc, sequence = _FRAME.unpack(head)
            batch = file.read(length)
            if len(batch) < length or zlib.crc32(batch) != crc:
                return  # a torn tail: the process died while it wrote
            yield sequence, batch


def writable_folder(wanted: str | None) -> Path:
    """The folder asked for, or one in the temporary folder when that cannot be written."""
    fallback = Path(tempfile.gettempdir()) / f"sweepworks-spool-{os.getuid()}"
    for folder in (*([Path(wanted)] if wanted else []), fallback):
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if folder.stat().st_uid == os.getuid() and os.access(folder, os.W_OK | os.X_OK):
                return folder
    return Path(tempfile.mkdtemp(prefix="sweepworks-spool-"))
