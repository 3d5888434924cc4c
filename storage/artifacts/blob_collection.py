"""Garbage collection of the artifact store: after it, what is there is what something refers to."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from storage import queries
from storage.artifacts.blob_deletion import LEAST_AGE, BlobDeletion
from storage.artifacts.blob_paths import tenant_folder
from storage.artifacts.store_owner import StoreOwner
from storage.database import Pool, transaction
from sweeps.blobs import ArtifactStore, StoredBytes, TooManyStrays
from sweeps.ids import TenantId

#: How long a stray stays after it was found: until somebody misses it.
QUARANTINE = dt.timedelta(days=7)
#: More strays than both of these, and it is rather the database that has lost something.
_MANY_STRAYS, _MANY_SHARE = 100, 0.2
_QUERIES = queries.load("blobs")
_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What a collection has found and deleted."""

    deleted: int = 0  #: blobs
    freed_bytes: int = 0
    adopted: int = 0  #: strays: bytes that no row knew of
    foreign: int = 0  #: bytes in folders of no tenant that the database knows: left alone


class BlobCollection:
    """Finds strays, and deletes what nothing refers to.

    A stray gets a row, as if it had been announced and never used, and goes the way of all others
    once it was in quarantine: so an upload of the same bytes is told to come again, and loses none.

    Args:
        least_age: How long after its last sign of life a blob is left alone.
        quarantine: How long after it was found a stray is.
    """

    def __init__(
        self,
        pool: Pool,
        store: ArtifactStore,
        *,
        least_age: dt.timedelta = LEAST_AGE,
        quarantine: dt.timedelta = QUARANTINE,
    ) -> None:
        self._pool = pool
        self._store = store
        self._least_age = least_age
        self._quarantine = quarantine
        self._owner = StoreOwner(pool, store)
        self._deletion = BlobDeletion(pool, store, least_age=least_age)

    def collect(self, *, now: dt.datetime, with_strays: bool = False) -> Collected:
        """Delete all that nothing refers to; may be called at any time, and again.

        Args:
            with_strays: A person has said that strays may go, however many they are.

        Raises:
            StoreOfAnother: The store is another installation's.
            TooManyStrays: And nobody has said that they may go.
            StorageUnavailable: The database or the store does not answer.
        """
        self._owner.require()
        tenants = self._tenants()
        files = strays = foreign = adopted = 0
        for page in self._pages(now):
            ours = [one for one in page if one.folder in tenants]
            foreign += len(page) - len(ours)
            files += len(ours)
            strays += self._count_strays(ours, tenants)
        if strays > max(_MANY_STRAYS, _MANY_SHARE * files) and not with_strays:
            raise TooManyStrays(strays, files)
        if strays:  # seldom: what is listed twice need not be remembered
            for page in self._pages(now):
                adopted += self._adopt([one for one in page if one.folder in tenants], tenants)
        deleted = freed = 0
        while (done := self._deletion.delete_unreferenced(limit=_AT_ONCE)).count:
            deleted, freed = deleted + done.count, freed + done.size_bytes
        return Collected(deleted=deleted, freed_bytes=freed, adopted=adopted, foreign=foreign)

    def _tenants(self) -> dict[str, str]:
        """Tenants by their folders."""
        with transaction(self._pool) as connection:
            return {
                tenant_folder(TenantId(name)): name
                for (name,) in connection.execute(_QUERIES["all_tenants"])
            }

    def _pages(self, now: dt.datetime) -> Iterator[list[StoredBytes]]:
        page: list[StoredBytes] = []
        for one in self._store.stored(before=now - self._least_age):
            page.append(one)
            if len(page) == _AT_ONCE:
                yield page
                page = []
        if page:
            yield page

    def _count_strays(self, page: list[StoredBytes], tenants: dict[str, str]) -> int:
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["count_strays"], _columns(page, tenants)).fetchone()
        return 0 if row is None else int(row[0])

    def _adopt(self, page: list[StoredBytes], tenants: dict[str, str]) -> int:
        with transaction(self._pool) as connection:
            return connection.execute(
                _QUERIES["adopt_blobs"],
                {
                    **_columns(page, tenants),
                    "sizes": [one.size_bytes for one in page],
                    "least_age": self._least_age,
                    "quarantine": self._quarantine,
                },
            ).rowcount


def _columns(page: list[StoredBytes], tenants: dict[str, str]) -> dict[str, Any]:
    return {
        "tenants": [tenants[one.folder] for one in page],
        "digests": [one.sha256 for one in page],
    }
