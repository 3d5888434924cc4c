"""Artifacts in a folder: `<tenant>/<2 digits>/<2 digits>/<sha256>`, private to their owner."""

import contextlib
import datetime as dt
import hashlib
import os
import secrets
import time
from pathlib import Path
from typing import BinaryIO

from storage.embedded.failures import filesystem_errors
from sweeps.artifacts import ArtifactTooLarge, BlobKey, InvalidArtifact, Upload
from sweeps.errors import ArtifactNotFound
from sweeps.ids import is_name

_INCOMING = ".incoming"  # no tenant can be called that
_ABANDONED_SECONDS = 24 * 3600.0  # an upload of that age has lost its process


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
            self._forget_abandoned()

    def size_of(self, key: BlobKey) -> int | None:
        """Bytes of the blob; None when it is not there."""
        with filesystem_errors(self._root):
            try:
                return self._path(key).stat().st_size
            except FileNotFoundError:
                return None

    def receive(self, key: BlobKey, *, size_bytes: int) -> "FolderUpload":
        """Begin to bring a blob."""
        target = self._path(key)
        with filesystem_errors(self._root):
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return FolderUpload(
                target,
                temporary=self._incoming / f"{key.sha256}.{secrets.token_hex(8)}",
                sha256=key.sha256,
                size_bytes=size_bytes,
            )

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

    def upload_request(
        self,
        key: BlobKey,  # noqa: ARG002 - the port's
        *,
        size_bytes: int,  # noqa: ARG002 - the port's
        expires_at: dt.datetime,  # noqa: ARG002 - the port's
    ) -> Upload | None:
        """None: a folder has no address of its own."""
        return None

    def download_url(
        self,
        key: BlobKey,  # noqa: ARG002 - the port's
        *,
        name: str,  # noqa: ARG002 - the port's
        expires_at: dt.datetime,  # noqa: ARG002 - the port's
    ) -> str | None:
        """None: a folder has no address of its own."""
        return None

    def delete(self, key: BlobKey) -> None:
        """Remove the blob; removing one that is not there is success."""
        with filesystem_errors(self._root):
            self._path(key).unlink(missing_ok=True)

    def _path(self, key: BlobKey) -> Path:
        # A tenant's name comes from a file that a person wrote; only plain ones become folders.
        tenant = (
            key.tenant_id
            if is_name(key.tenant_id)
            else f"_{hashlib.sha256(key.tenant_id.encode()).hexdigest()[:32]}"
        )
        digest = key.sha256
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise ArtifactNotFound(digest[:80])
        return self._root / tenant / digest[:2] / digest[2:4] / digest

    def _forget_abandoned(self) -> None:
        oldest = time.time() - _ABANDONED_SECONDS
        for path in self._incoming.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest:
                    path.unlink()


class FolderUpload:
    """A `BlobUpload`: a temporary file that gets its name once it is known to be right."""

    def __init__(self, target: Path, *, temporary: Path, sha256: str, size_bytes: int) -> None:
        self._target = target
        self._temporary = temporary
        self._sha256 = sha256
        self._expected_bytes = size_bytes
        self._received_bytes = 0
        self._digest = hashlib.sha256()
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "wb", buffering=0)

    def write(self, data: bytes) -> None:
        """Append, as long as it is not more than was announced."""
        self._received_bytes += len(data)
        if self._received_bytes > self._expected_bytes:
            raise ArtifactTooLarge(f"more than the {self._expected_bytes} bytes announced came")
        self._digest.update(data)
        rest = memoryview(data)
        with filesystem_errors(self._target.parent):
            while rest:  # an unbuffered file may take less than all of it
                rest = rest[self._file.write(rest) :]

    def finish(self) -> None:
        """Verify, make durable, and give the file its name."""
        if self._received_bytes != self._expected_bytes:
            raise InvalidArtifact(
                f"{self._received_bytes} bytes came, {self._expected_bytes} were announced"
            )
        if self._digest.hexdigest() != self._sha256:
            raise InvalidArtifact(
                f"the bytes have sha256 {self._digest.hexdigest()}, announced was {self._sha256}"
            )
        with filesystem_errors(self._target.parent):
            os.fsync(self._file.fileno())
            self._file.close()
            self._temporary.replace(self._target)
            _sync_folder(self._target.parent)

    def abort(self) -> None:
        """Forget what came."""
        with contextlib.suppress(OSError):  # there is nothing better to do about it
            self._file.close()
        with contextlib.suppress(OSError):
            self._temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
