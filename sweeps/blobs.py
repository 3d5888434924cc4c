"""Blobs: bytes under their sha256, and the store that keeps them."""

import datetime as dt
import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Protocol, runtime_checkable

from sweepworks.parts import count_parts, part_of

from sweeps.errors import PermanentError, TransientError
from sweeps.ids import TenantId


class BlobMissing(TransientError):
    """Bytes that have not arrived, or are gone: who has them brings them again."""

    def __init__(self, sha256: str) -> None:
        self.sha256 = sha256
        super().__init__(f"the bytes of sha256 {sha256} are not all there: begin again")


class BlobLeaving(TransientError):
    """Bytes that are being deleted at this moment; in the next one they can be brought again."""

    def __init__(self, sha256: str) -> None:
        self.sha256 = sha256
        super().__init__(f"the bytes of sha256 {sha256} are being deleted: try again")


class BlobFinishing(TransientError):
    """Bytes that somebody else's request is putting together: ask again."""

    def __init__(self, sha256: str) -> None:
        self.sha256 = sha256
        super().__init__(f"the parts of sha256 {sha256} are put together at this moment")


class CollectionRefused(PermanentError):
    """A store from which nothing is deleted before a person has looked."""


class StoreOfAnother(CollectionRefused):
    """A store that names another installation: what this one does not know of may be that one's."""

    def __init__(self, owner: str, installation: str) -> None:
        super().__init__(
            f"the artifact store is of installation {owner or 'nobody'}, and this one is "
            f"{installation}: nothing is deleted from it. Give each its own folder, bucket or prefix; "
            "or, when the other one is gone for good, `sweepworks retention delete --take-over`"
        )


class TooManyStrays(CollectionRefused):
    """So many files that no row knows of that it is rather the database that misses something."""

    def __init__(self, strays: int, files: int) -> None:
        super().__init__(
            f"{strays:,} of {files:,} files in the artifact store are unknown to the database: was an "
            "older one restored? Nothing is collected. If they may go: "
            "`sweepworks retention delete --with-strays`"
        )


class BlobState(enum.StrEnum):
    """Whether an artifact may refer to bytes. Values are stored; add, never rename."""

    STORED = "stored"
    DELETING = "deleting"  #: nothing refers to them, and nothing may: they go


class StorageClass(enum.StrEnum):
    """What a bucket asks for keeping bytes, and for reading them: of each class at once.

    Values are those of the price book, and are stored; add, never rename. Upper case is S3's.
    """

    STANDARD = "standard"
    STANDARD_IA = "standard_ia"
    ONEZONE_IA = "onezone_ia"
    INTELLIGENT_TIERING = "intelligent_tiering"
    GLACIER_IR = "glacier_ir"


#: Where bytes go that are seldom read.
COLD_CLASSES = tuple(one for one in StorageClass if one is not StorageClass.STANDARD)


class NoStorageClass(PermanentError):
    """The store does not know a class, or does not let this installation use it."""


class BytesArchived(PermanentError):
    """Bytes in a class of archives, where no plan of ours puts any: nobody can read them there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobKey:
    """Where bytes are: equal ones are shared within a tenant, never across tenants.

    So nobody learns, or gets at, another tenant's files by knowing their digest.
    """

    tenant_id: TenantId
    sha256: str  #: 64 lower-case hexadecimal digits


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobPart:
    """A stretch of a blob, which is brought in one piece."""

    number: int  #: from 1
    offset: int
    size_bytes: int
    crc32: int | None  #: None of the only part: its sha256 is the blob's
    blob_bytes: int  #: of the whole blob


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """Bytes that are to be stored, and how their parts are recognised."""

    key: BlobKey
    size_bytes: int
    crc32: tuple[int, ...] = ()  #: of each part, where there are several

    @property
    def parts(self) -> tuple[BlobPart, ...]:
        """All of them, in order; see `sweepworks.parts`."""
        return tuple(
            blob_part(self.size_bytes, number, crc32=self.crc32[number - 1] if self.crc32 else None)
            for number in range(1, count_parts(self.size_bytes) + 1)
        )


def blob_part(size_bytes: int, number: int, *, crc32: int | None) -> BlobPart:
    """The part of that number of a blob of `size_bytes`.

    Raises:
        ValueError: There is none of that number.
    """
    part = part_of(size_bytes, number)
    return BlobPart(
        number=number,
        offset=part.offset,
        size_bytes=part.size,
        crc32=crc32,
        blob_bytes=size_bytes,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A request that a client makes to bring bytes: the store's own, or the gateway's."""

    method: str
    url: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingPart:
    """A part that the store has not got, and how a client brings it."""

    part: BlobPart
    request: Upload | None  #: to the store itself; None: through the gateway


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBytes:
    """Bytes as a store lists them."""

    folder: str  #: of their tenant; see `storage.artifacts.blob_paths`
    sha256: str
    size_bytes: int


