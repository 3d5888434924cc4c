"""Objects of a bucket in classes of other prices: copied in place, by the bucket itself."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import (  # pyright: ignore[reportMissingTypeStubs]  it has none
    ClientError,
)

from storage.artifacts.bucket_errors import bucket_errors, code_of, is_no_key
from storage.artifacts.location import BucketLocation
from sweeps.blobs import BytesArchived, NoStorageClass, StorageClass
from sweeps.errors import ArtifactNotFound

#: S3 copies 5 GiB at once; of less, no copy takes longer than anybody waits for an answer.
MOST_AT_ONCE = 2**30
_ARCHIVED = frozenset({"InvalidObjectState", "ObjectNotInActiveTierError"})
_UNKNOWN = frozenset({"InvalidStorageClass", "NotImplemented", "UnsupportedOperation"})


class BucketClasses:
    """Moves objects between classes.

    Args:
        client: One that waits for what takes its time.
        encryption: Arguments that create an object.
        most_at_once: Bytes of one copy; of larger objects so many in each part.
    """

    def __init__(
        self,
        client: Any,
        location: BucketLocation,
        *,
        encryption: Mapping[str, str],
        most_at_once: int = MOST_AT_ONCE,
    ) -> None:
        self._client = client
        self._location = location
        self._encryption = encryption
        self._most_at_once = most_at_once

    def move(self, place: Mapping[str, str], storage_class: StorageClass) -> None:
        """Put an object into a class, unless it is there.

        Whoever reads it meanwhile gets the one or the other, whole. What a copy in parts has left
        when its process died is abandoned as an upload is.

        Raises:
            ArtifactNotFound: There is no such object.
            NoStorageClass: The server has no such class.
            BytesArchived: It is in a class of archives.
            StorageUnavailable: The bucket does not answer.
        """
        name = storage_class.upper()
        with bucket_errors(self._location):
            try:
                head = self._client.head_object(**place)
                if _class_of(head) == name:
                    return
                self._copy(place, name, size=int(head["ContentLength"]), etag=str(head["ETag"]))
                is_there = _class_of(self._client.head_object(**place)) == name
            except ClientError as exc:
                if is_no_key(exc):
                    raise ArtifactNotFound(place["Key"].rsplit("/", 1)[-1]) from exc
                if code_of(exc) in _UNKNOWN:
                    raise NoStorageClass(
                        f"{self._location} has no storage class {name} ({code_of(exc)}): name "
                        "another one in the policy of retention, or leave `cold_after` out"
                    ) from exc
                if code_of(exc) in _ARCHIVED:
                    raise BytesArchived(
                        f"{place['Key']} of {self._location} was archived, by a rule of the bucket's "
                        "own: restore it there (RestoreObject), and it comes back by itself"
                    ) from exc
                raise
        if not is_there:  # some servers take any word for a class, and do nothing with it
            raise NoStorageClass(
                f"{self._location} was asked for storage class {name} and stores as before: leave "
                "`cold_after` out of the policy of retention"
            )

    def _copy(self, place: Mapping[str, str], name: str, *, size: int, etag: str) -> None:
        # Of what is there now, and not of what somebody puts there meanwhile.
        source = {"CopySource": dict(place), "CopySourceIfMatch": etag}
        if size <= self._most_at_once:
            self._client.copy_object(**place, **source, StorageClass=name, **self._encryption)
            return
        begun = self._client.create_multipart_upload(**place, StorageClass=name, **self._encryption)
        upload = {**place, "UploadId": begun["UploadId"]}
        try:
            parts: list[dict[str, object]] = []
            for number, first in enumerate(range(0, size, self._most_at_once), start=1):
                last = min(first + self._most_at_once, size) - 1
                copied = self._client.upload_part_copy(
                    **upload, **source, PartNumber=number, CopySourceRange=f"bytes={first}-{last}"
                )
                parts.append({"PartNumber": number, "ETag": copied["CopyPartResult"]["ETag"]})
            self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        except ClientError:
            self._client.abort_multipart_upload(**upload)
            raise


def _class_of(head: Mapping[str, Any]) -> str:
    return str(head.get("StorageClass", StorageClass.STANDARD.upper()))
