"""Files of datasets in the artifact store: which versions it has, and for whom a file may be read."""

import bisect
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from storage import queries
from storage.database import Pool, transaction
from sweeps.blobs import BlobKey
from sweeps.datasets import DatasetNotFound, FileEntry, PinnedDataset
from sweeps.ids import TenantId

_QUERIES = queries.load("datasets")
_MANIFESTS = 4  # remembered: of 100,000 files they are 30 MB each
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Bytes of a file."""

    key: BlobKey
    size_bytes: int


class StoredFiles:
    """Versions whose bytes the artifact store has."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._manifests: dict[tuple[int, int], tuple[FileEntry, ...]] = {}

    def store(
        self,
        version: PinnedDataset,
        *,
        tenant_id: TenantId,
        size_of: Callable[[BlobKey], int | None] | None = None,
    ) -> tuple[FileEntry, ...]:
        """Refer to all files of a version, if the store has them; twice is once.

        What has arrived is kept for another day, so that the rest may take its time.

        Args:
            size_of: Looks into the store itself; None: what is on record is believed.

        Returns:
            Those that have not arrived, each content once; nothing when the version is stored.

        Raises:
            StorageUnavailable: The database, or the store, does not answer.
        """
        wanted = {bytes.fromhex(file.sha256): file for file in self.files_of(version)}
        of_version: dict[str, object] = {
            "tenant_id": tenant_id,
            "dataset_id": version.dataset_id,
            "number": version.number,
            "sha256s": list(wanted),
        }
        lost = _lost(wanted.values(), tenant_id, size_of) if size_of is not None else set[str]()
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["renew_arrived"], of_version)
            rows = connection.execute(_QUERIES["hold_arrived"], of_version).fetchall()
            arrived = {
                sha256
                for sha256, size in rows
                if wanted[sha256].size_bytes == size and wanted[sha256].sha256 not in lost
            }
            if len(arrived) == len(wanted):
                connection.execute(_QUERIES["insert_dataset_blobs"], of_version)
        return tuple(file for sha256, file in wanted.items() if sha256 not in arrived)

    def files_of(self, version: PinnedDataset) -> tuple[FileEntry, ...]:
        """All files of a version, in order of their paths. They never change: a few are remembered."""
        key = (version.dataset_id, version.number)
        with self._lock:
            found = self._manifests.get(key)
        if found is None:
            with transaction(self._pool) as connection:
                row = connection.execute(
                    _QUERIES["manifest_of"],
                    {"dataset_id": version.dataset_id, "number": version.number},
                ).fetchone()
            assert row is not None  # whoever has a pinned version has it from its row
            files = (FileEntry(**file) for file in row[0])
            found = tuple(sorted(files, key=lambda file: file.path))
            with self._lock:
                while len(self._manifests) >= _MANIFESTS:
                    self._manifests.pop(next(iter(self._manifests)))
                self._manifests[key] = found
        return found

    def has(self, version: PinnedDataset) -> bool:
        """Whether the store has the version."""
        parameters = {"dataset_id": version.dataset_id, "number": version.number}
        with transaction(self._pool) as connection:
            return connection.execute(_QUERIES["is_stored"], parameters).fetchone() is not None

    def find(self, version: PinnedDataset, sha256: str, *, tenant_id: TenantId) -> StoredFile:
        """Where the store has a file of a version.

        Raises:
            DatasetNotFound: It has no such file of that version.
        """
        parameters = {
            "dataset_id": version.dataset_id,
            "number": version.number,
            "sha256": bytes.fromhex(sha256),
        }
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["find_blob"], parameters).fetchone()
        if row is None:
            raise DatasetNotFound(f"{version} with that file in the artifact store")
        return StoredFile(BlobKey(tenant_id=tenant_id, sha256=sha256), size_bytes=row[0])


def page_of(
    files: Sequence[FileEntry], *, after: str, limit: int
) -> tuple[Sequence[FileEntry], bool]:
    """Files behind a path, and whether there are more.

    Args:
        files: In order of their paths.
    """
    start = bisect.bisect_right(files, after, key=lambda file: file.path)
    return files[start : start + limit], len(files) > start + limit


def _lost(
    files: Iterable[FileEntry], tenant_id: TenantId, size_of: Callable[[BlobKey], int | None]
) -> set[str]:
    """Contents that the store has not got."""

    def is_lost(file: FileEntry) -> bool:
        return size_of(BlobKey(tenant_id=tenant_id, sha256=file.sha256)) != file.size_bytes

    asked = list(files)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="sweepworks-look") as threads:
        found = threads.map(is_lost, asked)
        return {file.sha256 for file, lost in zip(asked, found, strict=True) if lost}
