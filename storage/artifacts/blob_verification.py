"""Whether the bytes that artifacts refer to are there, and right."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from psycopg.rows import class_row

from storage import queries
from storage.artifacts.blob_hash import hash_blob
from storage.database import Pool, transaction
from sweeps.blobs import ArtifactStore, BlobKey
from sweeps.errors import ArtifactNotFound
from sweeps.ids import RunId, TenantId

_QUERIES = queries.load("blobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBlob:
    """Bytes, and the artifacts that are made of them."""

    sha256: str
    size_bytes: int
    verified_at: dt.datetime | None  #: when they were last found right
    names: list[str]  #: ``RUN/NAME``


class BlobVerification:
    """Reads bytes as the store has them; what it found right is noted."""

    def __init__(self, pool: Pool, store: ArtifactStore) -> None:
        self._pool = pool
        self._store = store

    def blobs(
        self, *, tenant_id: TenantId, run_id: RunId | None = None, limit: int | None = None
    ) -> list[StoredBlob]:
        """Bytes of a run, or of all runs; those first that nobody has looked at for longest."""
        parameters = {"tenant_id": tenant_id, "run_id": run_id, "limit": limit}
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(StoredBlob))
            return cursor.execute(_QUERIES["blobs_to_verify"], parameters).fetchall()

    def problem_of(
        self, blob: StoredBlob, *, tenant_id: TenantId, on_read: Callable[[int], None]
    ) -> str | None:
        """What is wrong with it; None, and noted, when it is right.

        Args:
            on_read: Called with the number of bytes that were read.

        Raises:
            StorageUnavailable: The store, or the database, does not answer.
        """
        key = BlobKey(tenant_id=tenant_id, sha256=blob.sha256)
        try:
            size, sha256 = hash_blob(self._store, key, on_read=on_read)
        except ArtifactNotFound:
            return "its bytes are missing"
        if size != blob.size_bytes:
            return f"{size} bytes are there instead of {blob.size_bytes}"
        if sha256 != blob.sha256:
            return f"its bytes have changed: their sha256 is {sha256}"
        note_verified(self._pool, key)
        return None


def note_verified(pool: Pool, key: BlobKey) -> None:
    """Write down that bytes were read and were right."""
    parameters = {"tenant_id": key.tenant_id, "sha256": bytes.fromhex(key.sha256)}
    with transaction(pool) as connection:
        connection.execute(_QUERIES["note_verified"], parameters)
