"""Artifacts in a folder: `<tenant>/<2 digits>/<2 digits>/<sha256>`, private to their owner."""

import contextlib
import datetime as dt
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from storage.artifacts.blob_paths import OWNER_NAME, blob_path, parse_blob_path, parts_name
from storage.artifacts.folder_parts import FolderParts, PartUpload
from storage.artifacts.folder_upload import FolderUpload, sync_folder
from storage.embedded.failures import filesystem_errors
from sweeps.blobs import Blob, BlobKey, BlobMissing, BlobPart, MissingPart, StoredBytes, blob_part
from sweeps.errors import ArtifactNotFound

_INCOMING = ".incoming"  # no tenant can be called that


class ArtifactFolder:
    """An `ArtifactStore` on a local or shared disk. Uploads and downloads go through the gateway.

    Args:
        root: Created when it is missing.

    Raises:
        DiskFull: No space.
        StorageUnavailable: The folder cannot be written.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / _INCOMING
        with filesystem_errors(root):
            self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)

    def size_of(self, key: BlobKey) -> int | None:
        """Bytes of the blob; None when it is not there."""
        with filesystem_errors(self._root):
            try:
                return self._path(key).stat().st_size
            except FileNotFoundError:
                return None

    def missing_parts(
        self,
        blob: Blob,
        *,
        limit: int,
        expires_at: dt.datetime,  # noqa: ARG002 - the port's
    ) -> tuple[MissingPart, ...] | None:
        """Parts that have not arrived; all of them come through the gateway."""
        if self.size_of(blob.key) == blob.size_bytes:
            return None
        with filesystem_errors(self._root):
            arrived = self._parts(blob.key).arrived()
        missing = [part for part in blob.parts if arrived.get(part.number, -1) != part.crc32]
        return tuple(MissingPart(part=part, request=None) for part in missing[:limit])

    def receive(self, key: BlobKey, part: BlobPart) -> "FolderUpload | PartUpload":
        """Begin to bring a part; the only one of a blob is the blob."""
        target = self._path(key)
        with filesystem_errors(self._root):
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if part.crc32 is None:
                return FolderUpload(
                    target,
                    temporary=self._incoming / f"{key.sha256}.{secrets.token_hex(8)}",
                    sha256=key.sha256,
                    size_bytes=part.size_bytes,
                )
            return self._parts(key).receive(part)

    def finish(self, blob: Blob) -> None:
        """Compare the whole with its sha256, and give it its name."""
        if self.size_of(blob.key) == blob.size_bytes:
            return
        if not blob.crc32:  # it is whole when it has arrived
            raise BlobMissing(blob.key.sha256)
        with filesystem_errors(self._root):
            self._parts(blob.key).finish(blob)

    def put(self, key: BlobKey, data: bytes) -> None:
        """Bring a blob of one part from this process."""
        upload = self.receive(key, blob_part(len(data), 1, crc32=None))
        try:
            upload.write(data)
            upload.finish()
        finally:
            upload.abort()

    def open(self, key: BlobKey) -> BinaryIO:
        """The blob for reading.

        Raises:
            ArtifactNotFound: It is not there.
        """
        with filesystem_errors(self._root):
            try:
                return self._path(key).open("rb")
            except FileNotFoundError as exc:
                raise ArtifactNotFound(key.sha256) from exc

    def download_url(
        self,
        key: BlobKey,  # noqa: ARG002 - the port's
        *,
        name: str,  # noqa: ARG002 - the port's
        expires_at: dt.datetime,  # noqa: ARG002 - the port's
    ) -> str | None:
        """None: a folder has no address of its own."""
        return None

    def address(self, key: BlobKey) -> str:
        """The path of the blob."""
        return str(self._path(key))

    def delete(self, key: BlobKey) -> None:
        """Remove the blob; removing one that is not there is success."""
        with filesystem_errors(self._root):
            self._path(key).unlink(missing_ok=True)

    def stored(self, *, before: dt.datetime) -> Iterator[StoredBytes]:
        """All blobs that have not changed since; other files are left out."""
        with filesystem_errors(self._root):
            for path in self._root.glob("*/??/??/*"):
                found = parse_blob_path(path.relative_to(self._root).as_posix())
                with contextlib.suppress(FileNotFoundError):  # deleted at this moment
                    status = path.lstat()
                    is_old = status.st_mtime < before.timestamp()
                    if found is not None and is_old and stat.S_ISREG(status.st_mode):
                        yield StoredBytes(
                            folder=found[0], sha256=found[1], size_bytes=status.st_size
                        )

    def owner(self) -> str | None:
        """Of which installation it is; None: nobody has said so."""
        with filesystem_errors(self._root):
            try:
                return (self._root / OWNER_NAME).read_text(encoding="ascii").strip()
            except FileNotFoundError:
                return None

    def set_owner(self, installation: str) -> None:
        """Say of which one it is, whatever was said before."""
        temporary = self._incoming / f"{OWNER_NAME}.{secrets.token_hex(8)}"
        with filesystem_errors(self._root):
            temporary.write_text(f"{installation}\n", encoding="ascii")
            temporary.replace(self._root / OWNER_NAME)
            sync_folder(self._root)

    def abandon_unfinished(self, *, older_than: dt.timedelta) -> int:
        """Forget uploads of which nothing came for so long: they have lost their processes."""
        oldest = time.time() - older_than.total_seconds()
        count = 0
        with filesystem_errors(self._root):
            for path in self._incoming.iterdir():
                with contextlib.suppress(
                    FileNotFoundError
                ):  # finished, or abandoned by another one
                    if path.is_dir():
                        count += FolderParts(path, target=None).abandon(before=oldest)
                    elif path.stat().st_mtime < oldest:
                        path.unlink()
                        count += 1
        return count

    def _path(self, key: BlobKey) -> Path:
        return self._root / blob_path(key)

    def _parts(self, key: BlobKey) -> FolderParts:
        return FolderParts(self._incoming / parts_name(key), target=self._path(key))
