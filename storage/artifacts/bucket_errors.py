"""The one place that knows boto3's errors: by code, never by message, and what to do about each."""

import contextlib
from collections.abc import Generator
from typing import Any, cast

from botocore.exceptions import (  # pyright: ignore[reportMissingTypeStubs]  it has none
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)

from storage.artifacts.location import BucketLocation
from sweeps.errors import DiskFull, StorageUnavailable, SweepsError

_FORBIDDEN = frozenset(
    {
        "403",
        "AccessDenied",
        "AllAccessDisabled",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "SignatureDoesNotMatch",
    }
)
_NO_BUCKET = frozenset({"404", "NoSuchBucket", "NotFound"})
_NO_KEY = frozenset({"404", "NoSuchKey", "NotFound"})
_BUSY = frozenset({"429", "503", "RequestLimitExceeded", "ServiceUnavailable", "SlowDown"})
_FULL = frozenset({"507", "InsufficientStorage", "QuotaExceeded", "XMinioStorageFull"})
_CLOCK = frozenset({"RequestTimeTooSkewed", "RequestExpired"})
_BUSY_SECONDS = 5.0


def code_of(exc: ClientError) -> str:
    """S3's word for what went wrong, or the status where an answer has no words."""
    answer: dict[str, Any] = cast("dict[str, Any]", exc.response)
    return str(answer.get("Error", {}).get("Code", ""))


def is_no_key(exc: ClientError) -> bool:
    """Whether there is no such object; of a HEAD also when there is no such bucket."""
    return code_of(exc) in _NO_KEY


@contextlib.contextmanager
def bucket_errors(location: BucketLocation) -> Generator[None, None, None]:
    """Translates every error of boto3 within.

    Raises:
        DiskFull: The server has no space left.
        StorageUnavailable: Anything else; links expire, rights and buckets come back.
    """
    try:
        yield
    except ClientError as exc:
        raise _translated(exc, location) from exc
    except (NoCredentialsError, PartialCredentialsError) as exc:
        raise StorageUnavailable(
            f"there are no credentials for {location}; set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, a profile or a role, for the gateway"
        ) from exc
    except NoRegionError as exc:
        raise StorageUnavailable(f"no region for {location}; set AWS_DEFAULT_REGION") from exc
    except BotoCoreError as exc:  # its message may carry a signed address
        raise StorageUnavailable(f"{location} does not answer ({type(exc).__name__})") from exc


def _translated(exc: ClientError, location: BucketLocation) -> SweepsError:
    code = code_of(exc)
    if code in _FORBIDDEN:
        return StorageUnavailable(
            f"{location} is forbidden to these credentials ({code}); allow them s3:ListBucket, "
            "s3:ListBucketMultipartUploads, s3:ListMultipartUploadParts, s3:GetObject, "
            "s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload there"
        )
    if code in _NO_BUCKET:
        return StorageUnavailable(
            f"the bucket of {location} does not exist; make it, or name another one with "
            "SWEEPWORKS_ARTIFACTS"
        )
    if code in _BUSY:
        return StorageUnavailable(
            f"{location} asks for fewer requests ({code})", retry_after_seconds=_BUSY_SECONDS
        )
    if code in _FULL:
        return DiskFull(f"{location} has no space left ({code}); make room there")
    if code in _CLOCK:
        return StorageUnavailable(f"the clock of this machine is wrong, says {location}; set it")
    return StorageUnavailable(f"{location} refuses a request ({code or 'without a reason'})")
