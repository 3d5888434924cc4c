"""Bytes on their way into the store: announced, found there, and kept for who refers to them."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import psycopg

from storage import queries
from storage.artifacts.blob_deletion import LEAST_AGE
from storage.database import Pool, transaction
from sweeps.artifacts import InvalidArtifact
from sweeps.blobs import Blob, BlobKey, BlobLeaving, BlobMissing

_QUERIES = queries.load("blobs")
Connection = psycopg.Connection[tuple[Any, ...]]
#: Sees to it that there is room for bytes, in the transaction that announces them.
TakeRoom = Callable[[Connection, Blob], None]


class BlobAnnouncements:
    """Uploads that nothing refers to yet; whoever does so has a day for it.

    Args:
        least_age: How long after their announcement no deletion takes bytes away.
    """

    def __init__(self, pool: Pool, *, least_age: dt.timedelta = LEAST_AGE) -> None:
        self._pool = pool
        self._least_age = least_age

    def begin(self, blob: Blob, *, take_room: TakeRoom | None = None) -> None:
        """See to it that the bytes are not deleted while they come.

        Raises:
            StorageQuotaExceeded: There is no room for them.
            BlobLeaving: They are being deleted at this moment.
            InvalidArtifact: Bytes of that sha256 are known, and are not as many.
        """
        with transaction(self._pool) as connection:
            if take_room is not None:
                take_room(connection, blob)
            announce(connection, blob.key, size_bytes=blob.size_bytes)

    def commit(self, blob: Blob, *, has_bytes: Callable[[], bool]) -> None:
        """Note that they have arrived.

        Args:
            has_bytes: Looks whether the store has them; asked while no connection is held.

        Raises:
            BlobLeaving: They are being deleted at this moment.
            BlobMissing: They are not there.
            InvalidArtifact: Bytes of that sha256 are known, and are not as many.
        """
        size_bytes = blob.size_bytes
        with transaction(self._pool) as connection:
            renewed_at = announce(connection, blob.key, size_bytes=size_bytes)
        if not has_bytes():
            raise BlobMissing(blob.key.sha256)
        with transaction(self._pool) as connection:
            keep(
                connection, blob.key, size_bytes=size_bytes, renewed_at=renewed_at,
                least_age=self._least_age,
            )  # fmt: skip


def announce(connection: Connection, key: BlobKey, *, size_bytes: int) -> dt.datetime:
    """When the bytes were announced, by the database's clock: from then on they stay for some time.

    Raises:
        BlobLeaving: They are being deleted at this moment.
        InvalidArtifact: Bytes of that sha256 are known, and are not as many.
    """
    parameters = {**_named(key), "size_bytes": size_bytes}
    if connection.execute(_QUERIES["is_leaving"], parameters).fetchone() is not None:
        raise BlobLeaving(key.sha256)
    row = connection.execute(_QUERIES["renew_blob"], parameters).fetchone()
    if row is None:
        raise BlobLeaving(key.sha256)
    known_bytes, renewed_at = row
    _check_size(key, size_bytes, known_bytes=known_bytes)
    return renewed_at


def keep(
    connection: Connection,
    key: BlobKey,
    *,
    size_bytes: int,
    renewed_at: dt.datetime,
    least_age: dt.timedelta,
) -> None:
    """Hold bytes that were seen in the store after they had been announced, until the transaction ends.

    Raises:
        BlobLeaving: That was so long ago that they may be gone since.
        InvalidArtifact: Bytes of that sha256 are known, and are not as many.
    """
    parameters = {
        **_named(key),
        "size_bytes": size_bytes,
        "renewed_at": renewed_at,
        "least_age": least_age,
    }
    row = connection.execute(_QUERIES["keep_blob"], parameters).fetchone()
    if row is None:
        raise BlobLeaving(key.sha256)
    _check_size(key, size_bytes, known_bytes=row[0])


def _named(key: BlobKey) -> dict[str, object]:
    return {"tenant_id": key.tenant_id, "sha256": bytes.fromhex(key.sha256)}


def _check_size(key: BlobKey, size_bytes: int, *, known_bytes: int) -> None:
    # Else what one script says of its file would decide about the files of others.
    if size_bytes != known_bytes:
        raise InvalidArtifact(
            f"sha256 {key.sha256} is known to be of {known_bytes} bytes, {size_bytes} were announced"
        )
