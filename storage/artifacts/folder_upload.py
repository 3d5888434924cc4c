"""A blob on its way into a folder in one piece."""

import contextlib
import hashlib
import os
from pathlib import Path

from storage.embedded.failures import filesystem_errors
from sweeps.artifacts import ArtifactTooLarge, InvalidArtifact


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
            sync_folder(self._target.parent)

    def abort(self) -> None:
        """Forget what came."""
        with contextlib.suppress(OSError):  # there is nothing better to do about it
            self._file.close()
        with contextlib.suppress(OSError):
            self._temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make names in it durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
