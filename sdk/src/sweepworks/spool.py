"""Batches on disk until they are acknowledged: an append-only file per writer.

Each batch is a frame: length and CRC of its bytes, sequence, flags. A frame that a crash cut short
is not one. The file goes away when everything in it is acknowledged.
"""

import contextlib
import os
import struct
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

_FRAME = struct.Struct("<IIQ")  # length, crc32, sequence


class Spool:
    """One writer's file. Not thread-safe: its owner holds a lock."""

    def __init__(self, folder: Path, writer: str) -> None:
        self.path = folder / f"{writer}.spool"
        self._ack_path = folder / f"{writer}.ack"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._file = os.fdopen(descriptor, "ab", buffering=0)
        self.size_bytes = self._file.seek(0, os.SEEK_END)

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
        self.close()
        for path in (self.path, self._ack_path):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Leave the file for later."""
        self._file.close()


def read_spool(path: Path) -> Iterator[tuple[int, bytes]]:
    """Sequence and bytes of every whole batch in a file that is not acknowledged yet, in order."""
    acknowledged = 0
    with contextlib.suppress(OSError, ValueError):
        acknowledged = int(path.with_suffix(".ack").read_text(encoding="ascii"))
    with path.open("rb") as file:
        while len(head := file.read(_FRAME.size)) == _FRAME.size:
            length, crc, sequence = _FRAME.unpack(head)
            batch = file.read(length)
            if len(batch) < length or zlib.crc32(batch) != crc:
                return  # a torn tail: the process died while it wrote
            if sequence > acknowledged:
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
