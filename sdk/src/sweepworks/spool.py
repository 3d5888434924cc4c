"""Batches on disk until they are acknowledged: a file per writer.

The file goes away when everything in it is acknowledged. Its writer locks it for as long as it
lives: what is not locked was left behind, and whoever locks it then may send it.
"""

import contextlib
import errno
import fcntl
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Self

from sweepworks.acks import Acks
from sweepworks.frames import (
    frame,
    is_note,
    note_frame,
    read_batches,
    read_frames,
    whole_bytes,
)

SUFFIX = ".spool"
REFUSED = ".refused"  #: of what no gateway will ever take
_REFUSED_BYTES = 64 * 1024 * 1024  # as many are enough to see what is wrong
_SMALL_BYTES = 1024 * 1024  # a file that is not worth emptying


class Spool:
    """One writer's file. One thread appends, another one acknowledges and shrinks."""

    def __init__(self, path: Path, descriptor: int, *, last: int | None) -> None:
        self.path = path
        self.acks = Acks(path)
        self._file = os.fdopen(descriptor, "ab", buffering=0)
        self._lock = threading.Lock()
        self._last = last  # sequence of the newest batch; None: nobody has looked
        self._is_shrinking = False
        self._notes = b""
        self.size_bytes = self._file.seek(0, os.SEEK_END)

    @classmethod
    def create(cls, folder: Path, name: str, *, note: Mapping[str, object] | None = None) -> Self:
        """A new file, locked before anybody can see it by its name.

        Args:
            note: What is to be known of the writer by whoever sends the file later.

        Raises:
            OSError: It cannot be written, and is not there.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{name}{SUFFIX}"
        spool = cls(path, _open_locked(path), last=0)
        if note is not None:
            try:
                spool.note(note)
            except OSError:
                spool.delete()
                raise
        return spool

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
        except OSError as exc:
            os.close(descriptor)
            raise OSError(
                exc.errno,
                f"{exc.strerror}: nothing tells here whether its script lives; copy the folder to "
                "where there are locks, and send it from there",
                str(path),
            ) from exc
        if os.fstat(descriptor).st_nlink == 0:  # sent and deleted a moment ago
            os.close(descriptor)
            return None
        with contextlib.suppress(OSError):  # of a writer that died while it shrank the file
            _unseen(path).unlink(missing_ok=True)
        return cls(path, descriptor, last=None)

    def note(self, note: Mapping[str, object]) -> None:
        """Add to what is known of the writer; on disk when it returns.

        Raises:
            OSError: It is not on disk.
        """
        content = note_frame(note)
        with self._lock:
            self._write(content)
            os.fsync(self._file.fileno())
            self._notes += content

    def append(self, sequence: int, batch: bytes, *, durable: bool) -> None:
        """Add a batch; with `durable`, return only when it is on disk.

        Raises:
            OSError: It is not on disk, nor half of it, which would hide whatever follows.
        """
        with self._lock:
            self._write(frame(sequence, batch))
            self._last = sequence
            if durable:
                os.fsync(self._file.fileno())

    def _write(self, content: bytes) -> None:
        left = memoryview(content)
        try:
            while left:
                left = left[self._file.write(left) or 0 :]
        except OSError:
            with contextlib.suppress(OSError):
                self._file.truncate(self.size_bytes)
            raise
        self.size_bytes += len(content)

    def acknowledge(self, sequence: int) -> None:
        """Note that everything through `sequence` is stored, for whoever sends the rest later."""
        self.acks.acknowledge(sequence)
        with self._lock:
            is_all = self._last is not None and sequence >= self._last
            # What is appended during a rewrite must stay behind what is being read.
            if is_all and self.size_bytes > _SMALL_BYTES and not self._is_shrinking:
                self._file.truncate(0)
                self.size_bytes = 0
                self._write(self._notes)

    def shrink(
        self, to_bytes: int, *, acknowledged: int, lighten: Callable[[bytes], bytes | None]
    ) -> None:
        """Leave out what is acknowledged, then make the oldest batches lighter.

        The very first is left alone: it may be at the gateway already, its answer under way.
        Batches may be appended meanwhile; they wait for the end of it alone.

        Args:
            to_bytes: How small the file should get; what `lighten` keeps may be more.
            lighten: Makes less of a batch; None: nothing of it need be kept.

        Raises:
            OSError: The disk does not take it, or the file is damaged; it is as it was.
        """
        with self._lock:
            self._is_shrinking = True
            end = self.size_bytes
        try:
            self._rewrite(end, to_bytes, acknowledged=acknowledged, lighten=lighten)
        finally:
            self._is_shrinking = False

    def _rewrite(
        self,
        end: int,
        to_bytes: int,
        *,
        acknowledged: int,
        lighten: Callable[[bytes], bytes | None],
    ) -> None:
        if whole_bytes(self.path, end=end) != end:  # what lies behind would be lost
            raise OSError(errno.EIO, "it is damaged in its midst", str(self.path))
        kept = [
            (sequence, len(batch))
            for sequence, batch in read_batches(self.path, end=end)
            if sequence > acknowledged
        ]
        too_much = sum(size for _, size in kept) - to_bytes
        unseen = _unseen(self.path)
        with contextlib.ExitStack() as cleaning:
            descriptor = os.open(unseen, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
            file = cleaning.enter_context(os.fdopen(descriptor, "ab"))
            cleaning.callback(unseen.unlink, missing_ok=True)
            for sequence, batch in read_frames(self.path, end=end):
                if is_note(sequence):
                    file.write(frame(sequence, batch))
                    continue
                if sequence <= acknowledged:
                    continue
                content: bytes | None = batch
                if too_much > 0 and sequence != kept[0][0]:
                    content = lighten(batch)
                    too_much -= len(batch) - len(content or b"")
                if content is not None:
                    file.write(frame(sequence, content))
            with self._lock:
                with self.path.open("rb") as old:
                    old.seek(end)
                    file.write(old.read())
                file.flush()
                os.fsync(descriptor)
                self._take(unseen, os.dup(descriptor))

    def _take(self, unseen: Path, descriptor: int) -> None:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unseen.replace(self.path)
        self._file.close()
        self._file = os.fdopen(descriptor, "ab", buffering=0)
        self.size_bytes = self._file.seek(0, os.SEEK_END)

    def is_whole(self) -> bool:
        """Whether all that was written can be read.

        Raises:
            OSError: Nothing of it can be.
        """
        end = self.size_bytes  # what is being appended at this moment is none of it
        return whole_bytes(self.path, end=end) == end

    def delete(self) -> None:
        """Everything is stored: nothing is left to keep."""
        for path in (self.path, self.acks.path):
            path.unlink(missing_ok=True)
        self.close()

    def refuse(self, sequence: int, batch: bytes) -> Path | None:
        """Keep a batch that will never be taken, in a file beside this one.

        Returns:
            The file; None when it is full.

        Raises:
            OSError: It cannot be written.
        """
        path = self._refused_path
        if path.exists() and path.stat().st_size + len(batch) > _REFUSED_BYTES:
            return None
        _append(path, [(sequence, batch)])
        return path

    def set_aside(self) -> Path:
        """Keep all that is left there, and delete the file: its run is sealed.

        Raises:
            OSError: It cannot be written, and the file is still there.
        """
        _append(self._refused_path, read_spool(self.path))
        self.delete()
        return self._refused_path

    @property
    def _refused_path(self) -> Path:
        return self.path.with_suffix(REFUSED)

    def close(self) -> None:
        """Leave the file for later."""
        self._file.close()


def _append(path: Path, batches: Iterable[tuple[int, bytes]]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        for sequence, batch in batches:
            file.write(frame(sequence, batch))
        file.flush()
        os.fsync(descriptor)


def read_spool(path: Path) -> Iterator[tuple[int, bytes]]:
    """Sequence and bytes of every whole batch in a file that is not acknowledged yet, in order."""
    acknowledged = Acks(path).acknowledged
    for sequence, batch in read_batches(path):
        if sequence > acknowledged:
            yield sequence, batch


def _unseen(path: Path) -> Path:
    return path.with_name(f".{path.stem}.new")


def _open_locked(path: Path) -> int:
    unseen = _unseen(path)
    descriptor = os.open(unseen, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with contextlib.suppress(OSError):  # some network file systems have no locks
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    unseen.replace(path)
    return descriptor
