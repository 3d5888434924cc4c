"""Moves bytes that are marked and due to a colder class of the store, in place, and what is in use again back."""

import datetime as dt
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from psycopg.rows import class_row

from storage import queries
from storage.database import Pool, transaction
from sweeps.blobs import BlobKey, BytesArchived, NoStorageClass, StorageClass, StoreWithClasses
from sweeps.errors import ArtifactNotFound, StorageUnavailable
from sweeps.ids import TenantId

_QUERIES = queries.load("retention_cold")
_BATCH = (
    200  # is copied, then written down; who dies in between leaves so many to be looked at again
)
_WORKERS = 8  # a bucket copies by itself, and takes its time for each


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What went to another class."""

    count: int = 0
    size_bytes: int = 0

    def __add__(self, other: "Moved") -> "Moved":
        return Moved(count=self.count + other.count, size_bytes=self.size_bytes + other.size_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Move:
    plan_id: int
    ordinal: int
    storage_class: str
    tenant_id: str | None  #: None: the artifact is gone, or its bytes are going
    sha256: str | None
    size_bytes: int | None


class ColdStorage:
    """Moves what is due.

    Bytes are announced first, as by who uploads them, so that no deletion takes them meanwhile. What
    was copied by somebody who died is found in its class, and written down.
    """

    def __init__(
        self,
        pool: Pool,
        store: StoreWithClasses,
        *,
        batch: int = _BATCH,
        workers: int = _WORKERS,
    ) -> None:
        self._pool = pool
        self._store = store
        self._batch = batch
        self._workers = workers

    def move_due(self, *, now: dt.datetime) -> Moved:
        """Move all that is due by `now`.

        Raises:
            NoStorageClass: The store does not have a class; what others it has is moved.
            StorageUnavailable: The database or the store does not answer.
        """
        total = Moved()
        with ThreadPoolExecutor(self._workers) as workers:
            while batch := self._take(now):
                total += self._move(workers, batch)
        return total

    def bring_back(self) -> Moved:
        """Move what aliases of models mean to the standard class again.

        Others that fail are no reason to leave one where it is.

        Raises:
            BytesArchived: Of some, and by no plan of ours; the others are back.
            StorageUnavailable: The database or the store does not answer.
        """
        with transaction(self._pool) as connection:
            found = connection.execute(_QUERIES["cold_serving"]).fetchall()
        back = Moved()
        trouble: Exception | None = None
        for tenant_id, sha256, size_bytes in found:
            key = BlobKey(tenant_id=TenantId(tenant_id), sha256=sha256)
            try:
                self._store.move(key, StorageClass.STANDARD)
            except (ArtifactNotFound, BytesArchived, StorageUnavailable) as exc:
                trouble = exc
                continue
            with transaction(self._pool) as connection:
                connection.execute(
                    _QUERIES["note_back"],
                    {"tenant_id": tenant_id, "sha256": bytes.fromhex(sha256)},
                )
            back += Moved(count=1, size_bytes=size_bytes)
        if trouble is not None:
            raise trouble
        return back

    def _take(self, now: dt.datetime) -> list[_Move]:
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(_Move))
            return cursor.execute(
                _QUERIES["take_due"], {"now": now, "limit": self._batch}
            ).fetchall()

    def _move(self, workers: ThreadPoolExecutor, batch: Sequence[_Move]) -> Moved:
        found = list(zip(batch, workers.map(self._copy, batch), strict=True))
        moved = [one for one, trouble in found if trouble is None]
        self._note("note_moved", moved)
        self._note("note_gone", [one for one, trouble in found if _is_gone(trouble)])
        for _, trouble in found:
            if trouble is not None and not _is_gone(trouble):
                raise trouble
        return Moved(count=len(moved), size_bytes=sum(one.size_bytes or 0 for one in moved))

    def _copy(self, move: _Move) -> Exception | None:
        if move.tenant_id is None or move.sha256 is None:
            return ArtifactNotFound("")
        key = BlobKey(tenant_id=TenantId(move.tenant_id), sha256=move.sha256)
        try:
            self._store.move(key, StorageClass(move.storage_class))
        except (ArtifactNotFound, NoStorageClass, StorageUnavailable) as exc:
            return exc
        return None

    def _note(self, query: str, moves: Sequence[_Move]) -> None:
        if not moves:
            return
        parameters = {
            "plan_ids": [one.plan_id for one in moves],
            "ordinals": [one.ordinal for one in moves],
            "classes": [one.storage_class for one in moves],
            "tenants": [one.tenant_id for one in moves],
            "digests": [one.sha256 for one in moves],
        }
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES[query], parameters)


def _is_gone(trouble: Exception | None) -> bool:
    return isinstance(trouble, ArtifactNotFound)
