"""Artifacts: named files of a run, their bytes kept once for each tenant, addressed by sha256."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from sweeps.errors import PermanentError
from sweeps.ids import RunId, TenantId

MAX_NAME_LENGTH = 256
MAX_TYPE_LENGTH = 64
MAX_SIZE_BYTES = 64 * 2**30  # arbitrary; above it a mistake is likelier than a checkpoint

_PART = re.compile(r"[A-Za-z0-9._ -]+")
_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class InvalidArtifact(PermanentError):
    """A name, type, digest or size that cannot be, or bytes that are not what was announced."""


class ArtifactTooLarge(InvalidArtifact):
    """More bytes than were announced, or than are taken at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobKey:
    """Where bytes are: equal ones are shared within a tenant, never across tenants.

    So nobody learns, or gets at, another tenant's files by knowing their digest.
    """

    tenant_id: TenantId
    sha256: str  #: 64 lower-case hexadecimal digits


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactDraft:
    """An artifact as its run announces it, checked."""

    name: str
    type: str
    sha256: str
    size_bytes: int

    @classmethod
    def checked(cls, *, name: str, type: str, sha256: str, size_bytes: int) -> "ArtifactDraft":  # noqa: A002 - the word of the wire
        """A draft that can be stored.

        Raises:
            InvalidArtifact: It says which part cannot be, and why.
            ArtifactTooLarge: More than `MAX_SIZE_BYTES`.
        """
        if not is_artifact_name(name):
            raise InvalidArtifact(
                f"{name[:80]!r} cannot be the name of an artifact: a relative path of at most "
                f"{MAX_NAME_LENGTH} characters, with parts of letters, digits, '.', '_', ' ' and "
                "'-', none of them '.' or '..'"
            )
        if len(type) > MAX_TYPE_LENGTH or _TYPE.fullmatch(type) is None:
            raise InvalidArtifact(
                f"{type[:80]!r} cannot be the type of an artifact: at most {MAX_TYPE_LENGTH} "
                "letters, digits, '.', '_' and '-'"
            )
        if _SHA256.fullmatch(sha256) is None:
            raise InvalidArtifact("sha256 is not 64 lower-case hexadecimal digits")
        if size_bytes < 0:
            raise InvalidArtifact(f"size is {size_bytes}, below zero")
        if size_bytes > MAX_SIZE_BYTES:
            raise ArtifactTooLarge(
                f"{name!r} has {size_bytes} bytes, more than the {MAX_SIZE_BYTES} that are taken"
            )
        return cls(name=name, type=type, sha256=sha256, size_bytes=size_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A stored artifact; never changes."""

    run_id: RunId
    name: str
    type: str
    sha256: str
    size_bytes: int
    created_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A stored artifact that a later attempt of its run can go on from."""

    name: str  #: ``checkpoints/<level>/<file name>``
    level: int  #: resource level that training had reached
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A request that a client makes to bring bytes: the store's own, or the gateway's."""

    method: str
    url: str
    headers: Mapping[str, str]


class BlobUpload(Protocol):
    """Bytes on their way into the store; nothing is to be seen of them before `finish`."""

    def write(self, data: bytes) -> None:
        """Append. `ArtifactTooLarge`, `DiskFull`, `StorageUnavailable`."""
        ...

    def finish(self) -> None:
        """Keep them, durably, if size and digest are right. `InvalidArtifact`, `DiskFull`."""
        ...

    def abort(self) -> None:
        """Forget them; after `finish` it does nothing."""
        ...


class ArtifactStore(Protocol):
    """Bytes by digest.

    **Atomicity.** A blob is there whole, verified, or not at all.

    **Idempotency.** Bringing a blob that is there already is success.

    Every method raises `StorageUnavailable` when the store does not answer.
    """

    def size_of(self, key: BlobKey) -> int | None:
        """Bytes of the blob; None when it is not there."""
        ...

    def receive(self, key: BlobKey, *, size_bytes: int) -> BlobUpload:
        """Begin to bring a blob through this process. `DiskFull`."""
        ...

    def open(self, key: BlobKey) -> BinaryIO:
        """The blob for reading. `ArtifactNotFound`."""
        ...

    def upload_request(
        self, key: BlobKey, *, size_bytes: int, expires_at: dt.datetime
    ) -> Upload | None:
        """How a client brings the blob to the store itself; None: through the gateway."""
        ...

    def download_url(self, key: BlobKey, *, name: str, expires_at: dt.datetime) -> str | None:
        """Where a client reads the blob from the store itself; None: through the gateway."""
        ...

    def delete(self, key: BlobKey) -> None:
        """Remove the blob; removing one that is not there is success."""
        ...


def is_artifact_name(name: str) -> bool:
    """Whether `name` is a relative path that no system reads as anything else."""
    return 0 < len(name) <= MAX_NAME_LENGTH and all(
        _PART.fullmatch(part) is not None and part not in {".", ".."} for part in name.split("/")
    )
