"""Artifacts in a bucket of S3, or of a server that speaks like it.

Bytes go between scripts and the bucket, by signed requests, and not through this process, but for
what it brings itself. What has arrived of a large blob is the bucket's to say: its own unfinished
upload is found again by its key, and nothing about it is kept here.
"""

import datetime as dt
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from botocore.exceptions import (  # pyright: ignore[reportMissingTypeStubs]  it has none
    ClientError,
)

from storage.artifacts.blob_paths import OWNER_NAME, blob_path, parse_blob_path
from storage.artifacts.bucket_classes import MOST_AT_ONCE, BucketClasses
from storage.artifacts.bucket_errors import bucket_errors, code_of, is_no_key
from storage.artifacts.bucket_requests import BucketRequests, sum_text
from storage.artifacts.location import BucketLocation
from storage.artifacts.s3_client import s3_client
from sweeps.artifacts import InvalidArtifact, attachment
from sweeps.blobs import (
    Blob,
    BlobKey,
    BlobMissing,
    BlobPart,
    MissingPart,
    StorageClass,
    StoredBytes,
)
from sweeps.errors import ArtifactNotFound

_GONE = frozenset({"NoSuchUpload", "InvalidPart"})  # another writer was faster, or it was abandoned
_BUFFER_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A part that the bucket has."""

    etag: str
    size_bytes: int
    crc32: str | None  #: None: the server does not tell what it has compared

    def is_it(self, part: BlobPart) -> bool:
        return self.size_bytes == part.size_bytes and self.crc32 in {None, sum_text(part)}


class ArtifactBucket:
    """An `ArtifactStore` with classes, in a bucket. Nothing is asked of it before the first call.

    Args:
        most_copied: Bytes that are copied at once when a blob goes to another class.
    """

    def __init__(self, location: BucketLocation, *, most_copied: int = MOST_AT_ONCE) -> None:
        self._location = location
        self._prefix = f"{location.prefix}/" if location.prefix else ""
        self._client = s3_client(location)
        self._patient_client = s3_client(location, is_patient=True)
        self._requests = BucketRequests(self._client, location)
        self._classes = BucketClasses(
            self._patient_client,
            location,
            encryption=self._requests.encryption,
            most_at_once=most_copied,
        )

    def size_of(self, key: BlobKey) -> int | None:
        """Bytes of the blob; None when it is not there."""
        with bucket_errors(self._location):
            try:
                return int(self._client.head_object(**self._object(key))["ContentLength"])
            except ClientError as exc:
                if is_no_key(exc):
                    return None
                raise

    def missing_parts(
        self, blob: Blob, *, limit: int, expires_at: dt.datetime
    ) -> tuple[MissingPart, ...] | None:
        """Parts that have not arrived, each with a signed request."""
        if self._is_there(blob):
            return None
        place = self._object(blob.key)
        with bucket_errors(self._location):
            # To a HEAD, a bucket that does not exist looks like an object that does not.
            self._client.head_bucket(Bucket=self._location.bucket)
            if not blob.crc32:
                request = self._requests.put(place, blob, expires_at=expires_at)
                return (MissingPart(part=blob.parts[0], request=request),)
            upload_id = self._newest_upload(blob.key) or self._begin(blob)
            arrived = self._arrived(blob, upload_id)
            missing = [part for part in blob.parts if not _is_there(part, arrived)]
            return tuple(
                MissingPart(
                    part=part,
                    request=self._requests.part(place, part, upload_id, expires_at=expires_at),
                )
                for part in missing[:limit]
            )

    def finish(self, blob: Blob) -> None:
        """Let the bucket put the parts together. Two may do it: one of them finds it done."""
        if self._is_there(blob):
            return
        with bucket_errors(self._location):
            upload_id = self._newest_upload(blob.key) if blob.crc32 else None
            is_done = upload_id is not None and self._complete(blob, upload_id)
        if not is_done and self.size_of(blob.key) != blob.size_bytes:
            raise BlobMissing(blob.key.sha256)

    def put(self, key: BlobKey, data: bytes) -> None:
        """Bring a blob of one part from this process; the bucket compares it with its sha256."""
        with bucket_errors(self._location):
            self._client.put_object(
                **self._object(key), Body=data, **self._requests.of_whole(key.sha256)
            )

    def open(self, key: BlobKey) -> BinaryIO:
        """The blob for reading, a piece at a time."""
        with bucket_errors(self._location):
            try:
                body = self._patient_client.get_object(**self._object(key))["Body"]
            except ClientError as exc:
                if code_of(exc) == "NoSuchKey":
                    raise ArtifactNotFound(key.sha256) from exc
                raise
        return io.BufferedReader(_Body(body, self._location), _BUFFER_BYTES)

    def download_url(self, key: BlobKey, *, name: str, expires_at: dt.datetime) -> str | None:
        """A signed address, under which a browser saves the file by its name."""
        with bucket_errors(self._location):
            return self._requests.get(
                self._object(key), disposition=attachment(name), expires_at=expires_at
            )

    def address(self, key: BlobKey) -> str:
        """The object as an s3:// URL, which AWS's own tools take."""
        return "s3://{Bucket}/{Key}".format_map(self._object(key))

    def delete(self, key: BlobKey) -> None:
        """Remove the blob; a bucket with versions keeps an older one as long as it likes."""
        with bucket_errors(self._location):
            self._client.delete_object(**self._object(key))

    def move(self, key: BlobKey, storage_class: StorageClass) -> None:
        """Put the blob into a class; it can be read all the while."""
        self._classes.move(self._object(key), storage_class)

    def stored(self, *, before: dt.datetime) -> Iterator[StoredBytes]:
        """All blobs under our prefix that have not changed since; what others have there is left out."""
        with bucket_errors(self._location):
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._location.bucket, Prefix=self._prefix):
                for one in page.get("Contents", ()):
                    found = parse_blob_path(str(one["Key"]).removeprefix(self._prefix))
                    if found is not None and one["LastModified"] < before:
                        yield StoredBytes(
                            folder=found[0], sha256=found[1], size_bytes=int(one["Size"])
                        )

    def owner(self) -> str | None:
        """Of which installation it is; None: nobody has said so."""
        with bucket_errors(self._location):
            try:
                body = self._client.get_object(**self._owner_object())["Body"]
            except ClientError as exc:
                if code_of(exc) == "NoSuchKey":
                    return None
                raise
            return str(body.read().decode("ascii")).strip()

    def set_owner(self, installation: str) -> None:
        """Say of which one it is, whatever was said before."""
        with bucket_errors(self._location):
            self._client.put_object(
                **self._owner_object(),
                Body=f"{installation}\n".encode("ascii"),
                **self._requests.encryption,
            )

    def abandon_unfinished(self, *, older_than: dt.timedelta) -> int:
        """Forget uploads of which nothing came for so long; those of others in the bucket stay."""
        oldest = dt.datetime.now(dt.UTC) - older_than
        count = 0
        with bucket_errors(self._location):
            for upload in self._uploads(self._prefix):
                name = str(upload["Key"]).removeprefix(self._prefix)
                if parse_blob_path(name) is None or upload["Initiated"] >= oldest:
                    continue
                place = {"Bucket": self._location.bucket, "Key": upload["Key"]}
                try:
                    parts = self._parts(place, upload["UploadId"])
                    if all(part["LastModified"] < oldest for part in parts):
                        self._client.abort_multipart_upload(**place, UploadId=upload["UploadId"])
                        count += 1
                except ClientError as exc:
                    if code_of(exc) not in _GONE:
                        raise
        return count

    def _is_there(self, blob: Blob) -> bool:
        """Whether it is stored. What came in parts is never written over: nobody compares its sha256.

        Raises:
            InvalidArtifact: Something of another size is in its place.
        """
        size_bytes = self.size_of(blob.key)
        if size_bytes not in {None, blob.size_bytes} and blob.crc32:
            raise InvalidArtifact(
                f"{size_bytes} bytes of sha256 {blob.key.sha256} are stored, {blob.size_bytes} were "
                "announced: one of them is wrong; `sweepworks artifacts verify` says whether these are"
            )
        return size_bytes == blob.size_bytes

    def _object(self, key: BlobKey) -> dict[str, str]:
        return {"Bucket": self._location.bucket, "Key": self._prefix + blob_path(key)}

    def _owner_object(self) -> dict[str, str]:
        return {"Bucket": self._location.bucket, "Key": self._prefix + OWNER_NAME}

    def _newest_upload(self, key: BlobKey) -> str | None:
        name = self._object(key)["Key"]
        uploads = [upload for upload in self._uploads(name) if upload["Key"] == name]
        # Two writers may have begun at once. Both go on with the same one, whatever the clock says.
        newest = max(uploads, key=lambda u: (u["Initiated"], u["UploadId"]), default=None)
        return None if newest is None else str(newest["UploadId"])

    def _uploads(self, prefix: str) -> Iterator[Mapping[str, Any]]:
        pages = self._client.get_paginator("list_multipart_uploads")
        for page in pages.paginate(Bucket=self._location.bucket, Prefix=prefix):
            yield from page.get("Uploads", ())

    def _begin(self, blob: Blob) -> str:
        begun = self._client.create_multipart_upload(
            **self._object(blob.key), ChecksumAlgorithm="CRC32", **self._requests.encryption
        )
        return str(begun["UploadId"])

    def _parts(self, place: Mapping[str, str], upload_id: str) -> Iterator[Mapping[str, Any]]:
        pages = self._client.get_paginator("list_parts")
        for page in pages.paginate(**place, UploadId=upload_id):
            yield from page.get("Parts", ())

    def _arrived(self, blob: Blob, upload_id: str) -> dict[int, _Arrived]:
        try:
            return {
                int(part["PartNumber"]): _Arrived(
                    str(part["ETag"]), int(part["Size"]), part.get("ChecksumCRC32")
                )
                for part in self._parts(self._object(blob.key), upload_id)
            }
        except ClientError as exc:
            if code_of(exc) in _GONE:
                raise BlobMissing(blob.key.sha256) from exc
            raise

    def _complete(self, blob: Blob, upload_id: str) -> bool:
        """Whether this call has done it; else somebody else has, or something is missing."""
        arrived = self._arrived(blob, upload_id)
        if not all(_is_there(part, arrived) for part in blob.parts):
            return False
        # The sums are ours: some servers compare them, ask for them here and do not list them.
        parts = [
            {
                "PartNumber": part.number,
                "ETag": arrived[part.number].etag,
                "ChecksumCRC32": sum_text(part),
            }
            for part in blob.parts
        ]
        try:
            self._patient_client.complete_multipart_upload(
                **self._object(blob.key), UploadId=upload_id, MultipartUpload={"Parts": parts}
            )
        except ClientError as exc:
            if code_of(exc) in _GONE:
                return False
            raise
        return True


def _is_there(part: BlobPart, arrived: Mapping[int, _Arrived]) -> bool:
    found = arrived.get(part.number)
    return found is not None and found.is_it(part)


class _Body(io.RawIOBase):
    """What comes from the bucket, its errors translated."""

    def __init__(self, body: Any, location: BucketLocation) -> None:
        self._body = body
        self._location = location

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        with bucket_errors(self._location):
            data = cast("bytes", self._body.read(len(buffer)))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._body.close()
        super().close()
