"""Deletion of bytes that nothing refers to, while uploads go on."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from storage import queries
from storage.artifacts.store_owner import StoreOwner
from storage.database import Pool, transaction
from sweeps.blobs import ArtifactStore, BlobKey
from sweeps.errors import StorageUnavailable
from sweeps.ids import TenantId

#: How long bytes stay that nothing refers to: more than the time between an announcement and its
#: commit, since an upload announces again whenever it asks for more links.
LEAST_AGE = dt.timedelta(days=1)

_QUERIES = queries.load("blobs")


@dataclass(frozen=True, slots=True)
class Deleted:
    """What a deletion has made free."""

    count: int
    size_bytes: int


class BlobDeletion:
    """Deletes in two transactions: one says that the bytes go, the other that they are gone.

    An upload in between is told to come again. Whoever dies in between leaves a blob that nobody
    can refer to; the next deletion ends what was begun.

    Args:
        least_age: Since the last announcement; whoever commits relies on at least `LEAST_AGE`.
    """

    def __init__(
        self, pool: Pool, store: ArtifactStore, *, least_age: dt.timedelta = LEAST_AGE
    ) -> None:
        self._pool = pool
        self._store = store
        self._owner = StoreOwner(pool, store)
        self._least_age = least_age

    def delete_unreferenced(self, *, limit: int = 1_000) -> Deleted:
        """Delete blobs that no artifact refers to: lost by retention, or brought and never committed.

        One that the store does not let go is no reason to keep the others.

        Args:
            limit: At most so many.

        Raises:
            StorageUnavailable: The database does not answer, or the store did not for one of them.
            StoreOfAnother: The store is another installation's.
        """
        count = size_bytes = 0
        trouble: StorageUnavailable | None = None
        with transaction(self._pool) as connection:
            rows = connection.execute(
                _QUERIES["deletable_blobs"], {"limit": limit, "least_age": self._least_age}
            ).fetchall()
        if rows:
            self._owner.require()
        for tenant_id, sha256 in rows:
            try:
                deleted = self._delete(BlobKey(tenant_id=TenantId(tenant_id), sha256=sha256))
            except StorageUnavailable as exc:
                trouble = exc
                continue
            if deleted is not None:
                count, size_bytes = count + 1, size_bytes + deleted
        if trouble is not None:
            raise trouble
        return Deleted(count, size_bytes)

    def _delete(self, key: BlobKey) -> int | None:
        """Bytes that are gone now; None when something refers to them, or others delete them."""
        parameters = {
            "tenant_id": key.tenant_id,
            "sha256": bytes.fromhex(key.sha256),
            "least_age": self._least_age,
        }
        if not self._begin(parameters):
            return None
        # The row stays locked while the bytes go: with two at it, the slower one would delete what
        # an upload has brought since.
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["lock_leaving_blob"], parameters).fetchone()
            if row is None:
                return None
            self._store.delete(key)
            connection.execute(_QUERIES["end_deletion"], parameters)
        return int(row[0])

    def _begin(self, parameters: Mapping[str, object]) -> bool:
        with transaction(self._pool) as connection:
            if connection.execute(_QUERIES["lock_blob"], parameters).fetchone() is None:
                return False
            return connection.execute(_QUERIES["begin_deletion"], parameters).fetchone() is not None
