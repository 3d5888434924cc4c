"""Artifacts: named files of a run, their bytes kept once for each tenant, addressed by sha256."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from sweepworks.parts import count_parts

from sweeps.blobs import Blob, BlobKey
from sweeps.errors import PermanentError
from sweeps.ids import RunId, TenantId

MAX_NAME_LENGTH = 256
MAX_TYPE_LENGTH = 64
MAX_SIZE_BYTES = 5 * 2**40  # what S3 takes; a folder does as S3 does

#: Of the files that a run's metric points become: nobody else's.
POINTS_TYPE = "points"
POINTS_NAME = re.compile(r"metrics/(system-)?(points|minutes|hours)-[0-9]+\.parquet", re.IGNORECASE)

_PART = re.compile(r"[A-Za-z0-9._ -]+")
_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class InvalidArtifact(PermanentError):
    """A name, type, digest or size that cannot be, or bytes that are not what was announced."""


class ArtifactTooLarge(InvalidArtifact):
    """More bytes than were announced, or than are taken at all."""


class StorageQuotaExceeded(ArtifactTooLarge):
    """More bytes than its tenant may have in the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactDraft:
    """An artifact as its run announces it, checked."""

    name: str
    type: str
    sha256: str
    size_bytes: int
    crc32: tuple[int, ...] = ()  #: of each part, where there are several

    @classmethod
    def checked(
        cls,
        *,
        name: str,
        type: str,  # noqa: A002 - the word of the wire
        sha256: str,
        size_bytes: int,
        crc32: Sequence[int] = (),
    ) -> "ArtifactDraft":
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
        return cls(
            name=name,
            type=type,
            sha256=sha256,
            size_bytes=size_bytes,
            crc32=_checked_sums(crc32, size_bytes),
        )

    def blob(self, tenant_id: TenantId) -> Blob:
        """What is to be stored for it."""
        key = BlobKey(tenant_id=tenant_id, sha256=self.sha256)
        return Blob(key=key, size_bytes=self.size_bytes, crc32=self.crc32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A stored artifact; never changes."""

    run_id: RunId
    name: str
    type: str
    sha256: str
    size_bytes: int
    created_at: dt.datetime
    goes_at: dt.datetime | None = None  #: marked by retention: on that day it is deleted


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A stored artifact that a later attempt of its run can go on from."""

    name: str  #: ``checkpoints/<level>/<file name>``
    level: int  #: resource level that training had reached
    sha256: str
    size_bytes: int


def is_artifact_name(name: str) -> bool:
    """Whether `name` is a relative path that no system reads as anything else."""
    return 0 < len(name) <= MAX_NAME_LENGTH and all(
        _PART.fullmatch(part) is not None and part not in {".", ".."} for part in name.split("/")
    )


def refuse_reserved(draft: ArtifactDraft) -> None:
    """Leave to retention what it goes by: that a run's points are a file lets them be dropped.

    Raises:
        InvalidArtifact: The type or the name is not a script's to use.
    """
    if draft.type == POINTS_TYPE:
        raise InvalidArtifact(
            f"the type {POINTS_TYPE!r} is that of exported metric points: use another one for "
            f"{draft.name!r}"
        )
    if POINTS_NAME.fullmatch(draft.name):
        raise InvalidArtifact(
            f"{draft.name!r} is what exported metric points are called: use another name"
        )


def attachment(name: str) -> str:
    """What makes a browser save an artifact, and never show it: a script's file is no page of ours."""
    return f"attachment; filename*=UTF-8''{quote(name.rsplit('/', 1)[-1])}"


def _checked_sums(crc32: Sequence[int], size_bytes: int) -> tuple[int, ...]:
    count = count_parts(size_bytes)
    if count == 1:
        return ()  # its sha256 says more
    if len(crc32) != count:
        raise InvalidArtifact(
            f"crc32 has {len(crc32)} numbers: a file of {size_bytes} bytes has {count} parts, and "
            "each has one"
        )
    if not all(0 <= number < 2**32 for number in crc32):
        raise InvalidArtifact("crc32 has a number that is none of 32 bits")
    return tuple(crc32)