class ArtifactStore(Protocol):
    """Bytes by digest.

    **Atomicity.** A blob is there whole, or not at all. A blob of one part was compared with its
    sha256; of several, each with its CRC-32, and in a folder the whole with its sha256.

    **Idempotency.** Bringing what is there already is success. What has arrived of a blob stays
    until the blob is finished, or abandoned.

    Every method raises `StorageUnavailable` when the store does not answer.
    """

    def size_of(self, key: BlobKey) -> int | None:
        """Bytes of the blob; None when it is not there."""
        ...

    def missing_parts(
        self, blob: Blob, *, limit: int, expires_at: dt.datetime
    ) -> tuple[MissingPart, ...] | None:
        """The first `limit` parts that have not arrived.

        Returns:
            None when the blob is there; nothing when all parts are, and it is to be finished.
        """
        ...

    def finish(self, blob: Blob) -> None:
        """Make one blob of its parts, durably; of one that is there nothing is to be made.

        Raises:
            BlobMissing: Not all of them are there.
            BlobFinishing: Another call is at it.
            InvalidArtifact: They are not the blob that was announced; nothing of it is kept.
        """
        ...

    def put(self, key: BlobKey, data: bytes) -> None:
        """Bring a blob of one part, of that digest, from this process. `DiskFull`."""
        ...

    def open(self, key: BlobKey) -> BinaryIO:
        """The blob for reading. `ArtifactNotFound`."""
        ...

    def download_url(self, key: BlobKey, *, name: str, expires_at: dt.datetime) -> str | None:
        """Where a client reads the blob from the store itself; None: through the gateway."""
        ...

    def address(self, key: BlobKey) -> str:
        """Where the blob is or would be, for people with rights of their own: a path or an s3:// URL."""
        ...

    def delete(self, key: BlobKey) -> None:
        """Remove the blob; removing one that is not there is success."""
        ...

    def stored(self, *, before: dt.datetime) -> Iterator[StoredBytes]:
        """All blobs that have not changed since, in no order; what is not ours is left out."""
        ...

    def owner(self) -> str | None:
        """Of which installation it is; None: nobody has said so."""
        ...

    def set_owner(self, installation: str) -> None:
        """Say of which one it is, whatever was said before. `DiskFull`."""
        ...

    def abandon_unfinished(self, *, older_than: dt.timedelta) -> int:
        """Forget parts of which nothing came for so long; returns of how many blobs."""
        ...


@runtime_checkable
class StoreWithClasses(Protocol):
    """A store that keeps bytes in classes of different prices.

    **Idempotency.** Bytes that are in the class already are left alone. They can be read all the
    while; whoever dies leaves them in one class or in the other.
    """

    def move(self, key: BlobKey, storage_class: StorageClass) -> None:
        """Put the blob into a class.

        Raises:
            ArtifactNotFound: It is not there.
            NoStorageClass: The store does not have the class.
            BytesArchived: It is in a class of archives.
            StorageUnavailable: The store does not answer.
        """
        ...


class BlobUpload(Protocol):
    """Bytes on their way into the store; nothing is to be seen of them before `finish`."""

    def write(self, data: bytes) -> None:
        """Append. `ArtifactTooLarge`, `DiskFull`, `StorageUnavailable`."""
        ...

    def finish(self) -> None:
        """Keep them, durably, if they are what was announced. `InvalidArtifact`, `DiskFull`."""
        ...

    def abort(self) -> None:
        """Forget them; after `finish` it does nothing."""
        ...


class BlobIntake(Protocol):
    """A store whose parts come through this process."""

    def receive(self, key: BlobKey, part: BlobPart) -> BlobUpload:
        """Begin to bring a part; the only one of a blob is the blob. `DiskFull`."""
        ...
