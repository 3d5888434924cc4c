"""Files of datasets in the artifact store: which versions it has, and for whom a file may be read."""

from collections.abc import Sequence
from dataclasses import dataclass

from storage import queries
from storage.database import Pool, transaction
from sweeps.blobs import BlobKey
from sweeps.datasets import DatasetNotFound, DatasetVersion, FileEntry, PinnedDataset
from sweeps.ids import TenantId

_QUERIES = queries.load("datasets")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Bytes of a file."""

    key: BlobKey
    size_bytes: int


class StoredFiles:
    """Versions whose bytes the artifact store has."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def store(self, version: DatasetVersion) -> tuple[FileEntry, ...]:
        """Refer to all files of a version, if the store has them; twice is once.

        Returns:
            Those that have not arrived, each content once; nothing when the version is stored.
        """
        wanted = {bytes.fromhex(file.sha256): file for file in version.files}
        of_version: dict[str, object] = {
            "tenant_id": version.row.tenant_id,
            "dataset_id": version.dataset_id,
            "number": version.row.number,
            "sha256s": list(wanted),
        }
        with transaction(self._pool) as connection:
            rows = connection.execute(_QUERIES["hold_arrived"], of_version).fetchall()
            arrived = {sha256 for sha256, size in rows if wanted[sha256].size_bytes == size}
            if len(arrived) == len(wanted):
                connection.execute(_QUERIES["insert_dataset_blobs"], of_version)
        return tuple(file for sha256, file in wanted.items() if sha256 not in arrived)

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
    """Files behind a path, in order of their paths, and whether there are more."""
    ordered = sorted((file for file in files if file.path > after), key=lambda file: file.path)
    return ordered[:limit], len(ordered) > limit
