"""Where artifacts are kept: `SWEEPWORKS_ARTIFACTS` names a folder or a bucket."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from storage.artifacts.folder import ArtifactFolder
from sweeps.errors import PermanentError

if TYPE_CHECKING:
    from storage.artifacts.bucket import ArtifactBucket

ARTIFACTS = "SWEEPWORKS_ARTIFACTS"
ENDPOINT = "SWEEPWORKS_S3_ENDPOINT"
ENCRYPTION = "SWEEPWORKS_S3_ENCRYPTION"

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")
_ENCRYPTION = re.compile(r"AES256|aws:kms(?::[A-Za-z0-9:/_-]{1,2048})?")


class InvalidLocation(PermanentError):
    """A place for artifacts that cannot be one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketLocation:
    """A bucket of S3, or of a server that speaks like it."""

    bucket: str
    prefix: str = ""  #: of every key, without slashes at its ends
    endpoint: str | None = None  #: None: Amazon's
    encryption: str | None = (
        None  #: ``AES256``, ``aws:kms`` or ``aws:kms:<key>``; None: the bucket's
    )

    def __str__(self) -> str:
        where = f" at {self.endpoint}" if self.endpoint else ""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/") + where


Location = Path | BucketLocation


def location_in(environment: Mapping[str, str]) -> Location:
    """The place that the three variables name; the first one has to be there.

    Raises:
        InvalidLocation: They make no sense.
    """
    text = environment[ARTIFACTS]
    if "://" not in text:
        return Path(text).expanduser().absolute()
    parts = urlsplit(text)
    prefix = parts.path.strip("/")
    is_plain = not (parts.query or parts.fragment)
    if (
        parts.scheme != "s3"
        or not _BUCKET.fullmatch(parts.netloc)
        or (prefix and not _PREFIX.fullmatch(prefix))
        or {".", ".."} & set(prefix.split("/"))
        or not is_plain
    ):
        shown = f"{parts.scheme}://…" if "@" in parts.netloc else text
        raise InvalidLocation(f"{ARTIFACTS} is {shown!r}; write a folder or s3://bucket/prefix")
    return BucketLocation(
        bucket=parts.netloc,
        prefix=prefix,
        endpoint=_endpoint(environment.get(ENDPOINT)),
        encryption=_encryption(environment.get(ENCRYPTION)),
    )


def open_store(location: Location) -> "ArtifactFolder | ArtifactBucket":
    """The store there.

    Raises:
        DiskFull: No space in the folder.
        StorageUnavailable: The folder cannot be written.
    """
    if isinstance(location, BucketLocation):
        from storage.artifacts.bucket import ArtifactBucket

        return ArtifactBucket(location)
    return ArtifactFolder(location)


def _endpoint(value: str | None) -> str | None:
    if not value:
        return None
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise InvalidLocation(f"{ENDPOINT} is no address; write one such as https://minio.lan:9000")
    return value.rstrip("/")


def _encryption(value: str | None) -> str | None:
    if value and not _ENCRYPTION.fullmatch(value):
        raise InvalidLocation(
            f"{ENCRYPTION} is {value!r}; write AES256, aws:kms or aws:kms:<key>, or nothing for "
            "what the bucket does by itself"
        )
    return value or None
