"""What has arrived of a large blob: one file that its parts are written into, and a mark for each.

A mark is an empty file, `<number>.<crc32>`, made when the part is right and on the disk. Whoever
brings a part holds the lock together with others; who finishes holds it alone, so that nobody
writes into what is being verified.
"""

import contextlib
import hashlib
import os
import re
import shutil
import zlib
from collections.abc import Generator
from pathlib import Path

from sweepworks.file_lock import take_lock

from storage.artifacts.folder_upload import sync_folder
from storage.embedded.failures import filesystem_errors
from sweeps.artifacts import ArtifactTooLarge, InvalidArtifact
from sweeps.blobs import Blob, BlobFinishing, BlobMissing, BlobPart
from sweeps.errors import StorageUnavailable

_DATA = "data"
_LOCK = "lock"
_MARK = re.compile(r"([0-9]+)\.([0-9a-f]{8})")
_BLOCK_BYTES = 1024 * 1024


class FolderParts:
    """The parts of one blob. Nothing is there before the first one comes.

    Args:
        target: What becomes of them; None for who only abandons.
    """

    def __init__(self, folder: Path, *, target: Path | None) -> None:
        self._folder = folder
        self._target = target
        self._data = folder / _DATA

    def arrived(self) -> dict[int, int]:
        """CRC-32 of each part that is there, by number."""
        with contextlib.suppress(FileNotFoundError):
            found = (_MARK.fullmatch(name) for name in os.listdir(self._folder))  # noqa: PTH208 - names will do
            return {int(mark[1]): int(mark[2], 16) for mark in found if mark}
        return {}

    def receive(self, part: BlobPart) -> "PartUpload":
        """Begin to write a part; where it is there already, what comes is only looked at."""
        assert part.crc32 is not None  # else it is no part of several
        lock = self._enter()
        try:
            is_there = self.arrived().get(part.number) == part.crc32
            return PartUpload(
                self._folder, part, lock=lock, is_there=is_there or self._is_whole(part)
            )
        except BaseException:
            os.close(lock)
            raise

    def finish(self, blob: Blob) -> None:
        """Compare the whole with its sha256, and give it its name.

        Raises:
            BlobMissing: Not all parts are there, or some have changed since; these are forgotten.
            InvalidArtifact: It is another blob than was announced; nothing of it is kept.
            BlobFinishing: Somebody is at it, or still brings a part.
        """
        assert self._target is not None
        with self._alone() as is_alone:
            if not is_alone:
                raise BlobFinishing(blob.key.sha256)
            arrived = self.arrived()
            if any(arrived.get(part.number) != part.crc32 for part in blob.parts):
                raise BlobMissing(blob.key.sha256)
            self._verify(blob)
            self._data.replace(self._target)
            sync_folder(self._target.parent)
            self._forget()

    def abandon(self, *, before: float) -> bool:
        """Forget all, unless something came since; returns whether it did.

        Args:
            before: Seconds since 1970.
        """
        with self._alone() as is_alone:
            is_old = is_alone and max(self._touched_at(), self._folder.stat().st_mtime) < before
            if is_old:
                self._forget()
        return is_old

    def _verify(self, blob: Blob) -> None:
        with self._data.open("r+b") as file:
            if os.fstat(file.fileno()).st_size == blob.size_bytes:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                if digest == blob.key.sha256:
                    os.fsync(file.fileno())
                    return
            changed = [part for part in blob.parts if _crc32(file.fileno(), part) != part.crc32]
        for part in changed:  # two scripts wrote it at once, or the disk has lost it
            _mark(self._folder, part).unlink(missing_ok=True)
        if changed:
            raise BlobMissing(blob.key.sha256)
        self._forget()
        raise InvalidArtifact(
            f"all parts are as announced, but together they have another sha256 than "
            f"{blob.key.sha256}"
        )

    def _is_whole(self, part: BlobPart) -> bool:
        """Whether the blob is there; one that was cut short since is brought anew."""
        with contextlib.suppress(FileNotFoundError):
            return self._target is not None and self._target.stat().st_size == part.blob_bytes
        return False

    def _enter(self) -> int:
        while True:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # it was finished at this moment
                lock = take_lock(self._folder / _LOCK, shared=True, wait=False)
                if lock is not None:
                    return lock
                raise StorageUnavailable("its parts are put together at this moment")

    @contextlib.contextmanager
    def _alone(self) -> Generator[bool, None, None]:
        try:
            lock = take_lock(self._folder / _LOCK, wait=False)
        except FileNotFoundError:  # nothing came, or another one has finished
            yield True
            return
        if lock is None:
            yield False
            return
        try:
            yield True
        finally:
            os.close(lock)

    def _touched_at(self) -> float:
        try:
            return self._data.stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def _forget(self) -> None:
        for path in self._folder.iterdir():
            if path.name != _LOCK:
                path.unlink()
        # Last: who waits for it finds it gone, and begins again in a folder of its own.
        shutil.rmtree(self._folder, ignore_errors=True)


class PartUpload:
    """A `BlobUpload` of one part, written to its place."""

    def __init__(self, folder: Path, part: BlobPart, *, lock: int, is_there: bool) -> None:
        self._folder = folder
        self._part = part
        self._received_bytes = 0
        self._crc32 = 0
        self._lock: int | None = lock
        self._file: int | None = None
        if not is_there:
            for mark in folder.glob(f"{part.number}.*"):  # of other bytes, which are written over
                mark.unlink(missing_ok=True)
            self._file = os.open(folder / _DATA, os.O_WRONLY | os.O_CREAT, 0o600)

    def write(self, data: bytes) -> None:
        """Append, as long as it is not more than the part has."""
        at = self._part.offset + self._received_bytes
        self._received_bytes += len(data)
        if self._received_bytes > self._part.size_bytes:
            raise ArtifactTooLarge(f"more than the {self._part.size_bytes} bytes of the part came")
        self._crc32 = zlib.crc32(data, self._crc32)
        if self._file is None:
            return
        rest = memoryview(data)
        with filesystem_errors(self._folder):
            while rest:
                written = os.pwrite(self._file, rest, at)
                rest, at = rest[written:], at + written

    def finish(self) -> None:
        """Verify, make durable, and mark it as arrived."""
        if self._received_bytes != self._part.size_bytes:
            raise InvalidArtifact(
                f"{self._received_bytes} bytes came, the part has {self._part.size_bytes}"
            )
        if self._crc32 != self._part.crc32:
            raise InvalidArtifact(
                f"the bytes of part {self._part.number} have CRC-32 {self._crc32}, announced was "
                f"{self._part.crc32}"
            )
        if self._file is None:
            return
        with filesystem_errors(self._folder):
            os.fsync(self._file)
            _mark(self._folder, self._part).touch(mode=0o600)
            sync_folder(self._folder)

    def abort(self) -> None:
        """Let others go on; what came without its end is written over by who brings it again."""
        for descriptor in (self._file, self._lock):
            if descriptor is not None:
                os.close(descriptor)
        self._file = self._lock = None


def _mark(folder: Path, part: BlobPart) -> Path:
    assert part.crc32 is not None
    return folder / f"{part.number}.{part.crc32:08x}"


def _crc32(descriptor: int, part: BlobPart) -> int:
    at, left, found = part.offset, part.size_bytes, 0
    while left and (data := os.pread(descriptor, min(left, _BLOCK_BYTES), at)):
        found = zlib.crc32(data, found)
        at, left = at + len(data), left - len(data)
    return found
