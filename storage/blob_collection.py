"""Garbage collection of the artifact store: after it, what is there is what something refers to."""

import datetime as dt
from dataclasses import dataclass

from storage import queries
from storage.blob_deletion import LEAST_AGE, BlobDeletion
from storage.blob_paths import tenant_folder
from storage.database import Pool, transaction
from sweeps.blobs import ArtifactStore, StoredBytes
from sweeps.ids import TenantId

_QUERIES = queries.load("blobs")
_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What a collection has found and deleted."""

    deleted: int  #: blobs
    freed_bytes: int
    adopted: int  #: strays: bytes that no row knew of
    foreign: int  #: bytes in folders of no tenant that the database knows: left alone


class BlobCollection:
    """Finds strays, and deletes what nothing refers to.

    A stray gets a row, as if it had just been announced and never used, and goes the way of all
    others: so an upload of the same bytes is told to come again, and loses none.

    Args:
        least_age: How long after its last sign of life a blob is left alone.
    """

    def __init__(
        self, pool: Pool, store: ArtifactStore, *, least_age: dt.timedelta = LEAST_AGE
    ) -> None:
        self._pool = pool
        self._store = store
        self._least_age = least_age
        self._deletion = BlobDeletion(pool, store, least_age=least_age)

    def collect(self, *, now: dt.datetime) -> Collected:
        """Delete all that nothing refers to; may be called at any time, and again.

        Raises:
            StorageUnavailable: The database or the store does not answer.
        """
        with transaction(self._pool) as connection:
            tenants = {
                tenant_folder(TenantId(name)): name
                for (name,) in connection.execute(_QUERIES["all_tenants"])
            }
        adopted = foreign = 0
        page: list[StoredBytes] = []
        for one in self._store.stored(before=now - self._least_age):
            if one.folder not in tenants:
                foreign += 1
                continue
            page.append(one)
            if len(page) == _AT_ONCE:
                adopted += self._adopt(page, tenants)
                page = []
        adopted += self._adopt(page, tenants)
        deleted = freed = 0
        while (done := self._deletion.delete_unreferenced(limit=_AT_ONCE)).count:
            deleted, freed = deleted + done.count, freed + done.size_bytes
        return Collected(
            deleted=deleted,
            freed_bytes=freed,
            adopted=adopted,
            foreign=foreign,
        )

    def _adopt(self, page: list[StoredBytes], tenants: dict[str, str]) -> int:
        if not page:
            return 0
        with transaction(self._pool) as connection:
            return connection.execute(
                _QUERIES["adopt_blobs"],
                {
                    "tenants": [tenants[one.folder] for one in page],
                    "digests": [one.sha256 for one in page],
                    "sizes": [one.size_bytes for one in page],
                    "least_age": self._least_age,
                },
            ).rowcount
