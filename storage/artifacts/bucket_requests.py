"""Signed requests to a bucket: each is good for one thing, with one content, for a while."""

import base64
import datetime as dt
from collections.abc import Mapping
from typing import Any

from storage.artifacts.location import BucketLocation
from sweeps.blobs import Blob, BlobPart, Upload

_HEADERS = {
    "ChecksumSHA256": "x-amz-checksum-sha256",
    "ChecksumCRC32": "x-amz-checksum-crc32",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
}


class BucketRequests:
    """Signs for clients that have no credentials.

    The sums are in signed headers: the bucket itself refuses other bytes.
    """

    def __init__(self, client: Any, location: BucketLocation) -> None:
        self._client = client
        self.encryption = _encryption(location.encryption)  #: arguments that create an object

    def put(self, place: Mapping[str, str], blob: Blob, *, expires_at: dt.datetime) -> Upload:
        """Brings a blob of one part."""
        return self._upload("put_object", place, self.of_whole(blob.key.sha256), {}, expires_at)

    def of_whole(self, sha256: str) -> dict[str, str]:
        """Arguments that bring a blob in one piece: what it is, and how it is encrypted."""
        return {"ChecksumSHA256": _base64(bytes.fromhex(sha256)), **self.encryption}

    def part(
        self, place: Mapping[str, str], part: BlobPart, upload_id: str, *, expires_at: dt.datetime
    ) -> Upload:
        """Brings one part of several."""
        which: dict[str, object] = {"UploadId": upload_id, "PartNumber": part.number}
        return self._upload(
            "upload_part", place, {"ChecksumCRC32": sum_text(part)}, which, expires_at
        )

    def get(self, place: Mapping[str, str], *, disposition: str, expires_at: dt.datetime) -> str:
        """Where a blob can be read."""
        parameters = {**place, "ResponseContentDisposition": disposition}
        return self._sign("get_object", parameters, expires_at)

    def _upload(
        self,
        operation: str,
        place: Mapping[str, str],
        said: Mapping[str, str],
        which: Mapping[str, object],
        expires_at: dt.datetime,
    ) -> Upload:
        url = self._sign(operation, {**place, **said, **which}, expires_at)
        headers = {_HEADERS[name]: value for name, value in said.items()}
        return Upload(method="PUT", url=url, headers=headers)

    def _sign(
        self, operation: str, parameters: Mapping[str, object], expires_at: dt.datetime
    ) -> str:
        left = expires_at - dt.datetime.now(dt.UTC)
        return str(
            self._client.generate_presigned_url(
                operation, Params=dict(parameters), ExpiresIn=max(1, int(left.total_seconds()))
            )
        )


def sum_text(part: BlobPart) -> str:
    """The part's CRC-32 as S3 writes it."""
    assert part.crc32 is not None  # it is one of several
    return _base64(part.crc32.to_bytes(4, "big"))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _encryption(setting: str | None) -> dict[str, str]:
    if setting is None:
        return {}
    name, _, key = setting.partition("aws:kms:")
    if not key:
        return {"ServerSideEncryption": name}
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
